"""Quantities: what we read has the value that the API server gives it."""

from __future__ import annotations

import re
from fractions import Fraction
from http import HTTPStatus
from typing import Any

from hypothesis import strategies as st

from readiness.errors import FieldError
from readiness.model.quantity import quantity
from tests.judge.judge import Judge, Tally, cases, draw, weighted

_DIGITS = st.text("0123456789", max_size=21)
_NUMBERS = st.one_of(
    st.builds(
        lambda sign, whole, point, part: f"{sign}{whole}{point}{part if point else ''}",
        st.sampled_from(["", "", "", "+", "-"]),
        _DIGITS,
        st.sampled_from(["", "", "."]),
        _DIGITS,
    ),
    st.sampled_from(["0", "1", "1.5", ".5", "5.", "00", "0.0000000001", "9223372036854775807"]),
    st.integers(0, 2**70).map(str),
)
_SUFFIXES = st.one_of(
    st.sampled_from([*"numkMGTPE", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei", "", ""]),
    st.builds(
        lambda e, sign, digits: f"{e}{sign}{digits}",
        st.sampled_from("eE"),
        st.sampled_from(["", "+", "-"]),
        st.integers(0, 30).map(str) | st.sampled_from(["03", "", "400"]),
    ),
    st.just(""),
)
# Often taken for one, and none.
_MISTAKES = st.sampled_from(
    ["K", "ki", "mi", "KB", "MB", "Mib", "gi", "i", "ee3", "e1.5", " ", "\n", "mm", "%"]
)
_TEXTS = weighted(
    (8, st.builds("{}{}".format, _NUMBERS, _SUFFIXES)),
    (1, st.builds("{}{}".format, _NUMBERS, _MISTAKES)),
    (1, st.builds("{}{}{}".format, st.sampled_from([" ", "\t", ""]), _NUMBERS, _SUFFIXES)),
    (1, st.text("0123456789.+-eEinumkKMGTP ", max_size=8)),
)
_EXPONENT = re.compile(r"[eE]\+?([0-9]+)")


def _in_range(text: str) -> bool:
    """Leave out exponents over 30, which the API server takes and we refuse: `1e999999999`."""
    return all(int(exponent) <= 30 for exponent in _EXPONENT.findall(text))


# What a YAML file may hold without quotes.
_VALUES = weighted(
    (6, _TEXTS.filter(_in_range)),
    (1, st.integers(-5, 2**66)),
    (1, st.floats(0, 1e20, allow_subnormal=False)),
)


def _ours(value: Any) -> Fraction | None:
    try:
        return quantity(value, "requests")
    except FieldError:
        return None


def _theirs(judge: Judge, namespace: str, value: Any) -> Fraction | None:
    """Return the value the API server makes of it: what it writes back is canonical.

    A sizeLimit is a quantity as it is. Those of a ResourceList are rounded up to a thousandth
    besides (Convert_v1_ResourceList_To_core_ResourceList), which no check comes near.
    """
    body = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "one"},
        "spec": {
            "containers": [{"name": "app", "image": "app"}],
            "volumes": [{"name": "one", "emptyDir": {"sizeLimit": value}}],
        },
    }
    reply = judge.create(f"/api/v1/namespaces/{namespace}/pods", body, dry_run=True)
    if reply.status == HTTPStatus.BAD_REQUEST:
        assert "quantit" in reply.body["message"], reply.body
        return None
    if reply.status == HTTPStatus.UNPROCESSABLE_ENTITY:
        # A quantity, but a negative one, which no volume can have.
        negative = judge.create(
            f"/api/v1/namespaces/{namespace}/pods",
            _with_size(body, value.replace("-", "", 1) if isinstance(value, str) else -value),
            dry_run=True,
        )
        return -_canonical(_size(negative.body))
    assert reply.status == HTTPStatus.CREATED, reply.body
    return _canonical(_size(reply.body))


def _size(pod: dict[str, Any]) -> str:
    return str(pod["spec"]["volumes"][0]["emptyDir"]["sizeLimit"])


def _with_size(pod: dict[str, Any], value: Any) -> dict[str, Any]:
    volumes = [{"name": "one", "emptyDir": {"sizeLimit": value}}]
    return {**pod, "spec": {**pod["spec"], "volumes": volumes}}


def _canonical(text: str) -> Fraction:
    """Read the canonical form without our own parser."""
    powers = {suffix: Fraction(1000) ** (i - 3) for i, suffix in enumerate("num kMGTPE") if i != 3}
    powers |= {f"{suffix}i": Fraction(1024) ** i for i, suffix in enumerate("KMGTPE", 1)}
    for suffix in sorted(powers, key=len, reverse=True):
        if text.endswith(suffix):
            return Fraction(text.removesuffix(suffix)) * powers[suffix]
    return Fraction(text)  # a plain number or a decimal exponent


def test_quantities_have_the_value_the_api_server_gives_them(judge: Judge, namespace: str) -> None:
    """What is no quantity to the API server is none to us either."""
    values = draw(_VALUES, cases(200, 1000))
    tally = Tally("quantities")
    answers = judge.each(lambda value: _theirs(judge, namespace, value), values)
    for value, theirs in zip(values, answers, strict=True):
        tally.compare(_ours(value), theirs, value)
        tally.count("refused by both", int(theirs is None))
    tally.settle()
