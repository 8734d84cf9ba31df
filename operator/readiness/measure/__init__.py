"""Measures service levels in Prometheus: asks it, on a schedule, and keeps what it answered."""
