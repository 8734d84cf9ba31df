"""`readiness policy test`: a policy against manifests with what should come of them."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

import click

from readiness.checks.registry import all_checks
from readiness.cli.exit_codes import BAD_INPUT, FINDINGS, READY
from readiness.cli.judging import PROFILE_NAMES, judge, policies_from_options, sort_inputs
from readiness.cli.outputs import write_file
from readiness.cli.terminal import terminal_look
from readiness.errors import InputError
from readiness.evaluate.policy import PolicySet
from readiness.gather.files import read_sources
from readiness.gather.policy_tests import REST, Expectation, PolicyTest, find_tests, read_tests
from readiness.report.messages import workload_title
from readiness.report.render_policy_tests import (
    Case,
    Tested,
    outcome_of,
    render_tested,
    render_tested_junit,
)
from readiness.report.render_text import printable
from readiness.report.summary import Judged

_EPILOG = """
\b
A test, in web.readiness-test.yaml (paths are relative to it):
  policy: policy.yaml              a profile, file or directory, or several
  manifests: [web.yaml, pdb.yaml]
  expected:
    deployment/web:
      memory-limit-missing: fail   pass, fail, warn, skip, error, exempt
      cpu-limit-missing: not-asked
      "*": pass                    all others pass or do not apply

\b
Examples:
  readiness policy test policies/
  readiness policy test web.readiness-test.yaml --junit report.xml

\b
Exit codes:
  0    everything came as expected
  1    something did not: it is shown
  2    wrong usage, or an input that could not be read: the rest was tested
"""


@click.command("test", short_help="Test policies against manifests.", epilog=_EPILOG)
@click.argument("inputs", nargs=-1, required=True, metavar="FILE|DIRECTORY...")
@click.option(
    "--junit", type=click.Path(), metavar="FILE", help="Write JUnit XML to this file too."
)
@click.pass_context
def test(ctx: click.Context, inputs: tuple[str, ...], junit: str | None) -> None:
    """Test policies: judge manifests, and compare with what is expected.

    For a team that keeps its own policy and wants to know what a change of it does. Of a directory
    it takes the files, with all below, whose names end in readiness-test.yaml. Each document in
    one is a test.

    What a check says of a workload is one word: fail (a Must finding), warn (a Should or Nice
    finding), pass, skip (it does not apply), error (it could not look), exempt, or not-asked (the
    policy does not ask for it).
    """
    errors: list[str] = []
    tested: list[Tested] = []
    for path in inputs:
        files = find_tests(path)
        if not files:
            errors.append(f"{path}: holds no file whose name ends in readiness-test.yaml")
        for file in files:
            _run_file(file, tested, errors)
    if tested:
        click.echo(render_tested(tested, terminal_look()), nl=False)
    if junit is not None:
        try:
            write_file(junit, render_tested_junit(tested) + "\n")
        except InputError as error:
            errors.append(str(error))
    for line in errors:
        click.echo(printable(line), err=True)
    if errors:
        ctx.exit(BAD_INPUT)
    ctx.exit(FINDINGS if any(one.unmet for one in tested) else READY)


def _run_file(file: str, tested: list[Tested], errors: list[str]) -> None:
    """Run the tests of a file; one that can't be run keeps no other from it."""
    try:
        tests = read_tests(file, PROFILE_NAMES)
    except InputError as error:
        errors.append(str(error))
        return
    for one in tests:
        try:
            tested.append(_run(one))
        except InputError as error:
            errors.append(str(error))


def _run(test: PolicyTest) -> Tested:
    """Judge the manifests of a test and compare.

    Raises:
        InputError: when policy or manifests can't be used, or it names checks that do not exist.
    """
    policies, errors = policies_from_options(test.policies, sys.stdin.buffer)
    sources = read_sources(test.manifests, sys.stdin.buffer)
    inputs = sort_inputs(sources.documents, test.namespace)
    run = judge(inputs, sources, policies, test.at or datetime.now(UTC))
    errors += [*map(str, sources.errors), *inputs.errors]
    errors += [f"{test.place}: {unknown}" for unknown in _unknown(test, policies)]
    if errors:
        raise InputError("\n".join(errors))
    cases = [case for expected in test.expected for case in _cases(expected, run.workloads)]
    return Tested(test.name, tuple(cases))


def _unknown(test: PolicyTest, policies: PolicySet) -> Iterator[str]:
    """Yield what a test says of checks that there are not: a slip of the pen would pass."""
    known = set(all_checks()).union(*(policy.settings for policy in policies))
    for expected in test.expected:
        for check in expected.outcomes:
            if check not in known and check != REST:
                close = difflib.get_close_matches(check, known, n=1)
                hint = f': did you mean "{close[0]}"?' if close else ""
                yield f'{expected.workload}: there is no check "{check}"{hint}'


def _cases(expected: Expectation, workloads: Iterable[Judged]) -> Iterator[Case]:
    found = [
        judged
        for judged in workloads
        if judged.report.ref.kind.lower() == expected.kind
        and judged.report.ref.name == expected.name
        and expected.namespace in ("", judged.report.ref.namespace)
    ]
    if len(found) != 1:
        there = ", ".join(sorted(workload_title(judged.report.ref) for judged in workloads))
        problem = (
            f"is there {len(found)} times: name its namespace, as in shop/{expected.workload}"
            if found
            else f"is not among the manifests: there is {there or 'no workload'}"
        )
        for check, wanted in expected.outcomes.items():
            yield Case(expected.workload, check, wanted, "", (problem,))
        return
    results = found[0].report.results
    title = workload_title(found[0].report.ref)
    for check, wanted in expected.outcomes.items():
        if check == REST:
            bad = [
                result
                for result in results
                if result.check.id not in expected.outcomes
                and outcome_of([result]) in ("fail", "warn", "error")
            ]
            actual = outcome_of(bad) if bad else wanted
            messages = tuple(f"{result.check.id}: {result.message}" for result in bad)
            yield Case(title, check, wanted, actual, messages)
            continue
        said = [result for result in results if result.check.id == check]
        messages = tuple(result.message for result in said if result.message)
        yield Case(title, check, wanted, outcome_of(said), messages)
