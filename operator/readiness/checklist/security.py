"""Who may do what, and what an attacker meets."""

from __future__ import annotations

from readiness.api.vocabulary import Severity
from readiness.checklist.base import Group, Item, Section

SECTION = Section(
    "security",
    "Security",
    (
        Group(
            "Tokens",
            (
                Item(
                    "token-signing-key-strong",
                    "Signing keys of tokens are strong",
                    (
                        "Keys that sign JSON Web Tokens are random, at least 32 bytes long and "
                        "differ between environments."
                    ),
                    Severity.MUST,
                    evidence=True,
                ),
                Item(
                    "token-lifetime-limited",
                    "Tokens are short-lived",
                    (
                        "Access tokens end after minutes, refresh tokens after days, and "
                        "services refuse what has expired."
                    ),
                    Severity.MUST,
                    evidence=True,
                ),
                Item(
                    "token-refresh-implemented",
                    "Sessions are renewed by refresh tokens",
                    (
                        "A client renews its access token without asking for the password "
                        "again, and a refresh token can be revoked."
                    ),
                    Severity.SHOULD,
                    evidence=True,
                ),
                Item(
                    "token-rotation-planned",
                    "Signing keys and tokens are rotated",
                    (
                        "Keys are replaced on a schedule without logging everybody out, and "
                        "each refresh token works once."
                    ),
                    Severity.SHOULD,
                    evidence=True,
                ),
                Item(
                    "token-storage-secure",
                    "Clients keep tokens where scripts cannot read them",
                    (
                        "Browsers hold tokens in HttpOnly, Secure cookies or in memory; mobile "
                        "clients use the keychain of the system."
                    ),
                    Severity.MUST,
                    evidence=True,
                ),
            ),
        ),
        Group(
            "OAuth 2",
            (
                Item(
                    "oauth-client-secrets-protected",
                    "Client secrets stay out of manifests",
                    (
                        "No client secret stands in a container's environment, its arguments or "
                        "a ConfigMap it uses."
                    ),
                    Severity.MUST,
                    checks=("hard-coded-credential", "secret-in-config-map"),
                ),
                Item(
                    "oauth-redirects-validated",
                    "Redirect addresses are compared exactly",
                    (
                        "The authorization server accepts only registered redirect URIs, with "
                        "no wildcards."
                    ),
                    Severity.MUST,
                    evidence=True,
                ),
                Item(
                    "oauth-state-validated",
                    "The state parameter is verified",
                    (
                        "Each login carries an unguessable state value and answers without it "
                        "are refused."
                    ),
                    Severity.MUST,
                    evidence=True,
                ),
                Item(
                    "oauth-pkce-used",
                    "Public clients use PKCE",
                    (
                        "Mobile and single-page clients prove with PKCE that they began the "
                        "flow they finish; needless without such clients."
                    ),
                    Severity.SHOULD,
                    evidence=True,
                ),
                Item(
                    "oauth-scopes-validated",
                    "Scopes are enforced",
                    (
                        "Every endpoint refuses tokens that lack the scope it needs, and "
                        "clients are granted no more than they use."
                    ),
                    Severity.MUST,
                    evidence=True,
                ),
            ),
        ),
        Group(
            "Passwords",
            (
                Item(
                    "password-rules-strong",
                    "Weak passwords are refused",
                    (
                        "New passwords have a minimum length and are looked up in lists of "
                        "leaked ones."
                    ),
                    Severity.MUST,
                    evidence=True,
                ),
                Item(
                    "password-hashing-strong",
                    "Passwords are hashed slowly",
                    (
                        "Passwords are stored as bcrypt or Argon2 hashes with a current cost, "
                        "each with its own salt."
                    ),
                    Severity.MUST,
                    evidence=True,
                ),
                Item(
                    "account-lockout-enabled",
                    "Guessing passwords is slowed down",
                    "Repeated failures lock an account for a while or add a growing delay.",
                    Severity.MUST,
                    evidence=True,
                ),
                Item(
                    "password-reset-expires",
                    "Reset links expire",
                    ("A link that resets a password works once and for less than an hour or so."),
                    Severity.MUST,
                    evidence=True,
                ),
                Item(
                    "password-reuse-prevented",
                    "Old passwords cannot come back",
                    (
                        "A changed password must differ from the last few; needless where "
                        "passwords are not made to change."
                    ),
                    Severity.NICE,
                    evidence=True,
                ),
            ),
        ),
        Group(
            "Cross-origin requests",
            (
                Item(
                    "cors-origins-restricted",
                    "Only named origins may call the API",
                    "Routes to the workload allow no wildcard origin.",
                    Severity.MUST,
                    checks=("cors-wildcard",),
                    cited_as="CORS Configuration: Specific allowed origins (no wildcards)",
                ),
                Item(
                    "cors-credentials-considered",
                    "Cross-origin credentials are a decision",
                    (
                        "Cookies and authorization headers are accepted from other origins only "
                        "where a client needs it."
                    ),
                    Severity.SHOULD,
                    evidence=True,
                ),
                Item(
                    "cors-preflight-handled",
                    "Preflight requests are answered",
                    "Probes with OPTIONS get the right headers without authentication.",
                    Severity.SHOULD,
                    service_levels=("preflight-success",),
                ),
                Item(
                    "cors-headers-restricted",
                    "Cross-origin headers are listed",
                    "Allowed and exposed request headers are named one by one.",
                    Severity.SHOULD,
                    evidence=True,
                ),
            ),
        ),
        Group(
            "Rate limits",
            (
                Item(
                    "rate-limit-per-address",
                    "Requests are limited for each client address",
                    ("Every route to the workload limits how many requests one address may send."),
                    Severity.MUST,
                    checks=("rate-limit-missing",),
                    cited_as="Rate Limiting: Per-IP rate limiting",
                ),
                Item(
                    "rate-limit-per-user",
                    "Requests are limited for each user",
                    (
                        "An authenticated user has a limit of their own, whatever address the "
                        "requests come from."
                    ),
                    Severity.SHOULD,
                    evidence=True,
                ),
                Item(
                    "rate-limit-per-endpoint",
                    "Costly endpoints have tighter limits",
                    "Login, search, export and the like have limits of their own.",
                    Severity.SHOULD,
                    evidence=True,
                ),
                Item(
                    "rate-limit-bursts-handled",
                    "Short bursts are let through",
                    (
                        "Limits allow a bounded burst, so that few requests of well-behaved "
                        "clients are refused."
                    ),
                    Severity.SHOULD,
                    service_levels=("throttled-requests",),
                ),
                Item(
                    "rate-limit-headers-sent",
                    "Clients are told their limits",
                    (
                        "Probes find the remaining quota in answers, and a refusal says with "
                        "Retry-After when to come back."
                    ),
                    Severity.NICE,
                    service_levels=("rate-limit-headers",),
                ),
            ),
        ),
        Group(
            "Input",
            (
                Item(
                    "request-size-limited",
                    "Request bodies are bounded",
                    "No route to the workload passes on bodies of any size.",
                    Severity.MUST,
                    checks=("request-size-unlimited",),
                    cited_as="Input Validation: Request size limits",
                ),
                Item(
                    "upload-size-limited",
                    "Uploads are bounded",
                    (
                        "No route to the workload lets through a body, and so an upload, of any "
                        "size."
                    ),
                    Severity.SHOULD,
                    checks=("request-size-unlimited",),
                ),
                Item(
                    "sql-injection-prevented",
                    "Input never becomes SQL",
                    (
                        "Queries are parameterised or built by a library that does so, and "
                        "tests or a scanner have tried to break in."
                    ),
                    Severity.MUST,
                    evidence=True,
                ),
                Item(
                    "script-injection-prevented",
                    "Input never becomes script",
                    "Whatever users wrote is escaped for the place where it is shown.",
                    Severity.MUST,
                    evidence=True,
                ),
                Item(
                    "request-forgery-prevented",
                    "Other sites cannot act for a user",
                    (
                        "Requests that change something need a token or a SameSite cookie where "
                        "cookies authenticate."
                    ),
                    Severity.MUST,
                    evidence=True,
                ),
            ),
        ),
        Group(
            "Response headers",
            (
                Item(
                    "content-security-policy-sent",
                    "A content security policy is sent",
                    (
                        "Probes find a Content-Security-Policy that says where scripts, styles "
                        "and frames may come from."
                    ),
                    Severity.SHOULD,
                    service_levels=("security-headers",),
                ),
                Item(
                    "framing-restricted",
                    "Foreign sites cannot frame pages",
                    (
                        "Probes find that X-Frame-Options or the frame-ancestors directive "
                        "forbids framing."
                    ),
                    Severity.SHOULD,
                    service_levels=("security-headers",),
                ),
                Item(
                    "content-type-sniffing-disabled",
                    "Browsers do not guess content types",
                    "Probes find X-Content-Type-Options: nosniff.",
                    Severity.SHOULD,
                    service_levels=("security-headers",),
                ),
                Item(
                    "strict-transport-enforced",
                    "Browsers are kept on HTTPS",
                    (
                        "Every route to the workload has TLS, and probes find Strict-Transport- "
                        "Security."
                    ),
                    Severity.MUST,
                    checks=("ingress-without-tls",),
                    service_levels=("security-headers",),
                ),
                Item(
                    "legacy-xss-header-decided",
                    "The legacy XSS filter header is settled",
                    (
                        "Probes find X-XSS-Protection as policy has it; current browsers ignore "
                        "it, and 0 is the safe value."
                    ),
                    Severity.NICE,
                    service_levels=("security-headers",),
                ),
            ),
        ),
        Group(
            "Encryption",
            (
                Item(
                    "storage-encrypted",
                    "Data on disk is encrypted",
                    (
                        "No storage class in use switches encryption off, and somebody has "
                        "verified that volumes and managed databases are encrypted."
                    ),
                    Severity.MUST,
                    checks=("storage-not-encrypted",),
                    evidence=True,
                    cited_as="Encryption: Data at rest encryption",
                ),
                Item(
                    "transport-encrypted",
                    "Data on the wire is encrypted",
                    (
                        "Routes from outside use TLS, connections to databases too, and "
                        "certificates in use are not about to expire."
                    ),
                    Severity.MUST,
                    checks=("ingress-without-tls", "database-connection-unencrypted"),
                    service_levels=("certificate-lifetime",),
                    cited_as="Encryption: Data in transit encryption (TLS)",
                ),
                Item(
                    "sensitive-fields-encrypted",
                    "Sensitive fields are encrypted in themselves",
                    (
                        "Card numbers, health data and the like are encrypted before they are "
                        "stored."
                    ),
                    Severity.MUST,
                    evidence=True,
                ),
                Item(
                    "encryption-keys-managed",
                    "Encryption keys are managed",
                    (
                        "It is settled where keys live, who may use them, and how they are "
                        "replaced and revoked."
                    ),
                    Severity.MUST,
                    evidence=True,
                ),
            ),
        ),
        Group(
            "Databases",
            (
                Item(
                    "database-rights-minimal",
                    "The database user may do only what it must",
                    (
                        "The service's user owns no more rights than its queries need, and "
                        "migrations use another one."
                    ),
                    Severity.MUST,
                    evidence=True,
                ),
                Item(
                    "database-connection-encrypted",
                    "Database connections use TLS",
                    "No connection setting of the workload switches TLS off.",
                    Severity.MUST,
                    checks=("database-connection-unencrypted",),
                    cited_as="Database Security: Connection encryption",
                ),
                Item(
                    "database-queries-parameterised",
                    "Queries take values as parameters",
                    (
                        "Values reach the database as parameters, never as part of the text of "
                        "a query."
                    ),
                    Severity.MUST,
                    items=("sql-injection-prevented",),
                ),
                Item(
                    "database-network-restricted",
                    "Only its clients can reach the database",
                    (
                        "Network policies isolate the pods in both directions, and a database "
                        "outside the cluster has a firewall."
                    ),
                    Severity.MUST,
                    checks=("network-policy-missing", "egress-unrestricted"),
                    evidence=True,
                ),
            ),
        ),
    ),
)
