"""Containers that see /proc unmasked: what two checks share."""

from __future__ import annotations

from readiness.checks.base import (
    REMOVED,
    Finding,
    finding,
    unsafe,
)
from readiness.model.fields import text
from readiness.model.workload import Workload

_EMPTY = '""'


def unmasked_proc_mounts(workload: Workload) -> list[Finding]:
    """Return a finding for each container whose procMount is set and is not Default."""
    findings = []
    for container in workload.containers:
        context = container.security_context
        if context.get("procMount") is None:
            continue
        proc_mount = text(context, "procMount", container.security_context_path)
        if proc_mount != "Default":
            findings.append(
                finding(
                    container,
                    f"must not set securityContext.procMount: {proc_mount or _EMPTY}",
                    "securityContext.procMount",
                    fix=unsafe(
                        f"{container.security_context_path}.procMount",
                        REMOVED,
                        "containers inside the container need it",
                    ),
                )
            )
    return findings
