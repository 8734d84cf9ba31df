"""Capabilities a container adds or drops, and which of them the standards allow."""

from __future__ import annotations

from readiness.checks.base import REMOVED, Edit, Fix, Safety
from readiness.model.containers import Container
from readiness.model.fields import mapping, texts

# What container runtimes give by default; the names count as written, `CAP_CHOWN` is not one.
# Source: k8s.io/pod-security-admission/policy/check_capabilities_baseline.go.
BASELINE_CAPABILITIES = frozenset(
    {
        "AUDIT_WRITE",
        "CHOWN",
        "DAC_OVERRIDE",
        "FOWNER",
        "FSETID",
        "KILL",
        "MKNOD",
        "NET_BIND_SERVICE",
        "SETFCAP",
        "SETGID",
        "SETPCAP",
        "SETUID",
        "SYS_CHROOT",
    }
)


def capabilities(container: Container, part: str) -> list[str]:
    """Return the capabilities a container lists under `add` or `drop`, as written."""
    fields = mapping(container.security_context, "capabilities", container.security_context_path)
    return texts(fields, part, f"{container.security_context_path}.capabilities")


def without_capabilities(container: Container, names: list[str]) -> Fix:
    """Return a fix that takes capabilities out of those a container adds."""
    path = f"{container.security_context_path}.capabilities.add"
    added = capabilities(container, "add")
    unwanted = frozenset(names)
    # From the end, so that none that is still to go changes its place.
    places = [index for index, name in reversed([*enumerate(added)]) if name in unwanted]
    edits = tuple(Edit(f"{path}[{index}]", REMOVED) for index in places)
    if len(edits) == len(added):
        edits = (Edit(path, REMOVED),)
    return Fix(edits, Safety.UNSAFE, "it may fail where it uses what they allow")
