"""Strict mode: answers the API server before it stores a workload or one of our own kinds."""
