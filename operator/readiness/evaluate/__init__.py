"""Decides: which policy applies to which workload, and what its checks find."""
