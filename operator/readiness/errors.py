"""Every error this package raises on purpose.

ReadinessError
├── FieldError            a field of a manifest holds a value of the wrong type or form
├── QuantityError         text that is not a Kubernetes quantity
├── InputError            a file that cannot be read as Kubernetes manifests
├── ToolMissingError      a program that is needed, such as helm, is not installed
├── PolicyError           a policy that cannot be used as written
├── ReviewError           an admission review that cannot be answered
├── CertificateError      a certificate and key that cannot be served
├── MeasureError          a service level that cannot be measured
├── LostLeadershipError   this replica is not, or no longer, the one that writes
└── ClusterError          the cluster cannot be reached or does not answer as it should
    ├── NotFoundError     the object or the kind does not exist (404)
    ├── ForbiddenError    the service account lacks a right (401, 403)
    └── ConflictError     somebody else changed the object first (409)
"""

from __future__ import annotations

import re
from enum import Enum


class ReadinessError(Exception):
    """Base of all errors of this package; its text is fit to be shown to a person."""


class FieldError(ReadinessError):
    """A field of a manifest holds a value of the wrong type or form.

    The value is shown, but for fields that may hold a credential: those only say their type.

    Attributes:
        path: the field, as in `spec.template.spec.containers[0].image`.
        expected: what should be there, with its article: `a list`, `text`.
    """

    def __init__(self, path: str, expected: str, value: object) -> None:
        self.path = path
        self.expected = expected
        shown = describe_value(value, secret=_MAY_BE_SECRET.search(path) is not None)
        super().__init__(f"{path} must be {expected}, not {shown}")


class QuantityError(ReadinessError):
    """Text that is not a Kubernetes quantity."""


class InputError(ReadinessError):
    """A file that cannot be read as Kubernetes manifests; the text begins with `file:line`."""


class ToolMissingError(ReadinessError):
    """A program that is needed is not installed; the text says which, and the way out."""


class PolicyError(ReadinessError):
    """A policy that cannot be used as written.

    Attributes:
        reason: one CamelCase word, fit for the reason of a condition.
    """

    def __init__(self, reason: str, message: str) -> None:
        self.reason = reason
        super().__init__(message)


class Blame(Enum):
    """What a measurement failed for."""

    ANSWER = "answer"  # there is an answer, and it is no number to judge by
    QUERY = "query"  # no answer to this query; others may fare better
    SERVER = "server"  # no query would fare better


class MeasureError(ReadinessError):
    """A service level that cannot be measured.

    Attributes:
        outcome: one word for the metrics.
        blame: what it failed for.
    """

    def __init__(self, message: str, outcome: str, blame: Blame = Blame.ANSWER) -> None:
        self.outcome = outcome
        self.blame = blame
        super().__init__(message)


class LostLeadershipError(ReadinessError):
    """This replica is not, or no longer, the one that writes."""


class ReviewError(ReadinessError):
    """An admission review that cannot be answered with a verdict.

    Attributes:
        status: the HTTP status code to answer with, always an error.
        reason: one word for the metrics.
    """

    def __init__(self, status: int, reason: str, message: str) -> None:
        self.status = status
        self.reason = reason
        super().__init__(message)


class CertificateError(ReadinessError):
    """A certificate and key that cannot be served; the text names the file at fault."""


class ClusterError(ReadinessError):
    """The cluster cannot be reached or does not answer as it should.

    Attributes:
        status: the HTTP status code, 0 when there was no answer.
        retry_after: seconds the server asked to wait, 0 when it did not ask.
    """

    def __init__(self, message: str, *, status: int = 0, retry_after: float = 0) -> None:
        self.status = status
        self.retry_after = retry_after
        super().__init__(message)

    @property
    def server_is_ill(self) -> bool:
        """Whether it did not answer, asked for patience or failed: no fault of what was asked."""
        return self.status in (0, 429) or self.status >= 500


class NotFoundError(ClusterError):
    """The object or the kind does not exist (404)."""


class ForbiddenError(ClusterError):
    """The service account lacks a right (401, 403)."""


class ConflictError(ClusterError):
    """Somebody else changed the object first (409)."""


# Environment variables, command lines, ConfigMaps, Secrets and headers, with all that is in them.
_MAY_BE_SECRET = re.compile(
    r"(?:^|\.)(?:env|command|args|data|stringData|binaryData|httpHeaders)(?=[.\[]|$)"
)


def describe_value(value: object, *, secret: bool = False) -> str:
    """Name a JSON value the way a person would: `null`, `the number 3`, `text "x"`, `a list`.

    Args:
        value: the value.
        secret: whether nobody may see it: `a number`, `text`.
    """
    match value:
        case bool() if secret:
            return "a truth value"
        case int() | float() if secret:
            return "a number"
        case str() if secret:
            return "text"
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int() | float():
            return f"the number {value}"
        case str():
            shown = value if len(value) <= 40 else value[:37] + "..."
            return f'the text "{shown}"'
        case list():
            return "a list"
        case dict():
            return "a map"
        case _:
            return type(value).__name__
