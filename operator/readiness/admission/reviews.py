"""AdmissionReview, `admission.k8s.io/v1`: what the API server asks, and how it is answered.

The fields are those of k8s.io/api/admission/v1. A review that cannot be understood is never turned
into a verdict: it is an error of HTTP, and the failurePolicy of the webhook decides.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson

from readiness.errors import FieldError, ReviewError

API_VERSION = "admission.k8s.io/v1"
OPERATIONS = ("CREATE", "UPDATE", "DELETE", "CONNECT")

# k8s.io/api/admission/v1 asks for 120 characters a warning. The API server cuts nothing before the
# warnings of all webhooks together exceed 4,096 characters, then each to 256, and drops the rest
# (k8s.io/apiserver, endpoints/filters/warning.go). Half of that is left to other webhooks.
WARNING_LENGTH = 120
WARNINGS_LENGTH = 2048

_LAST_WORD = re.compile(r"\s+\S*$")


class GroupVersionKind(NamedTuple):
    """A kind, such as apps, v1, Deployment; the group of the core kinds is ""."""

    group: str
    version: str
    kind: str


class GroupVersionResource(NamedTuple):
    """A resource, such as apps, v1, deployments."""

    group: str
    version: str
    resource: str


@dataclass(frozen=True, slots=True)
class AdmissionRequest:
    """What somebody wants to do to an object.

    Attributes:
        uid: names the review; the answer carries it.
        operation: CREATE, UPDATE, DELETE or CONNECT.
        kind, resource: of `object`, in the version the webhook's rules ask for.
        request_kind: what the client really sent, when it was converted for us; otherwise `kind`.
        sub_resource: "status", "scale", ...; "" for the object itself.
        namespace: "" for objects without one.
        name: "" when the API server is still to make one out of metadata.generateName.
        object: as it will be stored; None at DELETE, never at CREATE and UPDATE.
        old_object: as it is stored; None at CREATE.
        user, groups: who asks.
        dry_run: whether nothing will be stored.
        size: of the whole review, in bytes.
    """

    uid: str
    operation: str
    kind: GroupVersionKind
    resource: GroupVersionResource
    request_kind: GroupVersionKind
    sub_resource: str
    namespace: str
    name: str
    object: dict[str, Any] | None
    old_object: dict[str, Any] | None
    user: str
    groups: tuple[str, ...]
    dry_run: bool
    size: int

    def __str__(self) -> str:
        """Name the object: `Deployment shop/web`."""
        name = self.name or "(name to be generated)"
        return f"{self.kind.kind} {self.namespace}/{name}".replace(" /", " ")


@dataclass(frozen=True, slots=True)
class Answer:
    """The verdict on a request.

    Attributes:
        allowed: whether the object may be stored.
        code: HTTP status of a refusal, 400 to 599; looked at only then, as are reason and message.
        reason: a StatusReason of the Kubernetes API, such as Forbidden.
        message: what the person reads; the API server puts the name of the webhook before it.
        warnings: see `fit_warnings`.
        audit_annotations: for the audit log. The API server puts the name of the webhook and a
            slash before each key and drops keys that hold another slash.

    Raises:
        ValueError: a refusal without an error code, or a key of an audit annotation with a slash.
    """

    allowed: bool
    code: int = 200
    reason: str = ""
    message: str = ""
    warnings: tuple[str, ...] = ()
    audit_annotations: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.allowed and not 400 <= self.code <= 599:
            raise ValueError(f"a refusal needs a code from 400 to 599, not {self.code}")
        for key in self.audit_annotations:
            if "/" in key:
                raise ValueError(f'the API server would drop the audit annotation "{key}"')


def parse_review(body: bytes | bytearray) -> AdmissionRequest:
    """Read an AdmissionReview.

    Raises:
        ReviewError: the body is no AdmissionReview of a version we know, or a field of it holds
            what it cannot hold; the text names the field.
    """
    try:
        review = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise ReviewError(400, "malformed", f"the body is not JSON: {error}") from None
    if not isinstance(review, dict):
        raise ReviewError(400, "malformed", "the body must be an AdmissionReview, a JSON object")
    if review.get("apiVersion") != API_VERSION or review.get("kind") != "AdmissionReview":
        raise _wrong_type(review)
    try:
        return _parse_request(review.get("request"), len(body))
    except FieldError as error:
        raise ReviewError(400, "malformed", str(error)) from None


def encode_review(uid: str, answer: Answer) -> bytes:
    """Return the AdmissionReview that answers the request with this uid."""
    response: dict[str, Any] = {"uid": uid, "allowed": answer.allowed}
    if not answer.allowed:
        response["status"] = {
            "status": "Failure",
            "code": answer.code,
            "reason": answer.reason,
            "message": answer.message,
        }
    if answer.warnings:
        response["warnings"] = answer.warnings
    if answer.audit_annotations:
        response["auditAnnotations"] = dict(answer.audit_annotations)
    return orjson.dumps(
        {"apiVersion": API_VERSION, "kind": "AdmissionReview", "response": response}
    )


def encode_error(error: ReviewError) -> bytes:
    """Return a Status of the Kubernetes API: its message is all that the API server passes on.

    Of any other body it says only "the server could not find the requested resource".
    """
    return orjson.dumps(
        {
            "apiVersion": "v1",
            "kind": "Status",
            "status": "Failure",
            "message": f"readiness: {error}",
            "code": error.status,
        }
    )


def fit_warnings(texts: Iterable[str]) -> tuple[str, ...]:
    """Return warnings that arrive whole: each on one line, cut at a word, none twice.

    Texts that do not fit into the total are counted in a last one: `and 3 more`. The API server
    drops a warning that holds a control character without a word, so those become spaces.
    """
    lines = dict.fromkeys(_fit(text) for text in texts)
    lines.pop("", None)
    room = WARNINGS_LENGTH
    fitting: list[str] = []
    for line in lines:
        room -= len(line)
        if room < 0:
            break
        fitting.append(line)
    left_out = len(lines) - len(fitting)
    # The remainder is at most 12 characters: the API server's own limit has room for it.
    return (*fitting, f"and {left_out} more") if left_out else tuple(fitting)


def _fit(text: str) -> str:
    if not text.isprintable():
        text = "".join(c if c.isprintable() else " " for c in text)
    line = " ".join(text.split())
    if len(line) <= WARNING_LENGTH:
        return line
    cut = line[:WARNING_LENGTH]
    whole_words = _LAST_WORD.sub("", cut)
    if whole_words == cut or len(whole_words) < WARNING_LENGTH // 2:  # one long word
        whole_words = cut[:-1]
    return f"{whole_words}…"


def _wrong_type(review: dict[str, Any]) -> ReviewError:
    version = review.get("apiVersion")
    if version != API_VERSION:
        error = FieldError("apiVersion", f'"{API_VERSION}"', version)
        way = f"{error}; admissionReviewVersions of the webhook must be [v1]"
        return ReviewError(400, "malformed", way)
    kind = FieldError("kind", '"AdmissionReview"', review.get("kind"))
    return ReviewError(400, "malformed", str(kind))


def _parse_request(request: Any, size: int) -> AdmissionRequest:
    if not isinstance(request, dict):
        raise FieldError("request", "a map", request)
    operation = _text(request, "operation")
    if operation not in OPERATIONS:
        raise FieldError("request.operation", f"one of {', '.join(OPERATIONS)}", operation)
    uid = _text(request, "uid")
    if not uid:
        raise FieldError("request.uid", "set", uid)
    kind = GroupVersionKind(*_triple(request, "kind", "kind"))
    user_info = request.get("userInfo") or {}
    if not isinstance(user_info, dict):
        raise FieldError("request.userInfo", "a map", user_info)
    groups = user_info.get("groups") or []
    if not isinstance(groups, list) or not all(isinstance(group, str) for group in groups):
        raise FieldError("request.userInfo.groups", "a list of texts", groups)
    dry_run = request.get("dryRun") or False
    if not isinstance(dry_run, bool):
        raise FieldError("request.dryRun", "true or false", dry_run)
    new = _object(request, "object")
    if new is None and operation in ("CREATE", "UPDATE"):
        raise FieldError("request.object", "a map", None)
    converted = request.get("requestKind") is not None
    return AdmissionRequest(
        uid=uid,
        operation=operation,
        kind=kind,
        resource=GroupVersionResource(*_triple(request, "resource", "resource")),
        request_kind=(
            GroupVersionKind(*_triple(request, "requestKind", "kind")) if converted else kind
        ),
        sub_resource=_text(request, "subResource"),
        namespace=_text(request, "namespace"),
        name=_text(request, "name"),
        object=new,
        old_object=_object(request, "oldObject"),
        user=_text(user_info, "username", "request.userInfo"),
        groups=tuple(groups),
        dry_run=dry_run,
        size=size,
    )


def _text(fields: dict[str, Any], name: str, path: str = "request") -> str:
    value = fields.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise FieldError(f"{path}.{name}", "text", value)
    return value


def _triple(request: dict[str, Any], name: str, last: str) -> tuple[str, str, str]:
    value = request.get(name)
    path = f"request.{name}"
    if not isinstance(value, dict):
        raise FieldError(path, "a map", value)
    triple = _text(value, "group", path), _text(value, "version", path), _text(value, last, path)
    if not triple[2]:
        raise FieldError(f"{path}.{last}", "set", value.get(last))
    return triple


def _object(request: dict[str, Any], name: str) -> dict[str, Any] | None:
    value = request.get(name)
    if value is not None and not isinstance(value, dict):
        raise FieldError(f"request.{name}", "a map", value)
    return value
