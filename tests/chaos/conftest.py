"""The cluster and the operator of the end-to-end tests."""

from tests.e2e.conftest import cluster, operator_kubeconfig, policy

__all__ = ["cluster", "operator_kubeconfig", "policy"]
