"""Tests of every size, and what runs them."""

from __future__ import annotations

from readiness.api.vocabulary import Severity
from readiness.checklist.base import Group, Item, Section

SECTION = Section(
    "testing",
    "Testing",
    (
        Group(
            "Unit tests",
            (
                Item(
                    "test-coverage-sufficient",
                    "Coverage is high enough",
                    "Tests cover at least the share of the code that policy asks for.",
                    Severity.SHOULD,
                    service_levels=("test-coverage",),
                ),
                Item(
                    "critical-paths-tested",
                    "Critical paths are tested",
                    "Whatever must never break has tests, failures included.",
                    Severity.MUST,
                    evidence=True,
                ),
                Item(
                    "collaborators-replaceable",
                    "Collaborators can be replaced in tests",
                    ("Tests run without the network, clocks or other services, by means of fakes."),
                    Severity.SHOULD,
                    evidence=True,
                ),
                Item(
                    "test-data-managed",
                    "Test data is managed",
                    (
                        "Tests make the data they need, depend on no order and hold no real "
                        "personal data."
                    ),
                    Severity.SHOULD,
                    evidence=True,
                ),
            ),
        ),
        Group(
            "Integration tests",
            (
                Item(
                    "endpoints-tested",
                    "Endpoints are tested",
                    "Each endpoint is called in tests, with good and bad input.",
                    Severity.SHOULD,
                    evidence=True,
                ),
                Item(
                    "database-access-tested",
                    "Database access is tested",
                    "Queries and migrations run in tests against the real database engine.",
                    Severity.SHOULD,
                    evidence=True,
                ),
                Item(
                    "external-services-simulated",
                    "External services are simulated",
                    "Tests simulate slow, failing and odd answers of services outside.",
                    Severity.SHOULD,
                    evidence=True,
                ),
                Item(
                    "journeys-tested",
                    "Whole journeys are tested",
                    ("The main things users do are tested from end to end before each release."),
                    Severity.SHOULD,
                    evidence=True,
                ),
            ),
        ),
        Group(
            "Performance tests",
            (
                Item(
                    "load-tested",
                    "Load tests exist",
                    "The load test belongs to the service and can be repeated.",
                    Severity.SHOULD,
                    items=("load-testing-performed",),
                ),
                Item(
                    "stress-tested",
                    "Stress tests exist",
                    "The stress test belongs to the service and can be repeated.",
                    Severity.SHOULD,
                    items=("stress-testing-performed",),
                ),
                Item(
                    "spike-tested",
                    "Sudden peaks are tested",
                    "The service survived a sudden multiple of its load and scaled in time.",
                    Severity.SHOULD,
                    evidence=True,
                ),
                Item(
                    "volume-tested",
                    "Large data is tested",
                    ("The service was tested with as much data as it will hold in a year or more."),
                    Severity.SHOULD,
                    evidence=True,
                ),
            ),
        ),
        Group(
            "Pipeline",
            (
                Item(
                    "tests-automated",
                    "Tests run by themselves",
                    "Every change runs the tests, and none is merged while they fail.",
                    Severity.SHOULD,
                    evidence=True,
                ),
                Item(
                    "test-results-reported",
                    "Results can be seen",
                    "Everybody sees which tests failed, with their output.",
                    Severity.SHOULD,
                    evidence=True,
                ),
                Item(
                    "test-failures-notified",
                    "Failures reach their author",
                    "Whoever broke a test is told without looking.",
                    Severity.SHOULD,
                    evidence=True,
                ),
                Item(
                    "test-environments-managed",
                    "Test environments can be made anew",
                    "Environments come from code, resemble production and are cleaned up.",
                    Severity.SHOULD,
                    evidence=True,
                ),
            ),
        ),
    ),
)
