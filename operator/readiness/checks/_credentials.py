"""What gives a credential away in the text of a manifest.

Three things do: the form of a known token; a password in a URL or connection string; and a name
such as DB_PASSWORD with a value that is none of what such names also hold: a reference (`$(VAR)`,
`${VAR}`, `vault:...`), a path, a number, a truth value, the name of a Secret.
What is found is described, never returned: it must not end up in a message.
"""

from __future__ import annotations

import re

# The patterns are texts: `re` compiles those that are needed, and keeps them. All of them took 8 ms
# of every start (measured), while few texts get as far as a pattern.

# What it is called, a mark that every such token has, and its form: only forms that their issuers
# made to be recognised.
_FORMS = (
    ("an AWS access key", "AKIA", r"\bAKIA[A-Z0-9]{16}\b"),
    ("an AWS access key", "ASIA", r"\bASIA[A-Z0-9]{16}\b"),
    ("a GitHub token", "gh", r"\bgh[pousr]_[A-Za-z0-9]{36}"),
    ("a GitHub token", "github_pat_", r"\bgithub_pat_\w{40}"),
    ("a GitLab token", "glpat-", r"\bglpat-[\w-]{20}"),
    ("a Slack token", "xox", r"\bxox[abeoprs]-[A-Za-z0-9-]{10}"),
    ("a Slack webhook", "hooks.slack", r"//hooks\.slack\.com/services/T\w+/B\w+/\w+"),
    ("a private key", "PRIVATE KEY", r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY"),
    ("a JSON Web Token", "eyJ", r"\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{10}"),
    ("a Google API key", "AIza", r"\bAIza[\w-]{35}"),
    ("a Google client secret", "GOCSPX-", r"\bGOCSPX-[\w-]{28}"),
    ("a Stripe key", "k_live_", r"\b[sr]k_live_[A-Za-z0-9]{16}"),
    ("an npm token", "npm_", r"\bnpm_[A-Za-z0-9]{36}"),
    ("a PyPI token", "pypi-", r"\bpypi-AgE[\w-]{50}"),
    ("a SendGrid key", "SG.", r"\bSG\.[\w-]{22}\.[\w-]{43}"),
    ("an OpenAI or Anthropic key", "sk-", r"\bsk-(?:ant-|proj-)?[\w-]{32}"),
    ("a Hugging Face token", "hf_", r"\bhf_[A-Za-z0-9]{34}"),
    ("a DigitalOcean token", "_v1_", r"\bdo[opr]_v1_[a-f0-9]{64}"),
    ("a Vault token", "hv", r"\bhv[sb]\.[\w-]{24}"),
    ("an Azure account key", "AccountKey=", r"\bAccountKey=[A-Za-z0-9+/]{86}=="),
    ("a bearer token", "earer ", r"\b[Bb]earer [\w.~+/-]{20}"),
    ("a password", "asic ", r"\b[Aa]uthorization: *[Bb]asic [A-Za-z0-9+/]{8}"),
)
_SHORTEST_FORM = 15

# `scheme://user:password@host`, and `user:password@tcp(host)` of Go's driver for MySQL.
_URL_LOGIN = r"""(?x)
    ://[^\s/?\#@:]*:([^\s/?\#,;"']+)@
    | (?<![^\s="'])[^\s/?\#@:="']*:([^\s@]+)@(?:tcp|unix)\(
    """

# `NAME=value`, also in connection strings and shell; `--name value`; `"name": "value"` of JSON.
_ASSIGNMENT = r"""(?x)
    (?<![\w.$-]) -{0,2} ([A-Za-z_][\w.-]*) = ("[^"]*"|'[^']*'|[^\s;&,"']+)
    | (?<![\w-]) --? ([A-Za-z][\w.-]*) \s+ ("[^"]*"|'[^']*'|[^\s"'-][^\s;&|"']*)
    | "([A-Za-z_][\w.-]*)" \s* : \s* "([^"]+)"
    """

# Kinds of names, from the surest down. Those of `named` may as well hold the name of a Secret.
_NAME = r"""(?xi)
    (?: (?P<password> pass(?:word|wd|phrase|code) | (?:^|[_.-])(?:pass|pwd) )
      | (?P<secret>
            (?: jwt | client | session | app | cookie | webhook | auth | hmac | signing | api
              | shared | consumer | oauth2? | token | encryption | master )[_.-]?secret
          | secret[_.-]?(?:access[_.-]?)?key(?:[_.-]?base)? )
      | (?P<named> secret )
      | (?P<token> token )
      | (?P<key>
            (?: api | access | private | encryption | signing | auth | account | storage | shared
              | master )[_.-]?key )
      | (?P<credential> credentials? )
    ) [_-]?\d{0,2} $
    """
_CALLED = {"named": "a secret"}

# Filled in by the kubelet, a shell, a template or a tool for secrets; or code that reads it.
_REFERENCE = r"""(?x)
    \$\( | \$\{ | \{\{ | ^\$[A-Za-z_]\w*$ | ^` | ^<.*>$ | ^\{\w+\}$ | ^%\w+%$ | ^__\w+__$ | ^@\w+@$
    | ^[A-Za-z_]\w*(?:\.\w+)*[(\[] | ^[a-z_]\w*(?:\.[a-z_]\w*)+$
    | ^[A-Za-z][\w+.-]*:// | ^(?:vault|arn|op|env|file|secret|ssm|ref\+\w+):
    | ^[*xX.\#=_-]+$
    """
_HARMLESS = r"""(?xi)
      true | false | yes | no | on | off | enabled? | disabled? | none | null | nil | undefined
    | auto | required | optional | redacted
    | [\d.,:_+-]+ | \d+(?:ns|us|ms|s|m|h|d)
    | (?: / | \.\.?/ | ~/ | [a-z]:[\\/] ) [^\s+=]*
    | \S+\.(?: json | ya?ml | txt | pem | key | crt | jks | p12 | pfx | env | conf | properties )
    """
_SEPARATORS = r"[-_./: ]+"
_WORD = r"(?:[A-Z]?[a-z]{1,20}|[A-Z]{1,20})(?:[A-Z][a-z]{1,20})*\d{0,2}|v?\d{1,4}"
_OBJECT_NAME = r"[a-z]+(?:-[a-z0-9]{1,12})+"
_SHORTEST_RANDOM = 8


def credential_named(name: str, value: str) -> str | None:
    """Return what the value of a variable, flag or key is when it is a credential: `a password`.

    None when it is none, by its own text or by the name.
    """
    return credential_in(value) or _by_name(name, value)


def credential_in(text: str) -> str | None:
    """Return what a text holds when it holds a credential: `a URL with a password`."""
    if len(text) >= _SHORTEST_FORM:
        for what, mark, form in _FORMS:
            if mark in text and re.search(form, text):
                return what
    if "@" in text:
        for url in re.finditer(_URL_LOGIN, text):
            if not re.search(_REFERENCE, url[1] or url[2]):
                return "a URL with a password"
    if ("=" in text or "-" in text or '"' in text) and _may_be_named(text):
        for found in re.finditer(_ASSIGNMENT, text):
            name, value = (group for group in found.groups() if group is not None)
            kind = _by_name(name, value.strip("\"'"))
            if kind is not None:
                return kind
    return None


def _by_name(name: str, value: str) -> str | None:
    found = re.search(_NAME, name) if _may_be_named(name) else None
    if found is None or not value.strip():
        return None
    kind = found.lastgroup or ""
    if re.search(_REFERENCE, value) or re.fullmatch(_HARMLESS, value) or _names_a_file(value):
        return None
    words = _is_words(value)
    if kind == "secret":
        harmless = words and "-" in value
    elif kind == "password":
        harmless = False
    else:
        harmless = words or len(value) < _SHORTEST_RANDOM
        harmless = harmless or (kind == "named" and re.fullmatch(_OBJECT_NAME, value) is not None)
    return None if harmless else _CALLED.get(kind, f"a {kind}")


def _may_be_named(text: str) -> bool:
    text = text.lower()
    # Written out: a generator takes four times as long, and every text comes by here (measured).
    return (
        "key" in text
        or "token" in text
        or "secret" in text
        or "pass" in text
        or "pwd" in text
        or "credential" in text
    )


def _is_words(value: str) -> bool:
    """Return whether a value is made of words, as names are, rather than of random characters."""
    return all(re.fullmatch(_WORD, part) for part in re.split(_SEPARATORS, value) if part)


def _names_a_file(value: str) -> bool:
    return "/" in value and _is_words(value)
