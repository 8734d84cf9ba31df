"""An operator and a cluster to install other projects' kinds in."""

from __future__ import annotations

# Fixtures: an operator with the rights of the chart, as in the other end-to-end tests.
from tests.e2e.conftest import cluster, operator, operator_kubeconfig, shared_operator

__all__ = ["cluster", "operator", "operator_kubeconfig", "shared_operator"]
