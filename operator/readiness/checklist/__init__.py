"""The production readiness checklist as data, and where a workload stands on it. Pure."""
