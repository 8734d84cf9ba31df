"""Holds every workload of a Kubernetes cluster against a production readiness policy."""

__all__ = ["__version__"]

__version__ = "0.1.0"
