"""Which namespace a user is in, as kubectl sees it."""

from __future__ import annotations

from pathlib import Path

from kubernetes.aio.config import ConfigException, list_kube_config_contexts

# Source: https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/
_IN_CLUSTER = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


def current_namespace(kubeconfig: str | None, context: str | None) -> str:
    """Return the namespace of a context of the kubeconfig; `default` where it names none."""
    try:
        contexts, current = list_kube_config_contexts(  # type: ignore[no-untyped-call]
            kubeconfig
        )
    except (ConfigException, OSError):
        return _IN_CLUSTER.read_text().strip() if _IN_CLUSTER.is_file() else "default"
    if context is not None:
        current = next((one for one in contexts if one["name"] == context), {})
    return str((current.get("context") or {}).get("namespace") or "default")
