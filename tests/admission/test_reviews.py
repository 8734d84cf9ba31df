"""Reviews are read to the letter, and answers are what the API server accepts."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from readiness.admission.reviews import (
    Answer,
    GroupVersionKind,
    GroupVersionResource,
    encode_review,
    fit_warnings,
    parse_review,
)
from readiness.errors import ReviewError

DEPLOYMENT = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}}


def review(**changes: Any) -> bytes:
    """Return an update of a Deployment; a change to None takes the field away."""
    request = {
        "uid": "0df28fbd",
        "kind": {"group": "apps", "version": "v1", "kind": "Deployment"},
        "resource": {"group": "apps", "version": "v1", "resource": "deployments"},
        "requestKind": {"group": "apps", "version": "v1beta1", "kind": "Deployment"},
        "subResource": "scale",
        "name": "web",
        "namespace": "shop",
        "operation": "UPDATE",
        "userInfo": {"username": "ann", "groups": ["dev", "system:authenticated"]},
        "object": DEPLOYMENT,
        "oldObject": {**DEPLOYMENT, "spec": {}},
        "dryRun": True,
        **changes,
    }
    request = {name: value for name, value in request.items() if value is not None}
    return orjson.dumps(
        {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}
    )


def test_every_field_is_read() -> None:
    request = parse_review(review())

    assert request.uid == "0df28fbd"
    assert request.operation == "UPDATE"
    assert request.kind == GroupVersionKind("apps", "v1", "Deployment")
    assert request.resource == GroupVersionResource("apps", "v1", "deployments")
    assert request.request_kind == GroupVersionKind("apps", "v1beta1", "Deployment")
    assert request.sub_resource == "scale"
    assert (request.namespace, request.name) == ("shop", "web")
    assert request.object == DEPLOYMENT
    assert request.old_object == {**DEPLOYMENT, "spec": {}}
    assert (request.user, request.groups) == ("ann", ("dev", "system:authenticated"))
    assert request.dry_run


def test_fields_that_may_be_absent_are_empty() -> None:
    optional = ("requestKind", "subResource", "name", "namespace", "userInfo", "object", "dryRun")
    request = parse_review(review(**dict.fromkeys(optional), operation="DELETE"))

    assert request.request_kind == request.kind
    assert (request.sub_resource, request.namespace, request.name) == ("", "", "")
    assert (request.user, request.groups) == ("", ())
    assert request.object is None
    assert not request.dry_run


@pytest.mark.parametrize(
    ("changes", "shown"),
    [
        ({}, "Deployment shop/web"),
        ({"namespace": None}, "Deployment web"),
        ({"name": None}, "Deployment shop/(name to be generated)"),
    ],
)
def test_a_request_names_its_object(changes: dict[str, Any], shown: str) -> None:
    assert str(parse_review(review(**changes))) == shown


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"uid": None}, 'request.uid must be set, not the text ""'),
        ({"uid": 3}, "request.uid must be text, not the number 3"),
        (
            {"operation": "PATCH"},
            "request.operation must be one of CREATE, UPDATE, DELETE, CONNECT, not the text",
        ),
        ({"kind": None}, "request.kind must be a map, not null"),
        ({"kind": {"group": "apps"}}, "request.kind.kind must be set, not null"),
        ({"kind": {"kind": ["x"]}}, "request.kind.kind must be text, not a list"),
        ({"resource": "deployments"}, "request.resource must be a map, not the text"),
        ({"requestKind": []}, "request.requestKind must be a map, not a list"),
        ({"name": {}}, "request.name must be text, not a map"),
        ({"namespace": True}, "request.namespace must be text, not true"),
        ({"userInfo": "ann"}, 'request.userInfo must be a map, not the text "ann"'),
        ({"userInfo": {"username": 1}}, "request.userInfo.username must be text, not the number 1"),
        ({"userInfo": {"groups": [1]}}, "request.userInfo.groups must be a list of texts"),
        ({"object": None}, "request.object must be a map, not null"),
        ({"object": None, "operation": "CREATE"}, "request.object must be a map, not null"),
        ({"object": []}, "request.object must be a map, not a list"),
        ({"oldObject": [1]}, "request.oldObject must be a map, not a list"),
        ({"dryRun": "yes"}, 'request.dryRun must be true or false, not the text "yes"'),
    ],
)
def test_a_field_that_holds_something_else_is_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ReviewError) as raised:
        parse_review(review(**changes))

    assert str(raised.value).startswith(message)
    assert (raised.value.status, raised.value.reason) == (400, "malformed")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "the body is not JSON: "),
        (b"{", "the body is not JSON: "),
        (b'{"a": "\xff"}', "the body is not JSON: "),
        (b"[" * 5000, "the body is not JSON: "),
        (b"[]", "the body must be an AdmissionReview, a JSON object"),
        (b"{}", 'apiVersion must be "admission.k8s.io/v1", not null'),
        (
            b'{"apiVersion": "admission.k8s.io/v1beta1", "kind": "AdmissionReview"}',
            (
                'apiVersion must be "admission.k8s.io/v1", '
                'not the text "admission.k8s.io/v1beta1"; '
                "admissionReviewVersions of the webhook must be [v1]"
            ),
        ),
        (
            b'{"apiVersion": "admission.k8s.io/v1", "kind": "ConversionReview"}',
            'kind must be "AdmissionReview", not the text "ConversionReview"',
        ),
        (
            b'{"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview"}',
            "request must be a map, not null",
        ),
    ],
)
def test_what_is_no_review_is_said(body: bytes, message: str) -> None:
    with pytest.raises(ReviewError) as raised:
        parse_review(body)

    assert str(raised.value).startswith(message)
    assert raised.value.status == 400


def test_an_allowing_answer_is_short() -> None:
    assert orjson.loads(encode_review("7", Answer(allowed=True))) == {
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "response": {"uid": "7", "allowed": True},
    }


def test_a_refusal_carries_everything() -> None:
    answer = Answer(
        allowed=False,
        code=403,
        reason="Forbidden",
        message="no\nprobes",
        warnings=("w",),
        audit_annotations={"break-glass": "fire"},
    )

    assert orjson.loads(encode_review("7", answer))["response"] == {
        "uid": "7",
        "allowed": False,
        "status": {
            "status": "Failure",
            "code": 403,
            "reason": "Forbidden",
            "message": "no\nprobes",
        },
        "warnings": ["w"],
        "auditAnnotations": {"break-glass": "fire"},
    }


def test_answers_the_api_server_would_change_cannot_be_made() -> None:
    with pytest.raises(ValueError, match=r"^a refusal needs a code from 400 to 599, not 200$"):
        Answer(allowed=False)
    with pytest.raises(ValueError, match="would drop the audit annotation"):
        Answer(allowed=True, audit_annotations={"readiness.dev/break-glass": "fire"})


def test_warnings_keep_their_order_and_come_once() -> None:
    assert fit_warnings(["b", "a", "b", "", " \n", "a"]) == ("b", "a")


def test_a_warning_is_one_line_without_control_characters() -> None:
    assert fit_warnings(["a\nb\tc\x1b[31m\u202ed\x00  é"]) == ("a b c [31m d é",)


def test_a_warning_of_120_characters_is_left_alone() -> None:
    text = "wort " * 23 + "words"

    assert len(text) == 120
    assert fit_warnings([text]) == (text,)


def test_a_longer_warning_is_cut_at_a_word() -> None:
    assert fit_warnings(["sixsix " * 30]) == ("sixsix " * 16 + "sixsix…",)
    assert fit_warnings(["five5 " * 30]) == ("five5 " * 19 + "five5…",)


def test_one_long_word_is_cut_where_it_must() -> None:
    (warning,) = fit_warnings(["x" * 300])
    (with_start,) = fit_warnings(["see " + "x" * 300])

    assert warning == "x" * 119 + "…"
    assert with_start == "see " + "x" * 115 + "…"


def test_warnings_stay_far_below_what_the_api_server_cuts() -> None:
    texts = [f"{number:03} {'x' * 116}" for number in range(40)]

    warnings = fit_warnings(texts)

    assert warnings == (*texts[:17], "and 23 more")
    assert sum(map(len, warnings)) <= 2048 + len("and 23 more")
