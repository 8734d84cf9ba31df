"""A container is told to talk to its database without encryption.

Fields: value of every env variable, command and args of every init, sidecar and app container.
What is looked for is in _database_connections.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from readiness.api.vocabulary import Category, Severity
from readiness.checks._database_connections import (
    Connection,
    connection_of_variable,
    connections_of_arguments,
)
from readiness.checks.base import Check, Outcome, Reference, Scope, Skip, finding
from readiness.model.containers import Container, ContainerKind
from readiness.model.fields import text
from readiness.model.snapshot import Snapshot
from readiness.model.workload import Workload

CHECK = Check(
    id="database-connection-unencrypted",
    title="Database connection unencrypted",
    category=Category.DATA,
    severity=Severity.MUST,
    scope=Scope.INTRINSIC,
    rationale=(
        "Whoever can listen on the network between the pod and its database reads the data of all "
        "users, and with older ways to log in the password too."
    ),
    remediation=(
        "Set sslmode=verify-full (PostgreSQL), sslMode=VERIFY_IDENTITY (MySQL), tls=true (MongoDB, "
        "Go's driver for MySQL) or Encrypt=Strict (SQL Server), and mount the certificate of the "
        "authority that signed the server's."
    ),
    reference=Reference(
        checklist="Database Security: Connection encryption",
        url="https://www.postgresql.org/docs/current/libpq-ssl.html",
    ),
)


@CHECK.rule
def evaluate(workload: Workload, snapshot: Snapshot, params: Any) -> Outcome:
    """Fail for each env variable and argument that turns encryption off."""
    connections = [
        (container, connection)
        for container in workload.containers
        if container.kind is not ContainerKind.EPHEMERAL
        for connection in _connections(container)
    ]
    if not connections:
        return Skip("env, command and args say nothing of a database connection")
    return [
        finding(
            container,
            f"must encrypt its database connection, not set {connection.fault}",
            connection.field,
        )
        for container, connection in connections
        if connection.fault
    ]


def _connections(container: Container) -> Iterator[Connection]:
    fields = {}
    variables = {}
    for index, (path, variable) in enumerate(container.env):
        if variable.get("value") is not None:
            name = text(variable, "name", path)
            fields[name] = f"env[{index}].value"
            variables[name] = text(variable, "value", path)
    for name, value in variables.items():
        connection = connection_of_variable(fields[name], name, value, variables)
        if connection is not None:
            yield connection
    arguments = [(f"command[{index}]", value) for index, value in enumerate(container.command)]
    arguments += [(f"args[{index}]", value) for index, value in enumerate(container.args)]
    yield from connections_of_arguments(arguments)
