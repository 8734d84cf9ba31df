"""Logs and metrics about the operator itself."""
