"""Settings, secrets and feature flags."""

from __future__ import annotations

from readiness.api.vocabulary import Severity
from readiness.checklist.base import Group, Item, Section

SECTION = Section(
    "configuration",
    "Configuration",
    (
        Group(
            "Settings",
            (
                Item(
                    "secrets-outside-code",
                    "Secrets come from outside the code",
                    ("No credential stands in the manifest or in a ConfigMap of the workload."),
                    Severity.MUST,
                    checks=("secret-in-config-map", "hard-coded-credential"),
                    cited_as="Environment Variables: All secrets in environment variables",
                ),
                Item(
                    "credentials-not-hard-coded",
                    "Nothing is hard-coded",
                    "No environment variable, command or argument holds a credential.",
                    Severity.MUST,
                    checks=("hard-coded-credential",),
                    cited_as="Environment Variables: No hardcoded credentials",
                ),
                Item(
                    "settings-per-environment",
                    "Each environment has its own settings",
                    (
                        "Settings that differ between environments stand in configuration, and "
                        "one image serves all."
                    ),
                    Severity.SHOULD,
                    evidence=True,
                ),
                Item(
                    "settings-validated",
                    "Missing settings are noticed early",
                    "Every ConfigMap, claim and account that the workload refers to exists.",
                    Severity.MUST,
                    checks=("config-reference-missing",),
                    cited_as="Environment Variables: Configuration validation",
                ),
            ),
        ),
        Group(
            "Secrets",
            (
                Item(
                    "secrets-encrypted-at-rest",
                    "The cluster encrypts Secrets",
                    "The API server writes Secrets to its store encrypted.",
                    Severity.MUST,
                    service_levels=("secret-encryption",),
                ),
                Item(
                    "secret-rotation-planned",
                    "Secrets are rotated",
                    ("Each secret has an owner and a period, and replacing it needs no outage."),
                    Severity.SHOULD,
                    evidence=True,
                ),
                Item(
                    "secret-access-restricted",
                    "Few may read secrets",
                    (
                        "Pods get no token they do not need and an account of their own, and "
                        "roles that read Secrets were reviewed."
                    ),
                    Severity.MUST,
                    checks=("service-account-token-mounted", "default-service-account"),
                    evidence=True,
                    cited_as="Secret Management: Access control for secrets",
                ),
                Item(
                    "secret-access-audited",
                    "Reading secrets leaves a trace",
                    ("The API server writes audit events, and its policy covers reads of Secrets."),
                    Severity.SHOULD,
                    service_levels=("audit-events",),
                    evidence=True,
                ),
            ),
        ),
        Group(
            "Feature flags",
            (
                Item(
                    "feature-flags-implemented",
                    "Risky changes are behind flags",
                    "New behaviour can ship switched off; needless where none is worth it.",
                    Severity.SHOULD,
                    evidence=True,
                ),
                Item(
                    "runtime-settings-changeable",
                    "Behaviour can change without a release",
                    "Flags and limits can be changed while the service runs.",
                    Severity.NICE,
                    evidence=True,
                ),
                Item(
                    "experiments-possible",
                    "Variants can be compared",
                    "A share of users can get another variant, and results are measured.",
                    Severity.NICE,
                    evidence=True,
                ),
                Item(
                    "flag-rollback-tested",
                    "Switching a flag off is tested",
                    "Turning a feature off again was tried, data included.",
                    Severity.SHOULD,
                    evidence=True,
                ),
            ),
        ),
    ),
)
