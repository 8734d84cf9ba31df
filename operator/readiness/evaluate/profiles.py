"""The profiles a policy may extend: which checks, with which severity."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from readiness.api.vocabulary import Severity
from readiness.checks.base import Check, PodSecurity
from readiness.checks.registry import all_checks

PROFILES = (
    "none",
    "baseline",
    "standard",
    "strict",
    "pod-security-baseline",
    "pod-security-restricted",
)


@cache
def profile(name: str) -> Mapping[str, Severity]:
    """Return the checks of a profile with their severity, by check id.

    Raises:
        KeyError: when there is no such profile.
    """
    if name not in PROFILES:
        raise KeyError(name)
    found = {}
    for check in all_checks().values():
        severity = severity_in(name, check)
        if severity is not None:
            found[check.id] = severity
    return MappingProxyType(found)


def severity_in(name: str, check: Check) -> Severity | None:
    """Return the severity of a check in a profile, None when the profile lacks it."""
    match name:
        case "baseline":
            return check.severity if check.baseline else None
        case "standard":
            return check.severity
        case "strict":
            return Severity.MUST if check.severity is Severity.SHOULD else check.severity
        case "pod-security-baseline":
            return Severity.MUST if PodSecurity.BASELINE in check.pod_security else None
        case "pod-security-restricted":
            return Severity.MUST if check.pod_security else None
        case _:
            return None
