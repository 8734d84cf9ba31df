"""Which namespace a user is in, as kubectl sees it."""

from __future__ import annotations

from pathlib import Path

from kubernetes.aio.config import ConfigException, list_kube_config_contexts

from readiness.kube.client import NO_KUBECONFIG, find_kubeconfig

# Source: https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/
_IN_CLUSTER = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


def current_namespace(kubeconfig: str | None, context: str | None) -> str:
    """Return the namespace of a context of the kubeconfig; `default` where it names none.

    Raises:
        ClusterError: when there is no kubeconfig, and this is no pod.
    """
    found = find_kubeconfig(kubeconfig)
    if found is None:
        return _IN_CLUSTER.read_text().strip() if _IN_CLUSTER.is_file() else "default"
    try:
        contexts, current = list_kube_config_contexts(found)  # type: ignore[no-untyped-call]
    except (ConfigException, OSError, *NO_KUBECONFIG):
        return "default"  # `load_configuration` says what is wrong with it
    if context is not None:
        current = next((one for one in contexts if one["name"] == context), {})
    return str((current.get("context") or {}).get("namespace") or "default")
