"""All checks, found by looking at the files beside this one."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from readiness import checks as package
from readiness.checks.base import Check

# Modules of this package that hold no check; helpers of several checks begin with an underscore.
_NOT_CHECKS = frozenset({"base", "registry"})
_ID = re.compile(r"[a-z]+(-[a-z]+)*")


@cache
def all_checks() -> Mapping[str, Check]:
    """Return every check by its id, sorted by category and id.

    Raises:
        ValueError, TypeError: when a check breaks the rules of the house: programming errors all.
    """
    checks = []
    for module_info in pkgutil.iter_modules(package.__path__):
        name = module_info.name
        if name in _NOT_CHECKS or name.startswith("_"):
            continue
        module = importlib.import_module(f"{package.__name__}.{name}")
        check = getattr(module, "CHECK", None)
        if not isinstance(check, Check):
            raise TypeError(f"checks/{name}.py defines no CHECK")
        if not _ID.fullmatch(check.id) or check.id.replace("-", "_") != name:
            raise ValueError(f"checks/{name}.py must define the check {name.replace('_', '-')}")
        checks.append(check)
    categories = list(type(checks[0].category))
    checks.sort(key=lambda check: (categories.index(check.category), check.id))
    return MappingProxyType({check.id: check for check in checks})
