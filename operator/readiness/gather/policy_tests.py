"""Reads tests of policies: which manifests are judged, and what should come of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from msgspec import Struct

from readiness.errors import FieldError, InputError
from readiness.gather.manifests import Malformed, parse_manifests
from readiness.model.fields import as_mapping, join, texts
from readiness.model.workload import WORKLOAD_KINDS

SUFFIXES = ("readiness-test.yaml", "readiness-test.yml")
OUTCOMES = ("pass", "fail", "warn", "skip", "error", "exempt", "not-asked")
REST = "*"  # every check that an expectation does not name
_KEYS = ("name", "policy", "manifests", "namespace", "at", "expected")


class Expectation(Struct, frozen=True):
    """What should come of one workload.

    Attributes:
        workload: as the test names it: `deployment/web` or `shop/deployment/web`.
        namespace: empty: any.
        kind: in lower case.
        outcomes: by id of check, or REST: one of OUTCOMES.
    """

    workload: str
    namespace: str
    kind: str
    name: str
    outcomes: Mapping[str, str]


class PolicyTest(Struct, frozen=True):
    """One test.

    Attributes:
        place: file and line, as the user named the file.
        name: its own, or else the place.
        policies: profiles and paths.
        manifests: paths.
        namespace: of objects that name none.
        at: the moment to judge as of; None: now.
    """

    place: str
    name: str
    policies: list[str]
    manifests: list[str]
    namespace: str
    at: datetime | None
    expected: list[Expectation]


def find_tests(path: str) -> list[str]:
    """Return the files with tests that a path names: itself, or those below a directory."""
    root = Path(path)
    if not root.is_dir():
        return [path]
    return sorted(
        str(file)
        for file in root.rglob("*")
        if file.name.endswith(SUFFIXES)
        and file.is_file()
        and not any(part.startswith(".") for part in file.relative_to(root).parts)
    )


def read_tests(file: str, profiles: Sequence[str]) -> list[PolicyTest]:
    """Return the tests of a file, one for each document in it.

    Args:
        file: its name.
        profiles: names of policies that are no paths.

    Raises:
        InputError: when it can't be read or has another form; the text names file, line and field.
    """
    try:
        text = Path(file).read_bytes().decode("utf-8-sig")
    except (OSError, ValueError) as error:
        reason = str(error.strerror).lower() if isinstance(error, OSError) else "not UTF-8"
        raise InputError(f"{file}: can't be read as a test of policies: {reason}") from None
    tests = []
    for document in parse_manifests(text):
        if isinstance(document, Malformed):
            raise InputError(f"{file}:{document.line}: {document.message}")
        try:
            tests.append(_test(file, document.line, document.value, profiles))
        except FieldError as error:
            raise InputError(f"{file}:{document.line}: not a test of policies: {error}") from None
    if not tests:
        raise InputError(f"{file}: holds no test of policies")
    return tests


def _test(file: str, line: int, value: Any, profiles: Sequence[str]) -> PolicyTest:
    document = as_mapping(value, "the document")
    for key in document:
        if key not in _KEYS:
            raise FieldError(str(key), f"one of {', '.join(_KEYS)}", document[key])
    folder = Path(file).parent

    def paths(key: str) -> list[str]:
        found = _some_texts(document, key)
        return [one if one in profiles else str(folder / one) for one in found]

    place = f"{file}:{line}"
    expected = list(_expected(document))
    if not expected:
        raise FieldError("expected", "a map of at least one workload", document.get("expected"))
    return PolicyTest(
        place=place,
        name=_text(document, "name") or place,
        policies=paths("policy"),
        manifests=paths("manifests"),
        namespace=_text(document, "namespace") or "default",
        at=_moment(document),
        expected=expected,
    )


def _some_texts(document: Mapping[str, Any], key: str) -> list[str]:
    value = document.get(key)
    if isinstance(value, str) and value:
        return [value]
    if not isinstance(value, list) or not value:
        raise FieldError(key, "text, or a list of texts", value)
    return list(texts(document, key, ""))


def _text(document: Mapping[str, Any], key: str) -> str:
    value = document.get(key, "")
    if not isinstance(value, str):
        raise FieldError(key, "text", value)
    return value


def _moment(document: Mapping[str, Any]) -> datetime | None:
    value = document.get("at")
    if value is None:
        return None
    if isinstance(value, str):  # YAML has times too; manifests are read without
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            pass
        else:
            return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    raise FieldError("at", "a time such as 2026-12-01T00:00:00Z", value)


def _expected(document: Mapping[str, Any]) -> Iterator[Expectation]:
    for workload, outcomes in as_mapping(document.get("expected"), "expected").items():
        path = join("expected", str(workload))
        *namespace, kind, name = ["", *str(workload).split("/")]
        if len(namespace) > 2 or kind not in {k.lower() for k in WORKLOAD_KINDS} or not name:
            wanted = "a workload such as deployment/web or shop/deployment/web"
            raise FieldError("expected", f"a map by {wanted}", workload)
        found = {}
        for check, outcome in as_mapping(outcomes, path).items():
            allowed = ("pass",) if check == REST else OUTCOMES
            if outcome not in allowed:
                raise FieldError(join(path, str(check)), f"one of {', '.join(allowed)}", outcome)
            found[str(check)] = str(outcome)
        if not found:
            raise FieldError(path, "a map of at least one check", outcomes)
        yield Expectation(str(workload), "".join(namespace), kind, name, found)
