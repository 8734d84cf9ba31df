"""Every fix of every finding changes exactly the fields, to exactly the values, on file.

They stand in data/fixes.txt, one fixture a line: safety, field, value, and why it is so safe.
READINESS_UPDATE_GOLDEN=1 writes the file anew; read what changed. What becomes of a manifest by
them is tested in tests/remediate.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from readiness.checks.base import REMOVED, Check, Fix
from readiness.checks.registry import all_checks
from tests.checks.test_places import failing, findings
from tests.support import Fixture

FIXES = Path(__file__).resolve().parent / "data" / "fixes.txt"


def fixes(check: Check, fixture: Fixture) -> str:
    """Return the fixes of all findings of a fixture; empty when none has one."""
    return "; ".join(in_words(f.fix) for f in findings(check, fixture) if f.fix)


def in_words(fix: Fix) -> str:
    """Return a fix as the file has it: `unsafe spec.x = 1, spec.y removed (it may fail)`."""
    edits = (
        f"{edit.path} removed"
        if edit.value is REMOVED
        else f"{edit.path} = {json.dumps(edit.value)}"
        for edit in fix.edits
    )
    return f"{fix.safety.value} {', '.join(edits)} ({fix.explanation})"


def recorded_fixes() -> dict[str, str]:
    """Return the recorded fixes by fixture."""
    lines = FIXES.read_text(encoding="utf-8").splitlines()
    return dict(line.split(": ", 1) for line in lines)


def test_fixes_are_those_on_file() -> None:
    found = {
        str(fixture): words
        for check in all_checks().values()
        for fixture in failing(check.id)
        if (words := fixes(check, fixture))
    }
    if os.environ.get("READINESS_UPDATE_GOLDEN") == "1":
        lines = [f"{name}: {words}\n" for name, words in sorted(found.items())]
        FIXES.write_text("".join(lines), encoding="utf-8")

    assert found == recorded_fixes(), "READINESS_UPDATE_GOLDEN=1 records the fixes of new fixtures"
