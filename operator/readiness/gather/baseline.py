"""Reads and words baselines: the findings a repository had when it took up `readiness check`."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

import yaml

from readiness.errors import FieldError, InputError
from readiness.gather.manifests import Malformed, parse_manifests
from readiness.model.fields import as_mapping, join, texts
from readiness.report.fingerprints import Identity

_VERSION = 1

_HEAD = """\
# Findings that were here before `readiness check` was: they fail no build, new ones do. What is
# fixed is taken out by hand, or by readiness check ... --baseline FILE --update-baseline
"""


def read_baseline(file: str) -> frozenset[Identity]:
    """Return the findings that a baseline holds.

    Raises:
        InputError: when it can't be read or has another form; the text names file and field.
    """
    try:
        text = Path(file).read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise InputError(f"{file}: no such file: --update-baseline writes it") from None
    except (OSError, ValueError) as error:
        reason = str(error.strerror).lower() if isinstance(error, OSError) else "not UTF-8"
        raise InputError(f"{file}: can't be read as a baseline: {reason}") from None
    documents = list(parse_manifests(text))
    if len(documents) != 1:
        raise InputError(f"{file}: a baseline is one document, not {len(documents)}")
    document = documents[0]
    if isinstance(document, Malformed):
        raise InputError(f"{file}:{document.line}: {document.message}")
    try:
        return frozenset(_identities(document.value))
    except FieldError as error:
        raise InputError(f"{file}: not a baseline: {error}") from None


def _identities(value: Any) -> list[Identity]:
    document = as_mapping(value, "the document")
    if document.get("version") != _VERSION:
        raise FieldError("version", str(_VERSION), document.get("version"))
    found = []
    for workload, checks in as_mapping(document.get("findings"), "findings").items():
        path = join("findings", workload)
        for check in as_mapping(checks, path):
            found += [Identity(workload, check, at) for at in texts(checks, check, path)]
    return found


def word_baseline(identities: Collection[Identity]) -> str:
    """Return a baseline as text, sorted, so that two branches merge line by line."""
    findings: dict[str, dict[str, list[str]]] = {}
    for identity in sorted(identities):
        checks = findings.setdefault(identity.workload, {})
        checks.setdefault(identity.check, []).append(identity.at)
    document = {"version": _VERSION, "findings": findings}
    return _HEAD + yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=1000)
