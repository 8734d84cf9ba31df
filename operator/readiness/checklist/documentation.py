"""What is written down, for callers, developers and whoever is on call."""

from __future__ import annotations

from readiness.api.vocabulary import Severity
from readiness.checklist.base import Group, Item, Section

SECTION = Section(
    "documentation",
    "Documentation",
    (
        Group(
            "API",
            (
                Item(
                    "api-documented",
                    "The API is described",
                    (
                        "An OpenAPI document, or its like, covers every endpoint and is checked "
                        "against the code."
                    ),
                    Severity.SHOULD,
                    evidence=True,
                ),
                Item(
                    "api-examples-given",
                    "The description has examples",
                    "Each endpoint has an example of request and response.",
                    Severity.SHOULD,
                    evidence=True,
                ),
                Item(
                    "authentication-documented",
                    "Authentication is explained",
                    "Callers can read how to get and send credentials.",
                    Severity.SHOULD,
                    evidence=True,
                ),
                Item(
                    "error-codes-documented",
                    "Errors are explained",
                    "Every error code is listed with its cause and what the caller can do.",
                    Severity.SHOULD,
                    evidence=True,
                ),
            ),
        ),
        Group(
            "For developers",
            (
                Item(
                    "getting-started-written",
                    "Newcomers get started alone",
                    (
                        "Following the guide, somebody new has the service running within an "
                        "hour or so."
                    ),
                    Severity.SHOULD,
                    evidence=True,
                ),
                Item(
                    "api-usage-shown",
                    "Typical use is shown",
                    "Examples show the calls that callers make most, and they run.",
                    Severity.NICE,
                    evidence=True,
                ),
                Item(
                    "client-libraries-documented",
                    "Client libraries are documented",
                    ("Each client library says how to install and use it; needless without one."),
                    Severity.NICE,
                    evidence=True,
                ),
                Item(
                    "integration-documented",
                    "Integration is explained",
                    (
                        "Teams that call the service, or are called by it, can read what is "
                        "expected of them."
                    ),
                    Severity.NICE,
                    evidence=True,
                ),
            ),
        ),
        Group(
            "Runbooks",
            (
                Item(
                    "deployment-runbook-written",
                    "Deploying is written down",
                    "Somebody who never did it can deploy by the runbook.",
                    Severity.SHOULD,
                    evidence=True,
                ),
                Item(
                    "incident-runbook-linked",
                    "A runbook for incidents is linked",
                    "The workload and its alerts carry a link to a runbook.",
                    Severity.MUST,
                    checks=("runbook-missing", "alert-without-runbook"),
                    cited_as="Runbooks: Incident response procedures",
                ),
                Item(
                    "troubleshooting-written",
                    "Common troubles are written down",
                    "The linked runbook names symptoms, causes and what to do.",
                    Severity.SHOULD,
                    checks=("runbook-missing",),
                    evidence=True,
                ),
                Item(
                    "recovery-runbook-written",
                    "Recovery is written down",
                    (
                        "The steps from a lost database or cluster back to service are written "
                        "down and were followed once."
                    ),
                    Severity.MUST,
                    evidence=True,
                ),
            ),
        ),
        Group(
            "Architecture",
            (
                Item(
                    "architecture-described",
                    "The architecture is described",
                    "One page says what the parts are, how they talk and why.",
                    Severity.SHOULD,
                    evidence=True,
                ),
                Item(
                    "data-flow-described",
                    "Data flows are described",
                    "It is drawn which data goes where, personal data marked.",
                    Severity.SHOULD,
                    evidence=True,
                ),
                Item(
                    "security-described",
                    "Security is described",
                    "Trust boundaries, threats and the answers to them are written down.",
                    Severity.SHOULD,
                    evidence=True,
                ),
                Item(
                    "deployment-described",
                    "The deployment is described",
                    "It is written down what runs where and what depends on what.",
                    Severity.SHOULD,
                    evidence=True,
                ),
            ),
        ),
    ),
)
