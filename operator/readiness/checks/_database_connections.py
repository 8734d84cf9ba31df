"""What env variables and arguments say about the encryption of a connection to a database.

Looked for are `sslmode` disable, allow and none (PostgreSQL, MySQL), `useSSL=false` (MySQL),
`ssl`, `tls` or `encrypt` switched off in the URL or connection string of a database, and variables
such as PGSSLMODE and DB_SSL that say so. A connection that stays in the pod (loopback, Unix
socket), as one to a proxy in a sidecar does, needs no encryption. Certificates that are not
verified (`sslmode=require`, `tls=skip-verify`) are another matter.
Sources: https://www.postgresql.org/docs/current/libpq-ssl.html,
https://dev.mysql.com/doc/refman/8.4/en/connection-options.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

# A text about a connection to a database; only such ones are looked at closely. For lower-case text
# and written flat: so the engine finds the few characters that a match can begin with.
_DATABASE = re.compile(
    r"postgres[\w+]*://|mysql[\w+]*://|mariadb[\w+]*://|mongodb[\w+]*://|sqlserver[\w+]*://"
    r"|mssql[\w+]*://|jdbc:|@tcp\(|server=[^;]{0,999};|data source=[^;]{0,999};|ssl[-_ ]?mode"
    r"|usessl|--skip-ssl"
)
# Texts, which `re` compiles when they are needed: few runs need them.
_UNENCRYPTED = r"""(?xi)
      ssl[-_ ]?mode [=: ] \ ?["']? (?: disabled? | allow | none )\b
    | usessl=false\b
    | --skip-ssl\b
    | (?<=[?&;]) \ ? (?: ssl | tls | encrypt )=(?: false | 0 | no | off | disabled? | optional )\b
    """
_LOCAL = r"""(?xi)
      (?: @ | // | host[= ] | server= | data\ source= | tcp\( )
      (?: localhost | 127(?:\.\d+){3} | \[?::1\]? )(?![\w.-])
    | host[= ]/ | @unix\( | (?:@|//|host=)%2F
    """
# A variable that switches encryption; what stands before it names the host too: PGHOST, DB_HOST.
_SWITCH = r"""(?xi)
    ( (?: \w*_ )?
      (?: PG | POSTGRES(?:QL)? | MYSQL | MARIADB | MSSQL | SQL | MONGO(?:DB)? | DB | DATABASE ) _* )
    (?: USE_? | REQUIRE_? | ENABLE_? )? (?: SSL | TLS ) (?: _?(?: MODE | ENABLED? | REQUIRED? ) )?
    """
_OFF = frozenset({"disable", "disabled", "allow", "none", "false", "0", "no", "off"})
_LOCAL_HOST = re.compile(r"localhost(?::\d+)?|127\..*|\[?::1.*|/.*", re.IGNORECASE)


class Connection(NamedTuple):
    """A text about a connection to a database.

    Attributes:
        field: the field it stands in.
        fault: what leaves the connection unencrypted: `sslmode=disable`; empty when nothing does.
    """

    field: str
    fault: str


def connection_of_variable(
    field: str, name: str, value: str, variables: Mapping[str, str]
) -> Connection | None:
    """Return what a variable says about a connection, None when it says nothing.

    Args:
        field: where its value stands.
        name: its name.
        value: its value.
        variables: all variables of the container: another one may name the host.
    """
    folded = name.casefold()  # most names are no switch: they need no pattern to say so
    switch = re.fullmatch(_SWITCH, name) if "ssl" in folded or "tls" in folded else None
    if switch is None:
        return _connection(field, value, value)
    host = variables.get(f"{switch[1]}HOST") or variables.get(f"{switch[1]}HOSTNAME") or ""
    off = value.lower() in _OFF and _LOCAL_HOST.fullmatch(host) is None
    return Connection(field, f"{name}={value}" if off else "")


def connections_of_arguments(arguments: Sequence[tuple[str, str]]) -> list[Connection]:
    """Return what arguments, each with its field, say about connections.

    The host may stand in another argument than the setting, and the value of a flag in the one
    after it.
    """
    found = []
    everything = " ".join(argument for _, argument in arguments)
    flag = ""
    for field, argument in arguments:
        connection = _connection(field, flag + argument, everything)
        if connection is not None:
            found.append(connection)
        flag = f"{argument} " if argument.startswith("-") and "=" not in argument else ""
    return found


def _connection(field: str, text: str, context: str) -> Connection | None:
    if _DATABASE.search(text.lower()) is None:
        return None
    setting = re.search(_UNENCRYPTED, text)
    if setting is None or re.search(_LOCAL, context):
        return Connection(field, "")
    return Connection(field, setting[0].strip())
