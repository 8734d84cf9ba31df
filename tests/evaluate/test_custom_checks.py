"""What custom checks say of workloads, what is refused, and how long an expression may take."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import replace
from typing import Any, get_args

import pytest

from readiness.api.v1alpha1 import CategoryId
from readiness.api.vocabulary import Category, Result, Severity
from readiness.checks.base import CannotTell, Finding, Outcome, Skip
from readiness.errors import PolicyError
from readiness.evaluate.compiling import compile_exemption, compile_policy
from readiness.evaluate.custom_checks import (
    MAX_WORK,
    ExpressionError,
    _measure,
    compile_expression,
)
from readiness.evaluate.evaluator import evaluate
from readiness.evaluate.policy import Policy, PolicySet
from readiness.model.snapshot import Origin
from readiness.model.workload import Workload
from tests.support import NOW, ROOT, snapshot_of

MESSAGE = "must be so"
CONTAINERS = "object.spec.template.spec.containers"
NAMESPACE = {
    "apiVersion": "v1",
    "kind": "Namespace",
    "metadata": {"name": "shop", "labels": {"tier": "gold"}},
}


def deployment(**spec: Any) -> dict[str, Any]:
    pod = {
        "initContainers": [
            {"name": "setup", "image": "busybox"},
            {"name": "proxy", "image": "r.example.com/proxy:1", "restartPolicy": "Always"},
        ],
        "containers": [{"name": "app", "image": "r.example.com/app:1"}],
        "ephemeralContainers": [{"name": "debug", "image": "busybox"}],
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "shop", "labels": {"app": "web"}},
        "spec": {"replicas": 3, "template": {"metadata": {}, "spec": {**pod, **spec}}},
    }


def custom(expression: str, id: str = "bad-thing", **fields: Any) -> dict[str, Any]:
    given = {"id": id, "severity": "Must", "expression": expression, "message": MESSAGE}
    return {**given, **fields}


def policy_of(*checks: dict[str, Any], name: str = "shop", **spec: Any) -> Policy:
    return compile_policy(
        {"metadata": {"name": name}, "spec": {"customChecks": list(checks), **spec}}
    )


def outcome_of(
    expression: str,
    document: dict[str, Any],
    *others: dict[str, Any],
    **snapshot: Any,
) -> Outcome:
    setting = policy_of(custom(expression)).settings["bad-thing"]
    found = setting.check.run(
        Workload(document), snapshot_of([document, *others], **snapshot), setting.params
    )
    return list(found) if isinstance(found, tuple) else found


@pytest.mark.parametrize(
    ("expression", "passes"),
    [
        ("object.metadata.labels.app == 'web'", True),
        ("has(object.metadata.labels.team)", False),
        ("object.metadata.namespace == 'shop'", True),
        ("object.spec.replicas >= 2", True),
        (f"{CONTAINERS}.all(c, c.image.startsWith('r.example.com/'))", True),
        (f"{CONTAINERS}.exists(c, c.image.matches(':latest$'))", False),
        (f"{CONTAINERS}.map(c, c.name) == ['app']", True),
        (f"{CONTAINERS}.filter(c, has(c.ports)).size() == 1", False),
        ("namespaceObject.metadata.labels.tier == 'gold'", True),
        ("namespaceObject.metadata.labels['kubernetes.io/metadata.name'] == 'shop'", True),
    ],
)
def test_expression_about_the_workload(expression: str, *, passes: bool) -> None:
    expected = [] if passes else [Finding(MESSAGE, "")]

    assert expected == outcome_of(expression, deployment(), NAMESPACE)


def test_expression_about_containers_is_asked_of_app_init_and_sidecar_containers() -> None:
    path = "spec.template.spec.initContainers[0]"
    expected = [Finding(f'init container "setup" {MESSAGE}', path, "setup")]

    assert expected == outcome_of(
        "container.image.startsWith('r.example.com/') && object.spec.replicas == 3", deployment()
    )


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        (
            "object.metadata.labels.team == 'pay'",
            'the expression can\'t be evaluated: Key not found in map : "team"',
        ),
        (
            "object.spec.replicas > '3'",
            "the expression can't be evaluated: No matching overloads found : _>_(int64, string)",
        ),
        (
            "container.ports.size() > 0",
            (
                'init container "setup": the expression can\'t be evaluated: '
                'Key not found in map : "ports"'
            ),
        ),
        (
            f"{CONTAINERS}[3].name == ''",
            "the expression can't be evaluated: Index error: index=3 size=1",
        ),
    ],
)
def test_what_fails_at_run_time_is_an_error_and_never_a_pass(expression: str, reason: str) -> None:
    assert CannotTell(reason) == outcome_of(expression, deployment())


def test_a_container_that_fails_outweighs_one_that_cannot_be_judged() -> None:
    """As in the API server's `all()`."""
    outcome = outcome_of("container.name != 'app' ? container.nothing == 1 : false", deployment())

    assert [
        Finding(f'container "app" {MESSAGE}', CONTAINERS.replace("object.", "") + "[0]", "app")
    ] == outcome


def test_namespace_that_is_unknown() -> None:
    expression = "namespaceObject.metadata.labels.tier == 'gold'"

    assert Skip('Namespace "shop" is not among the input') == outcome_of(expression, deployment())
    assert CannotTell('Namespace "shop" is not known yet') == outcome_of(
        expression, deployment(), origin=Origin.CLUSTER
    )
    assert CannotTell("not allowed to list namespaces") == outcome_of(
        expression,
        deployment(),
        origin=Origin.CLUSTER,
        unavailable={"Namespace": "not allowed to list namespaces"},
    )


def test_a_file_is_seen_as_the_api_server_would_store_it() -> None:
    document = deployment(securityContext=None)
    del document["metadata"]["namespace"]
    document["metadata"] |= {
        "labels": None,
        "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}"},
    }
    seen = (
        "object.metadata.namespace == 'default' && !has(object.metadata.labels) && "
        "!has(object.metadata.annotations) && !has(object.spec.template.spec.securityContext)"
    )

    assert outcome_of(seen, document) == []


@pytest.mark.parametrize("value", [2**64, float("nan"), "\ud800", {1: 2}, {None: 1}, [[]], "\x00"])
def test_values_no_api_server_would_store_never_crash(value: Any) -> None:
    document = deployment(hostname=value)
    outcome = outcome_of("object.spec.template.spec.hostname == 'x'", document)

    assert outcome == [Finding(MESSAGE, "")] or isinstance(outcome, CannotTell)


_REPLACE = "replace() takes texts as they are, the new one no longer than the old"
REFUSED = {
    "1 +": "line 1, column 4: Syntax error: mismatched input '<EOF>' expecting {'[', '{', '(', "
    "'.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, "
    "IDENTIFIER}",
    f"'{'a' * 100_000}' == ''": "expression size exceeds codepoint limit. input size: 100008, "
    "limit: 100000",
    "true\n&& true\n&& object.status == 1": "line 3, column 10: object.status is not available, of "
    "object only apiVersion, kind, metadata, spec",
    "true &&\n  nothing == 1": "line 2, column 3: undeclared reference to 'nothing'",
    "1 == '1'": "line 1, column 3: found no matching overload for '_==_' applied to "
    "'(int, string)'",
    "object.spec.paused": "it must be true or false, and is of any type",
    "1 + 1": "it must be true or false, and is of type int",
    "'\ud800' == ''": "it must be Unicode text",
    "(" * 200 + "true" + ")" * 200: "it is nested too deep: more than 32 levels",
    "object.status.replicas == 1": "line 1, column 7: object.status is not available, of object "
    "only apiVersion, kind, metadata, spec",
    "has(object.metadata.managedFields)": "line 1, column 4: object.metadata.managedFields is not "
    "available, of object.metadata only name, namespace, uid, labels, annotations, "
    "creationTimestamp",
    "namespaceObject.spec == null": "line 1, column 16: namespaceObject.spec is not available, of "
    "namespaceObject only metadata",
    "namespaceObject.metadata.uid == ''": "line 1, column 25: namespaceObject.metadata.uid is not "
    "available, of namespaceObject.metadata only name, labels",
    "object['spec'] == null": "line 1, column 1: object can't be used as a whole: name a field, "
    "such as object.spec",
    "object.metadata == null": "line 1, column 7: object.metadata can't be used as a whole: name "
    "a field, such as object.metadata.labels",
    "object.spec.x.all(object, true)": '"object" may not be the variable of a loop',
    "object.spec.`x` == 1": "line 1, column 13: no backtick may stand here",
    "int(object.spec.x) == 1": "line 1, column 4: the function int() is not available",
    "quantity('1Gi') == 1": "line 1, column 9: undeclared reference to 'quantity'",
    "object.spec.x.find('a') == ''": "line 1, column 19: undeclared reference to 'find'",
    "object.spec.x.join('a') == ''": "line 1, column 19: the function join() is not available",
    "object.?spec.x == 1": "line 1, column 1: unsupported syntax '.?'",
    "object.spec.x.matches(object.spec.y)": "the pattern of matches() must be a text as it is",
    "object.spec.x.matches('(')": "line 1, column 23: invalid regular expression: missing ): (",
    r"object.spec.x.matches('\\C')": r"\C is not available in patterns",
    "object.spec.x.replace('a', 'aa') == ''": "replace() takes texts as they are, the new one no "
    "longer than the old",
    "object.spec.x.indexOf('a', 1) == 1": "indexOf() takes no offset here",
    "object.spec.x.substring(0, 1) == ''": "substring() takes no end here",
    "object.spec.x.split('') == []": "the separator of split() must be a text as it is, and not "
    "empty",
    "[1, 'a'].size() == 2": "line 1, column 5: all values of a list must have the same type",
    "{'a': 1, 'b': 'c'}.size() == 2": "all values of a map must have the same type",
    "object.spec.x.map(a, object.spec.y) == []": "map() may only use its own variable, not "
    '"object"',
    "object.spec.x.map(a, [a, a]) == []": "map() may not make lists or maps",
    "object.spec.x.map(a, a + a) == []": "map() may not join texts or lists",
    "object.spec.x.map(a, a.map(b, b + b)) == []": "map() may not join texts or lists",
    "['a'].map(a, a + a) == []": "line 1, column 16: map() may not join texts or lists",
    "[['a']].map(a, a + a) == []": "line 1, column 18: map() may not join texts or lists",
    "[b'a'].map(a, a + a) == []": "line 1, column 17: map() may not join texts or lists",
    "object.spec.x.map(a, {a: a}) == []": "map() may not make lists or maps",
    "object.spec.x.map(a, a.filter(b, b == object.spec.y)) == []": "map() may only use its own "
    'variable, not "object"',
    "object.spec.x.map(a, a.exists(b, b == object.spec.y) ? a : '') == []": "map() may only use "
    'its own variable, not "object"',
    "object.spec.x.map(a, a.map(b, b.map(c, [c]))) == []": "map() may not make lists or maps",
    "object.spec.x.all(container, true)": '"container" may not be the variable of a loop',
    "object.spec.x.all(a, a.all(object, true))": '"object" may not be the variable of a loop',
    "namespaceObject == object.spec": "line 1, column 1: namespaceObject can't be used as a "
    "whole: name a field, such as namespaceObject.metadata.labels",
    "namespaceObject.metadata == null": "line 1, column 16: namespaceObject.metadata can't be used "
    "as a whole: name a field, such as namespaceObject.metadata.labels",
    "object.spec.x.all(a, object.metadata == a)": "line 1, column 28: object.metadata can't be "
    "used as a whole: name a field, such as object.metadata.labels",
    "object.spec.x.lastIndexOf('a', 1) == 1": "lastIndexOf() takes no offset here",
    "object.spec.x.split(object.spec.y) == []": "the separator of split() must be a text as it is, "
    "and not empty",
    "object.spec.x.replace('', 'a') == ''": _REPLACE,
    "object.spec.x.replace('', '') == ''": _REPLACE,
    "object.spec.x.replace(object.spec.y, '') == ''": _REPLACE,
    "object.spec.x.replace('a', object.spec.y) == ''": _REPLACE,
    "google.protobuf.Duration{seconds: 1} == null": "line 1, column 1: messages such as "
    '"google.protobuf.Duration" are not available',
    "true\n&& object.spec.x.matches('(')": "line 2, column 26: invalid regular expression: "
    "missing ): (",
    "{'a': 'b', 1: 'c'}.size() == 2": "line 1, column 12: all values of a map must have the same "
    "type",
}

USABLE = {
    "!(object.spec.replicas == 2) && object.spec.replicas != 2": 5,
    "object.spec.replicas < 4 && object.spec.replicas <= 3": 4,
    "object.spec.replicas > 2 && object.spec.replicas >= 3": 4,
    "object.spec.replicas == 2 || object.spec.replicas in [3]": 4,
    "(object.spec.replicas == 3 ? 1 : 0) == 1": 4,
    "object.spec.replicas + 1 - 2 == 2 && object.spec.replicas * 2 == 6": 7,
    "object.spec.replicas / 2 == 1 && object.spec.replicas % 2 == 1": 6,
    "-object.spec.replicas == -3": 3,
    "object.spec['replicas'] == 3": 3,
    "object.metadata.name.size() == 3 && size('web') == 3": 6,
    "object.metadata.name.startsWith('w') && object.metadata.name.endsWith('b')": 4,
    "object.metadata.name.contains('e') && object.metadata.name.matches('^w')": 4,
    "string(object.spec.replicas) == '3'": 3,
    "dyn(object.spec.replicas) == 3": 3,
    "type(object.spec.replicas) == int": 3,
    "object.metadata.name.charAt(0) == 'w' && object.metadata.name.indexOf('e') == 1": 6,
    "object.metadata.name.lastIndexOf('b') == 2": 3,
    "'WEB'.lowerAscii() == object.metadata.name && 'a'.upperAscii() == 'A'": 6,
    "object.metadata.name.replace('we', 'ww') == 'wwb'": 3,
    "object.metadata.name.replace('e', '', 1) == 'wb'": 3,
    "object.metadata.name.split('e') == ['w', 'b']": 3,
    "object.metadata.name.substring(1) == 'eb' && ' a '.trim() == 'a'": 6,
    "has(object.metadata) && has(object.metadata.name)": 2,
    r"!object.metadata.name.matches('\\\\\\\\C')": 3,
    "['a', 'b'].map(a, object.metadata.name == a) == [false, false]": 4,
    "['a', 'b'].map(a, object.metadata.name.size()) == [3, 3]": 4,
    "['a', 'b'].filter(a, a != object.metadata.name) == ['a', 'b']": 4,
    "[['a'], ['b']].map(a, a.filter(b, b != 'b')) == [['a'], []]": 5,
    "[[1], [2]].all(a, a.exists(b, b in a))": 4,
    "[1.5].map(a, a + 1.0) == [2.5]": 4,
}


@pytest.mark.parametrize(("expression", "operations"), USABLE.items())
def test_what_is_judged_as_by_the_api_server_can_be_used(expression: str, operations: int) -> None:
    """Each function, and what may be done with it; each call and each loop is an operation."""
    assert outcome_of(expression, deployment()) == []
    assert compile_expression(expression).operations == operations


@pytest.mark.parametrize(("expression", "problem"), REFUSED.items())
def test_what_the_api_server_may_judge_differently_is_refused(
    expression: str, problem: str
) -> None:
    with pytest.raises(ExpressionError) as caught:
        compile_expression(expression)

    said = str(caught.value)
    assert problem in (said, said.partition(": ")[2])  # with its place or without


def test_a_complaint_stays_short() -> None:
    with pytest.raises(ExpressionError) as caught:
        compile_expression(f"{'a' * 2_000} == 1")

    told = f"undeclared reference to '{'a' * 2_000}'"
    assert str(caught.value) == f"line 1, column 1: {told[:300]} ..."
    with pytest.raises(ExpressionError) as caught:
        compile_expression(f"{'a' * 274} == 1")

    assert str(caught.value) == f"line 1, column 1: undeclared reference to '{'a' * 274}'"


def test_policy_error_names_every_entry_at_fault() -> None:
    with pytest.raises(PolicyError) as caught:
        policy_of(
            custom("has(object.spec.x)", id="memory-limit-missing"),
            custom("nothing == 1"),
            custom("true", id="bad-thing"),
        )

    assert caught.value.reason == "DuplicateCheck"
    assert str(caught.value) == (
        'spec.customChecks[0].id: "memory-limit-missing" is a built-in check; '
        "spec.customChecks[1].expression: line 1, column 1: undeclared reference to 'nothing'; "
        'spec.customChecks[2].id: "bad-thing" stands here twice'
    )
    with pytest.raises(PolicyError) as caught:
        policy_of(custom("nothing == 1"))

    assert caught.value.reason == "InvalidExpression"


def test_compiled_policies_are_equal_when_they_say_the_same() -> None:
    assert policy_of(custom("true")) == policy_of(custom("true"))
    assert policy_of(custom("true")) != policy_of(custom("true && true"))


def test_custom_checks_stand_among_the_others_of_their_category() -> None:
    policies = PolicySet()
    policies.put(
        policy_of(
            custom("false", severity="Should"),
            custom("true", id="any-image", category="images"),
            checks=[{"id": "mutable-image-tag"}, {"id": "default-namespace"}],
        )
    )
    document = deployment()
    snapshot = snapshot_of([document])
    effective = policies.effective(list(policies), NOW)
    report = evaluate(Workload(document), snapshot, effective)
    results = [
        (r.check.category, r.check.id, r.severity, r.result)
        for r in report.results
        if r.check.id in ("bad-thing", "any-image")
    ]

    assert [c.check.id for c in effective.checks] == [
        "any-image",
        "mutable-image-tag",
        "bad-thing",
        "default-namespace",
    ]
    assert results == [
        (Category.IMAGES, "any-image", Severity.MUST, Result.PASS),
        (Category.CONFIGURATION, "bad-thing", Severity.SHOULD, Result.WARN),
    ]


def test_two_policies_with_one_id_ask_for_both() -> None:
    """The worse outcome counts, with the strictest severity, in the name of who asked."""
    policies = PolicySet()
    policies.put(policy_of(custom("true"), name="a"))
    policies.put(policy_of(custom("false", severity="Should", message="must differ"), name="b"))
    document = deployment()
    effective = policies.effective(list(policies), NOW)
    (result,) = evaluate(Workload(document), snapshot_of([document]), effective).results

    assert (result.policy, result.severity, result.message) == ("b", Severity.MUST, "must differ")


def test_exemptions_and_policies_may_name_custom_checks() -> None:
    spec = {
        "workloads": [{"name": "web"}],
        "checks": ["bad-thing"],
        "reason": "It is known to be bad.",
        "expiresAt": "2099-01-01T00:00:00Z",
    }
    exemption = {"metadata": {"name": "known", "namespace": "shop"}, "spec": spec}

    with pytest.raises(PolicyError, match='there is no check "bad-thing"'):
        compile_exemption(exemption)
    assert compile_exemption(exemption, custom_checks={"bad-thing"}).checks == {"bad-thing"}
    policy = policy_of(custom("true"), exemptions={"notExemptable": ["bad-thing"]})
    assert policy.not_exemptable == {"bad-thing"}


def test_schema_knows_every_category() -> None:
    """All but those that only people and measurements speak for."""
    others = {Category.EVIDENCE, Category.SERVICE_LEVELS}
    assert list(get_args(CategoryId)) == [c.id for c in Category if c not in others]


MANY = [{"name": f"c{index}", "image": "r.example.com/app:1"} for index in range(10_000)]
LONG = "a" * 500_000


@pytest.mark.parametrize(
    ("expression", "spec"),
    [
        # steps of loops
        (f"{CONTAINERS}.all(a, {CONTAINERS}.all(b, a.name != b.image))", {"containers": MANY}),
        (f"{CONTAINERS}.all(a, {CONTAINERS}.all(b, {CONTAINERS}.all(c, true)))",
         {"containers": MANY[:300]}),
        # long text in a long loop
        (f"{CONTAINERS}.all(a, object.spec.template.spec.x.matches('(a*)*b') || true)",
         {"containers": MANY, "x": LONG}),
        ("object.spec.template.spec.x.split('a').all(a, object.spec.template.spec.x != a)",
         {"x": LONG}),
        # a container each, and much besides
        ("container.name != object.spec.template.spec.x", {"containers": MANY, "x": LONG}),
        # linear, and still judged
        (f"{CONTAINERS}.all(a, a.image.matches('^r[.]example[.]com/') && a.name != '')",
         {"containers": MANY[:2_000]}),
        ("container.image.matches('^r[.]example[.]com/')", {"containers": MANY}),
        # a pattern that is slow to make ready
        (f"{CONTAINERS}.all(a, a.name.matches('^(.?){100}.{900}.*(x|y).*$') || true)",
         {"containers": MANY[:9_000]}),
        # slow for its length
        ("object.spec.template.spec.x.matches('^(.?){100}.{1000}.*(x|y).*$') || true",
         {"x": LONG}),
    ],
)  # fmt: skip
def test_an_expression_ends_within_seconds(expression: str, spec: dict[str, Any]) -> None:
    document = deployment(initContainers=[], **spec)
    began = time.process_time()
    outcome = outcome_of(expression, document)

    assert time.process_time() - began < 10
    assert isinstance(outcome, list | CannotTell)


def test_a_workload_that_is_too_big_for_an_expression_is_an_error() -> None:
    document = deployment(containers=MANY, x=LONG)

    assert outcome_of(f"{CONTAINERS}.all(a, object.spec.template.spec.x != a.name)", document) == (
        CannotTell("the workload is too big to be judged by this expression within seconds")
    )
    document = deployment(containers=MANY * 2)
    assert outcome_of(f"{CONTAINERS}.all(a, a.name != '')", document) == (
        CannotTell("the expression takes more than 10,000 steps")
    )


@pytest.mark.parametrize(
    ("expression", "loops", "depth", "longest", "splits"),
    [
        ("object.spec.x == 1", 0, 0, 0, False),
        ("object.spec.x.all(a, a.b == 1)", 0, 1, 0, False),
        ("object.spec.x.all(a, a.b == object.spec.y)", 1, 1, 0, False),
        ("object.spec.x.all(a, a.b.all(b, b.c == 1))", 0, 2, 0, False),
        ("object.spec.x.all(a, a.b.all(b, b.c == a.c))", 2, 2, 0, False),
        ("object.spec.x.all(a, object.spec.y.all(b, b.c == a.c))", 2, 2, 0, False),
        ("object.spec.x.all(a, true) && object.spec.y.all(a, true)", 0, 1, 0, False),
        ("object.spec.x.all(a, a in ['b', 'c', 'd'])", 0, 1, 3, False),
        ("object.spec.x.all(a, object.spec.a == 1)", 1, 1, 0, False),  # a field, not the variable
        ("[1, 2].all(a, a == 1) || object.spec.x in {'a': 1}", 0, 1, 2, False),
        ("object.spec.x.split('a').all(a, a == '')", 0, 1, 0, True),
        ("object.spec.x.filter(a, a != '').all(a, a.split('b') == [])", 0, 1, 0, False),
    ],
)
def test_shape_of_an_expression(
    expression: str, loops: int, depth: int, longest: int, *, splits: bool
) -> None:
    compiled = compile_expression(expression)

    assert (compiled.loops, compiled.depth, compiled.longest, compiled.splits) == (
        loops,
        depth,
        longest,
        splits,
    )


@pytest.mark.parametrize(
    ("pattern", "work"),
    [
        ("", 0),
        ("abc", 30),
        ("a.c", 30 + 100),
        ("[ab]", 40 + 100),
        (r"\d\w", 40 + 200),
        (r"\.", 20 + 100),
        (r"\pL", 30 + 100 + 5_000),
        (r"\PL", 30 + 100 + 5_000),
        ("(?i)a", 50 + 300),
        ("a{9}", 40 + 9 * 100),
        ("a{2,}", 50 + 2 * 100),
        ("a{2,4}", 60 + 4 * 100),
        ("a{0}", 40 + 100),
        ("(ab){3}", 3 * 70),
        ("(ab){2,4}", 4 * 90),
        ("((a){2}){3}", 6 * 110),
        ("(a{2}){3}", 3 * (90 + 200)),
        ("\n{2}", 40 + 200),
        (r"\pL{3}", 60 + 100 + 5_000 + 3 * 5_000),
        (r"\PL{3}", 60 + 100 + 5_000 + 3 * 5_000),
        (r"\p{Greek}{2}", 120 + 100 + 5_000 + 2 * 5_000),
    ],
)
def test_work_of_a_pattern(pattern: str, work: int) -> None:
    """What RE2 makes of it is not to be seen: a repeated part is made as often as it says."""
    quoted = pattern.replace("\\", "\\\\").replace("\n", "\\n")
    compiled = compile_expression(f"object.spec.x.matches('{quoted}')")

    assert compiled.patterns == work
    assert compiled.work(0, 0) == work
    twice = compile_expression(f"object.spec.x.all(a, a.matches('{quoted}') || a == '{quoted}')")
    assert twice.work(0, 7) == 7 * work


def test_work_of_several_patterns_is_their_sum() -> None:
    compiled = compile_expression("object.spec.x.matches('abc') || object.spec.x.matches('b')")

    assert compiled.patterns == 30 + 10


@pytest.mark.parametrize(
    ("data", "size", "longest"),
    [
        (None, 1, 0),
        ("abc", 4, 0),
        ([1, 2, 3], 4, 3),
        ({"a": "bc", "de": [1, None]}, 1 + 3 + 3 + 1 + 2, 2),
        ({1: "x"}, 1 + 2, 1),  # no API server stores such a key
        ([[1, 2], {"a": 1, "b": 2, "c": 3}, 4], 1 + 3 + (1 + 3 + 3) + 1, 3),
        ([[], [1, 2, 3, 4]], 1 + 1 + 5, 4),
    ],
)
def test_size_is_characters_and_values(data: object, size: int, longest: int) -> None:
    assert _measure(data) == (size, longest)


def test_work_grows_with_loops_and_size() -> None:
    flat = compile_expression("object.spec.a.all(x, x.b == 1)")
    nested = compile_expression("object.spec.a.all(x, object.spec.b.all(y, x == y))")

    assert flat.work(1_000, 10) == flat.operations * 1_000
    assert nested.work(1_000, 10) == 10**2 * nested.operations * 1_000
    assert nested.work(1_000, 1_000) == 10_000 * nested.operations * 1_000
    assert nested.work(1_000, 1) == nested.work(1_000, 0) == nested.operations * 1_000
    assert replace(nested, splits=True).work(50, 10) == 50**2 * nested.operations * 50


def test_the_work_of_all_containers_is_one_sum() -> None:
    """Where it is too much, what was found before counts, and else it can't be told."""
    one = {"name": "a", "image": "b"}
    document = deployment(initContainers=[], ephemeralContainers=[], containers=[one, one], x="")
    expression = "container.name == object.spec.template.spec.x"
    operations = 2 * compile_expression(expression).operations
    spare = MAX_WORK // operations - _measure({"object": document})[0] - _measure(one)[0]

    document["spec"]["template"]["spec"]["x"] = "x" * (spare + 1)
    found = Finding(f'container "a" {MESSAGE}', "spec.template.spec.containers[0]", "a")
    assert outcome_of(expression, document) == [found]
    expression = expression.replace("==", "!=")
    assert outcome_of(expression, document) == (
        CannotTell("the workload is too big to be judged by this expression within seconds")
    )
    document["spec"]["template"]["spec"]["x"] = "x" * spare
    assert outcome_of(expression, document) == []


@pytest.mark.parametrize(
    ("expression", "size", "too_big"),
    [
        ("object.spec.template.spec.x != 'a'", 25_000_000, False),  # twice that is the limit
        ("object.spec.template.spec.x != 'a'", 25_000_001, True),
        ("object.spec.template.spec.x != 'a' && true", 16_666_667, True),  # three times
        ("container.name != ''", 60_000_000, False),  # it does not look at all that
    ],
)
def test_what_an_expression_looks_at_is_limited(
    expression: str, size: int, *, too_big: bool
) -> None:
    document = deployment(x="")
    document["spec"]["template"]["spec"]["x"] = "x" * (size - _measure({"object": document})[0])

    assert outcome_of(expression, document) == (
        CannotTell("the workload is too big to be judged by this expression within seconds")
        if too_big
        else []
    )


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ({None: 1}, "Invalid map key type: 'null_type'"),
        ("\ud800", "basic_string: construction from null is not valid"),
    ],
)
def test_values_that_cel_does_not_have_are_told(value: Any, reason: str) -> None:
    document = deployment(hostname=value)

    assert outcome_of("object.spec.template.spec.hostname == 'x'", document) == CannotTell(
        f"the expression can't be evaluated: {reason}"
    )


def test_the_first_container_that_cannot_be_judged_is_named() -> None:
    document = deployment(containers=[{"name": "a"}, {"name": "b"}], initContainers=[])

    assert outcome_of("container.image == ''", document) == CannotTell(
        'container "a": the expression can\'t be evaluated: Key not found in map : "image"'
    )


def test_what_a_cluster_stores_is_seen_as_it_is() -> None:
    """There are no nulls in it that somebody forgot, and the annotation of kubectl is no matter."""
    document = deployment(hostname=None)
    applied = {"kubectl.kubernetes.io/last-applied-configuration": "{}"}
    document["metadata"] |= {"annotations": {"a": "b", **applied}, "managedFields": []}
    seen = (
        "has(object.spec.template.spec.hostname) && object.metadata.annotations == {'a': 'b'} && "
        "object.kind == 'Deployment' && object.apiVersion == 'apps/v1'"
    )

    assert outcome_of(seen, document, origin=Origin.CLUSTER) == []
    container = {"name": "app", "image": "x", "env": [{"name": "A", "value": None}]}
    document = deployment(containers=[container], initContainers=[])
    expression = "container.env.exists(e, has(e.value))"
    assert outcome_of(expression, document, origin=Origin.CLUSTER) == []
    path = "spec.template.spec.containers[0]"
    assert outcome_of(expression, document) == [Finding(f'container "app" {MESSAGE}', path, "app")]


def test_a_workload_may_lack_its_spec() -> None:
    document = deployment()
    del document["spec"]

    assert outcome_of("object.kind == 'Deployment' && !has(object.spec)", document) == []


def test_namespace_and_container_may_be_asked_about_together() -> None:
    document = deployment(initContainers=[])
    expression = "namespaceObject.metadata.name == 'shop' && container.name == 'app'"

    assert outcome_of(expression, document, NAMESPACE) == []
    assert outcome_of(expression, document) == Skip('Namespace "shop" is not among the input')


def test_a_custom_check_says_who_asks_for_it() -> None:
    check = policy_of(custom("true", id="team-label-missing")).settings["team-label-missing"].check

    assert (check.title, check.category) == ("Team label missing", Category.CONFIGURATION)
    assert check.rationale == 'ReadinessPolicy "shop" asks for it.'
    assert check.remediation == MESSAGE
    assert check.severity is Severity.MUST


def test_nobody_waits_for_cel_without_custom_checks() -> None:
    code = (
        "import sys\n"
        "from readiness.cli.main import main\n"
        "try: main()\n"
        "except SystemExit: print(*sys.modules, file=sys.stderr)"
    )
    example = ROOT / "examples"
    run = subprocess.run(
        [
            sys.executable,
            "-c",
            code,
            "check",
            "--policy",
            example / "policy.yaml",
            example / "bookshop",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = run.stderr.splitlines()[-1].split()

    assert "readiness.evaluate.compiling" in loaded
    assert [m for m in loaded if "cel_expr" in m or "custom_checks" in m] == []


def test_an_id_that_stands_twice_is_a_duplicate() -> None:
    with pytest.raises(PolicyError) as caught:
        policy_of(custom("true", id="bad-thing"), custom("false", id="bad-thing"))

    assert caught.value.reason == "DuplicateCheck"
    assert str(caught.value) == 'spec.customChecks[1].id: "bad-thing" stands here twice'
