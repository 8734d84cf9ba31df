"""How values.yaml becomes schema and README, and a CRD a template."""

from __future__ import annotations

import pytest

from tools import chart

VALUES = """\
# Words before everything else.

# replicas of it.
# @schema {minimum: 1}
replicas: 2
image:
  # tag of the image: a|b <c>.
  # @schema {enum: [a, b]}
  tag: ""
# kinds that are on.
kinds:
  # one is first.
  one: true
# resources of it.
resources:
  limits: {memory: 1Gi}
"""


def test_schema_holds_types_comments_and_what_the_comments_add() -> None:
    assert chart.schema(list(chart.values(VALUES))) == {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "global": {"type": "object"},
            "replicas": {"description": "replicas of it.", "type": "integer", "minimum": 1},
            "image": {
                "type": "object",
                "additionalProperties": False,
                "properties": {
                    "tag": {
                        "description": "tag of the image: a|b <c>.",
                        "type": "string",
                        "enum": ["a", "b"],
                    }
                },
            },
            "kinds": {
                "description": "kinds that are on.",
                "type": "object",
                "additionalProperties": False,
                "properties": {"one": {"description": "one is first.", "type": "boolean"}},
            },
            # Its parts have no comments of their own: any are allowed.
            "resources": {"description": "resources of it.", "type": "object"},
        },
    }


def test_table_shows_values_with_their_defaults() -> None:
    assert chart.table(list(chart.values(VALUES))).splitlines() == [
        "| value | default | what for |",
        "|--|--|--|",
        "| `replicas` | `2` | replicas of it. |",
        '| `image.tag` | `""` | tag of the image: a\\|b &lt;c>. One of `a`, `b`. |',
        "| `kinds` |  | kinds that are on. |",
        "| `kinds.one` | `true` | one is first. |",
        '| `resources` | `{"limits": {"memory": "1Gi"}}` | resources of it. |',
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\n", "values.yaml:1: a has no comment"),
        ("b:\n  # c is.\n  c: 1\n  d: 2\n", "values.yaml:4: b.d has no comment"),
        ("# Number of it.\na: 1\n", "values.yaml:2: the comment of a must begin with its name"),
        ("# a is.\n# @schema 1\na: 1\n", "values.yaml:2: @schema: a mapping expected"),
        ("- a\n", "values.yaml: a mapping expected"),
    ],
)
def test_values_that_do_not_explain_themselves_are_refused(text: str, message: str) -> None:
    with pytest.raises(chart.ValuesError) as raised:
        list(chart.values(text))

    assert str(raised.value) == message


def test_schema_comment_that_is_no_yaml_is_refused_with_its_line() -> None:
    with pytest.raises(chart.ValuesError, match=r"^values.yaml:2: @schema: while parsing"):
        list(chart.values("# a is.\n# @schema {\na: 1\n"))


def test_crd_becomes_a_template_that_can_be_switched() -> None:
    crd = "# Generated.\nkind: X\nmetadata:\n  name: a\nspec:\n  description: says {{ .x }}\n"

    assert chart.template(crd) == (
        "{{- if .Values.crds.install }}\n"
        "# Generated.\nkind: X\nmetadata:\n"
        '  labels:\n{{ include "readiness.labels" . | indent 4 }}\n'
        "  {{- if .Values.crds.keep }}\n"
        "  annotations:\n    helm.sh/resource-policy: keep\n"
        "  {{- end }}\n"
        "  name: a\nspec:\n"
        '  description: says {{ "{{" }} .x }}\n'
        "{{- end }}\n"
    )


def test_crd_without_a_name_at_its_top_is_refused() -> None:
    with pytest.raises(chart.ValuesError, match=r"just one metadata\.name at its top"):
        chart.template("kind: X\n")
