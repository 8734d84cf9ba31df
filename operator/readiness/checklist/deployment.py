"""Images, Kubernetes objects, scaling, rollouts and environments."""

from __future__ import annotations

from readiness.api.vocabulary import Severity
from readiness.checklist.base import Group, Item, Section

SECTION = Section(
    "deployment",
    "Deployment",
    (
        Group(
            "Image",
            (
                Item(
                    "image-built-in-stages",
                    "Images are built in stages",
                    "Compilers and build tools are not in the image that runs.",
                    Severity.SHOULD,
                    evidence=True,
                ),
                Item(
                    "image-vulnerabilities-known",
                    "The image is scanned",
                    "A scanner looks at the running image and finds nothing critical.",
                    Severity.MUST,
                    service_levels=("critical-vulnerabilities",),
                ),
                Item(
                    "image-size-optimised",
                    "The image is small",
                    (
                        "Layers cache well, and nothing is in the image that the service does "
                        "not use."
                    ),
                    Severity.NICE,
                    evidence=True,
                ),
                Item(
                    "container-health-checked",
                    "The container says whether it is well",
                    "Probes are set on the containers that need them.",
                    Severity.MUST,
                    checks=("liveness-probe-missing", "readiness-probe-missing"),
                ),
            ),
        ),
        Group(
            "Container security",
            (
                Item(
                    "runs-as-non-root",
                    "Containers do not run as root",
                    "No container may run as root or gain privileges.",
                    Severity.MUST,
                    checks=(
                        "run-as-root-allowed",
                        "run-as-root-user",
                        "run-as-root-group",
                        "privilege-escalation-allowed",
                    ),
                    cited_as="Container Security: Non-root user",
                ),
                Item(
                    "base-image-minimal",
                    "The base image is minimal",
                    (
                        "The file system is read-only at run time, and the base image has no "
                        "shell or package manager that is not needed."
                    ),
                    Severity.SHOULD,
                    checks=("writable-root-filesystem",),
                    evidence=True,
                    cited_as="Container Security: Minimal base image",
                ),
                Item(
                    "image-provenance-known",
                    "What runs is what was scanned",
                    (
                        "Images are pinned by digest and come from allowed registries, and "
                        "scans find nothing critical."
                    ),
                    Severity.MUST,
                    checks=("image-not-pinned", "image-registry-not-allowed"),
                    service_levels=("critical-vulnerabilities",),
                    cited_as="Container Security: Security scanning",
                ),
                Item(
                    "resources-limited",
                    "Resources are requested and limited",
                    "Containers request CPU and memory and have limits that make sense.",
                    Severity.MUST,
                    checks=(
                        "cpu-request-missing",
                        "memory-request-missing",
                        "memory-limit-missing",
                        "cpu-limit-missing",
                        "memory-overcommitted",
                        "ephemeral-storage-limit-missing",
                        "suspicious-quantity",
                    ),
                    cited_as="Container Security: Resource limits",
                ),
            ),
        ),
        Group(
            "Kubernetes objects",
            (
                Item(
                    "pod-spec-sound",
                    "The pod template is sound",
                    (
                        "Pods are hardened, survive the loss of a node or a drain, and carry "
                        "the labels that tools expect."
                    ),
                    Severity.MUST,
                    checks=(
                        "apparmor-profile",
                        "capabilities-not-dropped",
                        "container-runtime-socket-mounted",
                        "dangerous-capabilities",
                        "host-namespaces",
                        "host-path-volume",
                        "host-process-container",
                        "privileged-container",
                        "restricted-volume-types",
                        "seccomp-profile-missing",
                        "seccomp-unconfined",
                        "selinux-options",
                        "unmasked-proc-mount",
                        "unmasked-proc-mount-in-user-namespace",
                        "unsafe-sysctls",
                        "image-pull-policy-never",
                        "disruption-budget-blocks-eviction",
                        "disruption-budget-ineffective",
                        "disruption-budget-missing",
                        "disruption-budgets-overlap",
                        "priority-class-missing",
                        "topology-spread-missing",
                        "unhealthy-pods-block-eviction",
                        "recommended-labels-missing",
                    ),
                    cited_as="Kubernetes Configuration: Pod specifications",
                ),
                Item(
                    "services-sound",
                    "Services reach the pods",
                    "Services target ports that exist and expose no more than they must.",
                    Severity.MUST,
                    checks=("service-port-unknown", "exposed-by-node-port", "host-port"),
                    cited_as="Kubernetes Configuration: Service definitions",
                ),
                Item(
                    "routes-sound",
                    "Routes from outside are sound",
                    "Routes to the workload have TLS, limits and no wildcard origin.",
                    Severity.MUST,
                    checks=(
                        "ingress-without-tls",
                        "cors-wildcard",
                        "rate-limit-missing",
                        "request-size-unlimited",
                    ),
                ),
                Item(
                    "quota-set",
                    "The namespace has a quota",
                    "A ResourceQuota bounds what the namespace may use.",
                    Severity.SHOULD,
                    checks=("resource-quota-missing",),
                    cited_as="Kubernetes Configuration: Resource quotas",
                ),
            ),
        ),
        Group(
            "Scaling",
            (
                Item(
                    "horizontal-scaling-configured",
                    "The workload scales out",
                    ("An autoscaler covers the workload and has what it needs in order to work."),
                    Severity.SHOULD,
                    checks=(
                        "autoscaler-missing",
                        "autoscaler-metric-without-request",
                        "autoscaler-inactive",
                    ),
                    cited_as="Scaling Configuration: Horizontal Pod Autoscaler",
                ),
                Item(
                    "vertical-scaling-configured",
                    "Autoscalers do not fight",
                    "No two autoscalers act on the same workload by the same resource.",
                    Severity.SHOULD,
                    checks=("autoscalers-conflict",),
                    cited_as="Scaling Configuration: Vertical Pod Autoscaler",
                ),
                Item(
                    "cluster-scaling-configured",
                    "The cluster has room for more pods",
                    "Pods of the workload do not wait for a node.",
                    Severity.SHOULD,
                    service_levels=("scheduling-delay",),
                ),
                Item(
                    "scaling-bounded",
                    "Scaling has sensible bounds",
                    (
                        "The fewest pods are enough to lose one, the most are more than the "
                        "fewest, and nothing else sets the number."
                    ),
                    Severity.MUST,
                    checks=(
                        "replicas-too-low",
                        "autoscaler-cannot-scale",
                        "static-replicas-with-autoscaler",
                    ),
                    cited_as="Scaling Configuration: Scaling policies",
                ),
            ),
        ),
        Group(
            "Rollout",
            (
                Item(
                    "blue-green-considered",
                    "Switching between two versions is considered",
                    (
                        "It is settled whether old and new version run side by side and traffic "
                        "is switched at once."
                    ),
                    Severity.NICE,
                    evidence=True,
                ),
                Item(
                    "rolling-updates-safe",
                    "Rollouts lose no requests",
                    (
                        "Pods are replaced step by step, some always serve, and each may finish "
                        "its requests."
                    ),
                    Severity.MUST,
                    checks=("recreate-strategy", "rollout-loses-all-capacity", "pre-stop-missing"),
                    cited_as="Deployment Process: Rolling updates",
                ),
                Item(
                    "canary-releases-considered",
                    "New versions meet few users first",
                    (
                        "It is settled whether a share of the traffic tries a release first, "
                        "and what stops it."
                    ),
                    Severity.NICE,
                    evidence=True,
                ),
                Item(
                    "rollback-possible",
                    "A release can be taken back",
                    (
                        "Old revisions and their exact images are kept, and somebody has rolled "
                        "back within the time allowed."
                    ),
                    Severity.MUST,
                    checks=("mutable-image-tag", "rollback-impossible"),
                    evidence=True,
                    cited_as="Deployment Process: Rollback procedures",
                ),
            ),
        ),
        Group(
            "Environments",
            (
                Item(
                    "environments-isolated",
                    "Environments are isolated",
                    ("The workload has a namespace of its own, and the network keeps others out."),
                    Severity.MUST,
                    checks=("default-namespace", "network-policy-missing", "egress-unrestricted"),
                    cited_as="Environment Management: Environment isolation",
                ),
                Item(
                    "configuration-managed",
                    "Configuration is managed as code",
                    (
                        "Manifests use API versions that the next cluster still serves, and the "
                        "cluster holds what version control says."
                    ),
                    Severity.SHOULD,
                    checks=("deprecated-api-version",),
                    service_levels=("configuration-drift",),
                    cited_as="Environment Management: Configuration management",
                ),
                Item(
                    "deployment-secrets-managed",
                    "Secrets are delivered safely",
                    (
                        "No credential stands in what is deployed, and Secrets come from a "
                        "secret store or are sealed."
                    ),
                    Severity.MUST,
                    checks=("hard-coded-credential", "secret-in-config-map"),
                    evidence=True,
                ),
                Item(
                    "promotion-defined",
                    "Releases move through environments",
                    (
                        "The same image goes from environment to environment, and it is settled "
                        "who may promote it."
                    ),
                    Severity.SHOULD,
                    evidence=True,
                ),
            ),
        ),
    ),
)
