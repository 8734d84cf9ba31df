"""The control plane with our CRDs in place."""

from __future__ import annotations

import pytest

from tests.support import ROOT
from tools.control_plane import ControlPlane


@pytest.fixture(scope="session")
def cluster(control_plane: ControlPlane) -> ControlPlane:
    """Return the control plane once it serves our kinds."""
    control_plane.kubectl("apply", "--server-side", "--filename", str(ROOT / "crds"))
    control_plane.kubectl(
        "wait", "--for=condition=Established", "--timeout=30s", "--filename", str(ROOT / "crds")
    )
    return control_plane
