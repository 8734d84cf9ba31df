"""Policies as ValidatingAdmissionPolicies, which the API server enforces without us."""
