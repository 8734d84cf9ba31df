"""The tree of an expression is what a person wrote, with places, overloads and loops.

One node in words: kind, name, text, marks, `@` its offset, its overloads in `<>`; then its children
in brackets, the body of a loop in braces, and behind an arrow what map adds.
"""

from __future__ import annotations

import pytest

from readiness.evaluate._cel_syntax import Node, _message, parse_checked
from readiness.evaluate.custom_checks import _environment


def tree(expression: str) -> Node:
    return parse_checked(_environment().compile(expression).serialize())


def words(node: Node) -> str:
    parts = [node.kind, node.name, "" if node.value is None else f"'{node.value}'"]
    parts += ["tested" if node.tested else ""]
    parts += [f"@{node.offset}", f"<{','.join(node.overloads)}>" if node.overloads else ""]
    text = " ".join(part for part in parts if part)
    if node.children:
        text += f"({', '.join(map(words, node.children))})"
    if node.body:
        text += f"{{{', '.join(map(words, node.body))}}}"
    return text if node.transform is None else f"{text}->{words(node.transform)}"


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (
            "object.spec.replicas > 1",
            (
                "call _>_ @21 <greater_int64>"
                "(select replicas @11(select spec @6(name object @0)), constant @23)"
            ),
        ),
        ("has(object.spec.x)", "select x tested @3(select spec @10(name object @4))"),
        ("''== ''", "call _==_ @2 <equals>(constant '' @0, constant '' @5)"),
        (
            "{'a': 1, 'b': 2}.size() == 2",
            (
                "call _==_ @24 <equals>(call size @21 <map_size>"
                "(map @0(constant 'a' @1, constant @6, constant 'b' @9, constant @14)), "
                "constant @27)"
            ),
        ),
        (
            "b'x' == b'y' || 1.5 < 2.5 || 1u == 2u",  # none of them is text
            (
                "call _||_ @26 <logical_or>(call _||_ @13 <logical_or>"
                "(call _==_ @5 <equals>(constant @0, constant @8), "
                "call _<_ @20 <less_double>(constant @16, constant @22)), "
                "call _==_ @32 <equals>(constant @29, constant @35))"
            ),
        ),
        (
            "google.protobuf.Duration{seconds: 1} == null",
            (
                "call _==_ @37 <equals>"
                "(struct google.protobuf.Duration @0(constant @34), constant @40)"
            ),
        ),
        (
            "!true ? 1 == 1 : container.name == 'a'",
            (
                "call _?_:_ @6 <conditional>(call !_ @0 <logical_not>(constant @1), "
                "call _==_ @10 <equals>(constant @8, constant @13), "
                "call _==_ @32 <equals>(select name @26(name container @17), constant 'a' @35))"
            ),
        ),
        (
            "['a', 'b'].all(x, x != 'c')",
            (
                "loop x @14(list @0(constant 'a' @1, constant 'b' @6))"
                "{call _!=_ @20 <not_equals>(name x @18, constant 'c' @23)}"
            ),
        ),
        (
            "object.spec.l.exists(x, x == 'é' && x != container.name)",  # offsets in characters
            (
                "loop x @20(select l @11(select spec @6(name object @0)))"
                "{call _&&_ @33 <logical_and>"
                "(call _==_ @26 <equals>(name x @24, constant 'é' @29), "
                "call _!=_ @38 <not_equals>(name x @36, select name @50(name container @41)))}"
            ),
        ),
        (
            "['a'].map(x, x + 'b') == []",
            (
                "call _==_ @22 <equals>(loop x @9(list @0(constant 'a' @1))"
                "{call _+_ @15 <add_string>(name x @13, constant 'b' @17)}"
                "->call _+_ @15 <add_string>(name x @13, constant 'b' @17), list @25)"
            ),
        ),
        (
            "['a'].filter(x, x == 'a').size() > 0",
            (
                "call _>_ @33 <greater_int64>(call size @30 <list_size>"
                "(loop x @12(list @0(constant 'a' @1))"
                "{call _==_ @18 <equals>(name x @16, constant 'a' @21), name x @13}->name x @13), "
                "constant @35)"
            ),
        ),
        (
            "['a'].map(x, x == 'a', x.size()) == [1]",
            (
                "call _==_ @33 <equals>(loop x @9(list @0(constant 'a' @1))"
                "{call _==_ @15 <equals>(name x @13, constant 'a' @18), "
                "call size @29 <string_size>(name x @23)}"
                "->call size @29 <string_size>(name x @23), list @36(constant @37))"
            ),
        ),
        ("[true].all(x, x)", "loop x @10(list @0(constant @1)){name x @14}"),
        (
            "['a'].exists_one(x, x == 'a')",  # the last constant is the 1 that the macro adds
            (
                "loop x @16(list @0(constant 'a' @1))"
                "{call _==_ @22 <equals>(name x @20, constant 'a' @25), constant @16}"
            ),
        ),
        (
            "['a'].all(x, ['b'].exists(y, x == y))",
            (
                "loop x @9(list @0(constant 'a' @1))"
                "{loop y @25(list @13(constant 'b' @14)){call _==_ @31 <equals>"
                "(name x @29, name y @34)}}"
            ),
        ),
    ],
)
def test_tree_of_an_expression(expression: str, expected: str) -> None:
    assert words(tree(expression)) == expected


def test_what_stands_past_the_128th_character_has_its_place() -> None:
    """On the wire a bigger number takes more bytes."""
    expression = f"{' ' * 300}true == false"

    assert words(tree(expression)) == ("call _==_ @305 <equals>(constant @300, constant @308)")


def test_fields_of_every_size_are_read() -> None:
    """64 bits, 32 bits, bytes and a number, each of two fields; protobuf.dev, Encoding."""
    eight, four = bytes(range(8)), bytes(range(4))
    data = b"\x09" + eight + b"\x15" + four + b"\x1a\x03abc" + b"\x20\xac\x02" + b"\x1a\x00"

    assert _message(data) == {1: [eight], 2: [four], 3: [b"abc", b""], 4: [300]}


def test_a_node_has_nothing_that_it_is_not_about() -> None:
    truth = tree("true == false").children[0]

    assert (truth.name, truth.value, truth.tested, truth.overloads) == ("", None, False, ())
    assert (truth.children, truth.body, truth.transform) == ((), (), None)


def test_a_long_text_is_whole() -> None:
    text = "é" * 20_000

    assert [n.value for n in tree(f"'{text}' == ''").walk()] == [None, text, ""]


def test_types_tell_what_differs() -> None:
    types = [n.type for n in tree("[1, 2] == [3] && ['a'] == ['b'] && true").walk()]

    numbers = [t for t in types if types.count(t) == 3]
    assert len(set(numbers)) == 1  # 1, 2 and 3
    assert b"" not in types
    assert len(set(types)) == 5  # numbers, texts, lists of either, truth
