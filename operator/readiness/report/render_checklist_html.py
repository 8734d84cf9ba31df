"""The checklist as one HTML page: nothing from outside, no scripts, fit for phones and printers.

The page is built as a tree, so whatever comes from manifests is escaped by the serialiser.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from xml.etree.ElementTree import Element, tostring

from readiness.checklist.base import Item, Stage
from readiness.checklist.catalogue import SECTIONS, answers_to, count_by_answer, items_until
from readiness.checklist.standing import ItemStanding, State, count_states
from readiness.report.checklist_words import (
    KINDS_IN_WORDS,
    STATES,
    Located,
    Note,
    answers_in_words,
    items_in_words,
    notes,
    progress,
    providers_in_words,
    states_in_words,
)
from readiness.report.messages import plural
from readiness.report.render_text import printable

_MARKS = {
    State.MET: "✓",
    State.MISSING: "✗",
    State.UNKNOWN: "?",
    State.AWAITING_EVIDENCE: "…",
    State.WAIVED: "~",
    State.NOT_APPLICABLE: "–",  # noqa: RUF001 - a dash that is seen
}
# After these a line ends in the source, for whoever reads or compares it.
_BLOCKS = frozenset(
    [
        *("article", "details", "div", "fieldset", "h1", "h2", "h3", "h4", "header", "label", "li"),
        *("main", "p", "section", "style", "summary", "table", "tbody", "thead", "tr", "ul"),
    ]
)

_STYLE = """
:root {
  color-scheme: light dark;
  --page: #fff; --card: #f6f7f9; --text: #1b1f24; --soft: #57606a; --line: #d5dae0;
  --link: #0b57b0; --met: #1a7f37; --missing: #c4212b; --unknown: #8a5a00;
  --awaiting-evidence: #0b57b0; --waived: #6e4bb3; --not-applicable: #6e7781;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #0f1318; --card: #191f27; --text: #e6e9ed; --soft: #a0a9b4; --line: #343c47;
    --link: #79b1ff; --met: #4cc46b; --missing: #ff7b78; --unknown: #e0ab45;
    --awaiting-evidence: #79b1ff; --waived: #c0a3f5; --not-applicable: #7d8692;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; max-width: 64rem; padding: 1.5rem 1rem 4rem;
  background: var(--page); color: var(--text);
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif;
}
h1 {
  font-size: clamp(1.3rem, 5vw, 1.75rem); line-height: 1.2; margin: 0 0 .5rem;
  overflow-wrap: anywhere;
}
h2 { font-size: 1.3rem; margin: 0 0 .25rem; overflow-wrap: anywhere; }
h3 { font-size: 1.1rem; margin: 0; }
h4 { font-size: .9rem; margin: 1.25rem 0 .4rem; color: var(--soft); }
p { margin: 0 0 .5rem; }
a { color: var(--link); }
code {
  font: .8rem/1.4 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace;
  overflow-wrap: anywhere;
}
.soft, code { color: var(--soft); }
article { margin-top: 2.5rem; }
article:first-child { margin-top: 1.25rem; }
fieldset {
  position: sticky; top: 0; z-index: 1; display: none; flex-wrap: wrap; gap: .4rem;
  margin: 1rem -1rem 0; padding: .6rem 1rem; border: 0; border-bottom: 1px solid var(--line);
  background: var(--page);
}
@supports selector(:has(*)) { fieldset { display: flex; } }
legend { position: absolute; clip-path: inset(50%); width: 1px; height: 1px; overflow: hidden; }
label {
  position: relative; padding: .2rem .7rem; border: 1px solid var(--line); border-radius: 1rem;
  font-size: .875rem; cursor: pointer; white-space: nowrap;
}
label input { position: absolute; inset: 0; margin: 0; opacity: 0; cursor: pointer; }
label:has(:checked) { background: var(--text); border-color: var(--text); color: var(--page); }
label:has(:focus-visible), summary:focus-visible {
  outline: 3px solid var(--link); outline-offset: 2px;
}
details { margin-top: .75rem; border: 1px solid var(--line); border-radius: .5rem; }
summary {
  display: flex; flex-wrap: wrap; align-items: center; gap: .25rem 1rem; padding: .7rem 1rem;
  cursor: pointer; list-style: none; background: var(--card); border-radius: .5rem;
}
summary::-webkit-details-marker { display: none; }
summary::before { content: "▸"; color: var(--soft); }
details[open] > summary::before { content: "▾"; }
summary h3 { flex: 1 1 12rem; }
summary .soft { font-size: .875rem; }
.group { padding: 0 1rem; }
.group:last-child { padding-bottom: 1rem; }
.bar {
  display: flex; flex: 0 1 10rem; min-width: 6rem; height: .55rem; border-radius: .3rem;
  overflow: hidden; background: var(--line);
}
.bar span { background: var(--color); }
.whole { display: flex; width: 100%; height: .8rem; margin: .75rem 0; }
ul { list-style: none; margin: 0; padding: 0; }
.item { padding: .55rem 0; border-top: 1px solid var(--line); }
.item:target { outline: 2px solid var(--link); outline-offset: 2px; }
.head {
  display: grid; grid-template: "state severity" "title title" / 1fr auto; gap: 0 .75rem;
  align-items: baseline;
}
.state { grid-area: state; color: var(--color); font-size: .875rem; font-weight: 600; }
.title { grid-area: title; font-weight: 600; }
.severity { grid-area: severity; font-size: .8rem; color: var(--soft); }
.about { font-size: .875rem; color: var(--soft); margin: 0; }
.about code { white-space: nowrap; }
.parts { margin-top: .35rem; font-size: .9rem; }
.parts li {
  padding: .1rem 0 .1rem .75rem; border-left: 3px solid var(--color); overflow-wrap: anywhere;
}
.who { color: var(--soft); font-style: italic; white-space: nowrap; }
.answered .head { grid-template: "title severity" / 1fr auto; }
@media (min-width: 40rem) {
  .stands .head { grid-template: "state title severity" / 12rem 1fr auto; }
  .stands .about, .parts { margin-left: 12.75rem; }
}
.met { --color: var(--met); } .missing { --color: var(--missing); }
.unknown { --color: var(--unknown); } .awaiting-evidence { --color: var(--awaiting-evidence); }
.waived { --color: var(--waived); } .not-applicable { --color: var(--not-applicable); }
.scroll { overflow-x: auto; }
table { width: 100%; border-collapse: collapse; font-size: .9rem; }
th, td { padding: .35rem .5rem; border-bottom: 1px solid var(--line); text-align: right; }
th:first-child, td:first-child { text-align: left; }
td.zero { color: var(--soft); }
@media print {
  :root {
    --page: #fff; --card: #fff; --text: #000; --soft: #444; --line: #bbb; --link: #000;
    --met: #1a7f37; --missing: #c4212b; --unknown: #8a5a00; --awaiting-evidence: #0b57b0;
    --waived: #6e4bb3; --not-applicable: #666;
  }
  body { max-width: none; padding: 0; font-size: 9.5pt; }
  fieldset { display: none !important; }
  details::details-content { display: block; content-visibility: visible; }
  .item, h4 { break-inside: avoid; } h4 { break-after: avoid; }
  .bar, .bar span { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
"""


def catalogue_html(stage: Stage) -> str:
    """Return the items that have to hold by a stage, each with how it is answered."""
    items = items_until(stage)
    wanted = {item.id for item in items}
    counts = count_by_answer(items)
    header = element(
        "header",
        element("h1", "Production readiness checklist"),
        element("p", f"{items_in_words(len(items), stage)}, each with how it is answered."),
    )
    main = element("main")
    for section in SECTIONS:
        here = [item for item in section.items if item.id in wanted]
        if not here:
            continue
        summary = element(
            "summary",
            element("h3", section.title),
            element("span.soft", plural(len(here), "item", "items", count=True)),
        )
        details = element("details.section", summary, open="open")
        for group in section.groups:
            entries = [_catalogue_item(item) for item in group.items if item.id in wanted]
            if entries:
                details.append(_group(group.title, entries))
        main.append(details)
    filters = {_slug(kind): (KINDS_IN_WORDS[kind], number) for kind, number in counts.items()}
    return _page("Production readiness checklist", header, filters, main)


def _catalogue_item(item: Item) -> Element:
    answers = element("p.about")
    _fill(answers, ["answered by "])
    for number, (label, names) in enumerate(answers_in_words(item)):
        _fill(answers, ["; " if number else "", f"{label} " if names else label])
        for position, name in enumerate(names):
            _fill(answers, [", " if position else "", element("code", name)])
    return element(
        f"li.item.answered.{_slug(answers_to(item.id).kind)}",
        element(
            "div.head",
            element("span.title", item.title),
            element("span.severity", str(item.severity)),
        ),
        element("p.about", f"{item.text} ", element("code", item.id)),
        answers,
        id=item.id,
    )


def standings_html(standings: Sequence[Located]) -> str:
    """Return where workloads stand, item by item; several begin with a table of them."""
    stage = standings[0].standing.stage
    title = "Production readiness"
    if len(standings) == 1:
        title += f" of {printable(standings[0].name)}"
    header = element("header", element("h1", title))
    number = len(standings[0].standing.items)
    counts = sum((located.standing.counts for located in standings), Counter[State]())
    if len(standings) > 1:
        text = f"{len(standings)} workloads, each held against {items_in_words(number, stage)}."
        header.append(element("p", text))
        header.append(element("div.scroll", _overview(standings, counts)))
    main = element("main")
    for position, located in enumerate(standings, 1):
        main.append(_workload(located, f"w{position}-", alone=len(standings) == 1))
    filters = {state.value: (state.label, counts[state]) for state in STATES if counts[state]}
    return _page(title, header, filters, main)


def _overview(standings: Sequence[Located], counts: Counter[State]) -> Element:
    shown = [state for state in STATES if counts[state]]
    head = element("tr", element("th", "workload", scope="col"))
    for state in shown:
        head.append(element("th", state.label, scope="col"))
    body = element("tbody")
    for position, located in enumerate(standings, 1):
        link = element("a", printable(located.name), href=f"#w{position}")
        row = element("tr", element("td", link))
        for state in shown:
            number = located.standing.counts[state]
            row.append(element("td" if number else "td.zero", str(number)))
        body.append(row)
    return element("table", element("thead", head), body)


def _workload(located: Located, prefix: str, *, alone: bool) -> Element:
    standing = located.standing
    article = element("article.workload", id=prefix.rstrip("-"))
    if not alone:
        article.append(element("h2", printable(located.name)))
    place = f"{located.file}:{located.line}; " if located.file else ""
    policies = ", ".join(standing.policies) or "none"
    word = plural(len(standing.policies), "policy", "policies") if standing.policies else "policy"
    facts = printable(f"{place}{word} {policies}")
    article.append(element("p.soft", facts))
    number = len(standing.items)
    text = f"{items_in_words(number, standing.stage)}: {states_in_words(standing.counts)}."
    article.append(element("p", text))
    article.append(_bar(standing.counts, "span.bar.whole"))
    waiting = [
        f"{number} {plural(number, 'waits', 'wait')} for {provider}"
        for provider, number in providers_in_words(standing)
    ]
    if waiting:
        article.append(element("p.soft", "; ".join(waiting) + "."))
    for section, groups in standing.sections():
        items = [item for _, entries in groups for item in entries]
        met, applicable = progress(items)
        summary = element(
            "summary",
            element("h3", section.title),
            _bar(count_states(items), "span.bar"),
            element("span.soft", f"{met} of {applicable} met"),
        )
        details = element("details.section", summary)
        if alone:
            details.set("open", "open")
        for title, entries in groups:
            details.append(_group(title, [_item(item, prefix) for item in entries]))
        article.append(details)
    return article


def _bar(counts: Counter[State], name: str) -> Element:
    """Return a bar of the states; the words beside it say the same."""
    bar = element(name, aria_hidden="true")
    for state in STATES:
        if counts[state]:
            bar.append(element(f"span.{state}", style=f"flex:{counts[state]}"))
    return bar


def _group(title: str, entries: Iterable[Element]) -> Element:
    return element("section.group", element("h4", title), element("ul", *entries))


def _item(standing: ItemStanding, prefix: str) -> Element:
    item, state = standing.item, standing.state
    mark = element("span", f"{_MARKS[state]} ", aria_hidden="true")
    entry = element(
        f"li.item.stands.{state}",
        element(
            "div.head",
            element("span.state", mark, state.label),
            element("span.title", item.title),
            element("span.severity", str(item.severity)),
        ),
        element("p.about", f"{item.text} ", element("code", item.id)),
        id=prefix + item.id,
    )
    lines = [_note(note, prefix) for note in notes(standing)]
    if lines:
        entry.append(element("ul.parts", *lines))
    return entry


def _note(note: Note, prefix: str) -> Element:
    text: Element | str = printable(note.text)
    if note.item:
        text = element("a", text, href=f"#{prefix}{note.item}")
    line = element(f"li.{note.state}", text)
    if note.provider:
        _fill(line, [" ", element("span.who", note.provider.value)])
    return line


def _page(
    title: str, header: Element, filters: Mapping[str, tuple[str, int]], main: Element
) -> str:
    """Return a page.

    Args:
        title: of the window.
        header: above the filters.
        filters: by the class of items, what to call them and how many there are.
        main: below the filters.
    """
    fieldset = element("fieldset", element("legend", "Show"), _filter("all", "all", checked=True))
    rules = []
    for name, (label, number) in filters.items():
        fieldset.append(_filter(name, f"{label} {number}"))
        showing = f"body:has(#show-{name}:checked)"
        rules.append(f"{showing} .item:not(.{name})")
        rules += [
            f"{showing} {block}:not(:has(.item.{name}))"
            for block in (".group", ".section", ".workload")
        ]
    style = f"{_STYLE}{', '.join(rules)} {{ display: none; }}\n"
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("title", title),
        element("style", style),
    )
    body = element("body", header, fieldset, main)
    page = element("html", head, body, lang="en")
    return f"<!DOCTYPE html>\n{tostring(page, encoding='unicode', method='html')}\n"


def _filter(name: str, label: str, *, checked: bool = False) -> Element:
    attributes = {"type": "radio", "name": "show", "id": f"show-{name}"}
    if checked:
        attributes["checked"] = "checked"
    return element("label", element("input", **attributes), label)


def _slug(kind: str) -> str:
    """Return a kind of answer as a class: `by-checks-evidence`."""
    return f"by-{kind.replace('+', '-').lower()}"


def element(tag: str, *children: Element | str, **attributes: str) -> Element:
    """Return an element with text and elements in it.

    Args:
        tag: with its classes behind it, as in a selector: `li.item.met`.
        children: elements and text, in order.
        attributes: with underscores for dashes.
    """
    name, *classes = tag.split(".")
    made = Element(name, {"class": " ".join(classes)} if classes else {})
    for attribute, value in attributes.items():
        made.set(attribute.replace("_", "-"), value)
    _fill(made, children)
    if name in _BLOCKS:
        made.tail = "\n"
    return made


def _fill(parent: Element, children: Iterable[Element | str]) -> None:
    for child in children:
        if isinstance(child, Element):
            parent.append(child)
        elif len(parent):
            parent[-1].tail = (parent[-1].tail or "") + child
        else:
            parent.text = (parent.text or "") + child
