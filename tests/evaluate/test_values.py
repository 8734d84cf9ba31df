"""What policies, exemptions and checks say is shared by many workloads: nobody can change it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from readiness.api.vocabulary import Severity
from readiness.checks.base import (
    CannotTell,
    Edit,
    Finding,
    Reference,
    Skip,
    safe,
)
from readiness.evaluate.evaluator import Report
from readiness.evaluate.exemptions import Exemption
from readiness.evaluate.policy import CheckSetting, EffectiveCheck, Policy, Variant
from tests.evaluate.fakes import fake_check, workload
from tests.support import NOW

MUST = Severity.MUST
CHECK = fake_check("probe-missing")
VALUES = [
    Reference("Health checks: Probes", "https://kubernetes.io/docs/"),
    Edit("spec.replicas", 2),
    safe("spec.replicas", 2, "a pod more harms nobody"),
    Finding("must be so", "spec"),
    Skip("nothing to see"),
    CannotTell("no right to look"),
    CheckSetting(CHECK, MUST, None),
    Policy(name="p", settings={}),
    Variant(None, MUST, "p"),
    EffectiveCheck(CHECK, MUST, (), exemptable=True, grace_period=timedelta(0)),
    Exemption("shop", "legacy", (), None, frozenset(), "no endpoint yet", NOW, None),
    Report(workload().ref, (), ()),
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_values_cannot_be_changed(value: Any) -> None:
    with pytest.raises(AttributeError, match="immutable type"):
        setattr(value, value.__struct_fields__[0], None)
