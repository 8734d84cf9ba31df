"""The words of the API: severities, results, enforcement, categories.

Kept free of pydantic so that reading a file with a built-in profile does not pay for its import.
"""

from __future__ import annotations

from enum import Enum, StrEnum
from functools import total_ordering

GROUP = "readiness.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"
FIELD_MANAGER = "readiness-operator"
BREAK_GLASS_ANNOTATION = f"{GROUP}/break-glass"
STAGE_LABEL = f"{GROUP}/stage"

ALWAYS_EXCLUDED_NAMESPACES = ("kube-system", "kube-public", "kube-node-lease")


@total_ordering
class Severity(Enum):
    """How much a finding matters, in the words of the readiness checklist.

    Ordered: `Severity.MUST > Severity.SHOULD > Severity.NICE`.
    """

    MUST = "Must"
    SHOULD = "Should"
    NICE = "Nice"

    # Enum's own is a function in Python: 40 ms where 1,000 workloads are counted (profiled).
    __hash__ = object.__hash__

    def __lt__(self, other: Severity) -> bool:
        return _SEVERITY_RANK[self] < _SEVERITY_RANK[other]

    def __str__(self) -> str:
        return self.value


_SEVERITY_RANK = {Severity.NICE: 0, Severity.SHOULD: 1, Severity.MUST: 2}


class Result(StrEnum):
    """Outcome of one check; the words of PolicyReport (`wgpolicyk8s.io/v1alpha2`)."""

    PASS = "pass"  # noqa: S105 - a result, not a password
    FAIL = "fail"
    WARN = "warn"
    SKIP = "skip"
    ERROR = "error"

    __hash__ = str.__hash__  # as above


class Enforcement(StrEnum):
    """What happens to a workload that violates a policy."""

    AUDIT = "Audit"
    WARN = "Warn"
    STRICT = "Strict"


class Category(Enum):
    """Family of checks; one condition on the workload each.

    Attributes:
        id: the name used in `readiness checks` and in reports.
        condition: the type of the condition, without the `readiness.dev/` prefix.
        title: for people.
    """

    def __init__(self, id: str, condition: str, title: str) -> None:
        self.id = id
        self.condition = condition
        self.title = title

    __hash__ = object.__hash__  # as above

    CONTAINER_SECURITY = ("container-security", "ContainersHardened", "Container security")
    IMAGES = ("images", "ImagesPinned", "Images")
    PROBES = ("probes", "ProbesConfigured", "Probes")
    RESOURCES = ("resources", "ResourcesBounded", "Resources")
    AUTOSCALING = ("autoscaling", "AutoscalingConfigured", "Autoscaling")
    DISRUPTION = ("disruption", "DisruptionTolerant", "Disruption")
    ROLLOUT = ("rollout", "RolloutSafe", "Rollout")
    NETWORKING = ("networking", "NetworkSecured", "Networking")
    OBSERVABILITY = ("observability", "Observable", "Observability")
    CONFIGURATION = ("configuration", "ConfigurationSound", "Configuration")
    DATA = ("data", "DataProtected", "Data")
    OPERATIONS = ("operations", "OperationsReady", "Operations")
    EVIDENCE = ("evidence", "EvidenceCurrent", "Evidence")
    SERVICE_LEVELS = ("service-levels", "ServiceLevelsMet", "Service levels")

    @property
    def condition_type(self) -> str:
        """Full type of the condition, such as `readiness.dev/ProbesConfigured`."""
        return f"{GROUP}/{self.condition}"


PRODUCTION_READY = f"{GROUP}/ProductionReady"
