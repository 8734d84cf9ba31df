"""A container is told to talk to its database without encryption.

Fields: value of every env variable, command and args of every init, sidecar and app container.
Looked for are `sslmode` disable, allow and none (PostgreSQL, MySQL), `useSSL=false` (MySQL),
`ssl`, `tls` or `encrypt` switched off in the URL or connection string of a database, and variables
such as PGSSLMODE and DB_SSL that say so. A connection that stays in the pod (loopback, Unix
socket), as one to the sidecar of a proxy does, needs no encryption. Certificates that are not
verified (`sslmode=require`, `tls=skip-verify`) are another matter.
Sources: https://www.postgresql.org/docs/current/libpq-ssl.html,
https://dev.mysql.com/doc/refman/8.4/en/connection-options.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from readiness.api.vocabulary import Category, Severity
from readiness.checks.base import (
    CannotTell,
    Check,
    Finding,
    Outcome,
    Reference,
    Scope,
    Skip,
    finding,
)
from readiness.model.containers import Container, ContainerKind
from readiness.model.fields import sequence, text
from readiness.model.snapshot import Snapshot
from readiness.model.workload import Workload

# A text about a connection to a database; only such ones are looked at closely.
_DATABASE = re.compile(
    r"""
      (?: postgres | mysql | mariadb | mongodb | sqlserver | mssql )[\w+]*:// | jdbc: | @tcp\(
    | (?: server | data\ source )=[^;]*; | ssl[-_ ]?mode | usessl | --skip-ssl
    """,
    re.VERBOSE | re.IGNORECASE,
)
_UNENCRYPTED = re.compile(
    r"""
      ssl[-_ ]?mode [=: ] \ ?["']? (?: disabled? | allow | none )\b
    | usessl=false\b
    | --skip-ssl\b
    | (?<=[?&;]) \ ? (?: ssl | tls | encrypt )=(?: false | 0 | no | off | disabled? | optional )\b
    """,
    re.VERBOSE | re.IGNORECASE,
)
_LOCAL = re.compile(
    r"""
      (?: @ | // | host[= ] | server= | data\ source= | tcp\( )
      (?: localhost | 127(?:\.\d+){3} | \[?::1\]? )(?![\w.-])
    | host[= ]/ | @unix\( | (?:@|//|host=)%2F
    """,
    re.VERBOSE | re.IGNORECASE,
)
# A variable that switches encryption; what stands before it names the host too: PGHOST, DB_HOST.
_SWITCH = re.compile(
    r"""
    ((?: \w*_ )?(?: PG | POSTGRES(?:QL)? | MYSQL | MARIADB | MSSQL | SQL | MONGO(?:DB)? | DB | DATABASE )
      _*)
    (?: USE_? | REQUIRE_? | ENABLE_? )? (?: SSL | TLS ) (?: _?(?: MODE | ENABLED? | REQUIRED? ) )?
    """,
    re.VERBOSE | re.IGNORECASE,
)
_OFF = frozenset({"disable", "disabled", "allow", "none", "false", "0", "no", "off"})
_LOCAL_HOST = re.compile(r"localhost(?::\d+)?|127\..*|\[?::1.*|/.*", re.IGNORECASE)

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
    findings: list[Finding] = []
    seen = False
    for container in workload.containers:
        if container.kind is ContainerKind.EPHEMERAL:
            continue
        variables: dict[str, str] = {}
        for field, name, value in _texts(container):
            if type(value) is not str:
                # A FieldError would show the value, which may be a password.
                return CannotTell(f"{container.path}.{field} must be text")
            if name:
                variables[name] = value
            about_database = _DATABASE.search(value) is not None
            seen = seen or about_database
            found = _UNENCRYPTED.search(value) if about_database else None
            if found is not None and not _LOCAL.search(value):
                place = f'env "{name}"' if name else field
                message = f"must encrypt its database connection: {place} has {found[0].strip()}"
                findings.append(finding(container, message, field))
    raise NotImplementedError
