"""Every reason of the conditions and events this operator writes.

The reason of a category's condition that is False is the list of failing checks in CamelCase.
"""

from __future__ import annotations

# ProductionReady
ALL_MUST_CHECKS_PASS = "AllMustChecksPass"  # every Must check passes or does not apply  # noqa: S105
MUST_CHECKS_PASS_OR_EXEMPT = "MustChecksPassOrExempt"  # some failures are accepted by exemptions  # noqa: S105
MUST_CHECKS_FAILING = "MustChecksFailing"  # at least one Must check fails
CHECKS_CANNOT_TELL = "ChecksCannotTell"  # a check that counts could not look
WAITING_FOR_COMPANIONS = "WaitingForCompanions"  # companions may still come: the grace period runs

# conditions of categories
ALL_CHECKS_PASS = "AllChecksPass"  # nothing to say  # noqa: S105
EXEMPTIONS_APPLY = "ExemptionsApply"  # what fails is accepted by exemptions
NOT_APPLICABLE = "NotApplicable"  # no check of the category applies to this workload
ONLY_NICE_TO_HAVE = "OnlyNiceToHaveMissing"  # only checks of severity Nice have findings

# events on workloads
NOT_PRODUCTION_READY = "NotProductionReady"  # ProductionReady became False
PRODUCTION_READY = "ProductionReady"  # ProductionReady became True
EVIDENCE_EXPIRING = "EvidenceExpiring"  # evidence for the workload ends within 14 days
EXEMPTION_EXPIRING = "ExemptionExpiring"  # an exemption of the workload ends within 14 days
BREAK_GLASS_USED = "BreakGlassUsed"  # a workload got past Strict in an emergency

# conditions of ReadinessPolicy: Accepted
ACCEPTED = "Accepted"  # the policy can be used as written
# (else the reason of the PolicyError: InvalidSpec, UnknownCheck, InvalidParams, ...)

# conditions of ReadinessPolicy: Enforced
AUDIT_ONLY = "AuditOnly"  # enforcement is Audit
WARN_ONLY = "WarnOnly"  # enforcement is Warn
NOT_YET_IN_FORCE = "NotYetInForce"  # enforceFrom is still to come
NO_ADMISSION_WEBHOOK = "NoAdmissionWebhook"  # nothing refuses at admission in this cluster
ENFORCED = "Enforced"  # violations of Must checks are refused at admission
NOT_ACCEPTED = "NotAccepted"  # a policy that is not accepted enforces nothing

# conditions of ReadinessExemption: Active
IN_FORCE = "InForce"  # findings are accepted
EXPIRED = "Expired"  # findings count again
INVALID = "Invalid"  # the exemption can't be used as written

# conditions of ReadinessEvidence: Current
CURRENT = "Current"  # it counts
NOT_YET_PERFORMED = "NotYetPerformed"  # performedAt is still to come
OTHER_IMAGES = "OtherImages"  # every workload it is about runs other images than it is bound to
# (else Expired or Invalid, as above)

# conditions of ReadinessExemption and ReadinessEvidence: Expiring
EXPIRES_SOON = "ExpiresSoon"  # it ends within 14 days
NOBODY_AFFECTED = "NobodyAffected"  # so does it, but no workload relies on it
NOT_SOON = "NotSoon"  # it ends later

# conditions of ReadinessExemption: Unneeded
NOTHING_TO_EXEMPT = "NothingToExempt"  # no finding is accepted by it
FINDINGS_ACCEPTED = "FindingsAccepted"  # some are
