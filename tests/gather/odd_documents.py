"""Documents with something odd in them: what `readiness check` and kubectl must read alike.

Most are objects of a kind that takes any field, so that every value can be compared. The name of
each is that of its object; where there are two, the other ends in `-2`.
"""

from __future__ import annotations

DOCUMENTS: dict[str, bytes] = {}

_HEAD = "apiVersion: odd.example.com/v1\nkind: Odd\nmetadata:\n  name: {}\n"
_JSON = (
    '{"apiVersion": "odd.example.com/v1", "kind": "Odd", "metadata": {"name": "NAME"}, "spec": %s}'
)
_JSON_2 = _JSON.replace("NAME", "NAME-2")


def spec(name: str, text: str) -> None:
    """Add an object by the text below its `spec:`."""
    lines = (f"  {line}\n" if line else "\n" for line in text.split("\n"))
    raw(name, f"{_HEAD.format(name)}spec:\n{''.join(lines)}")


def whole(name: str, text: str) -> None:
    """Add a file by all of its text; HEAD stands for all above `spec:`, NAME for the name."""
    text = text.replace("HEAD2", _HEAD.format(f"{name}-2")).replace("HEAD", _HEAD.format(name))
    raw(name, text.replace("NAME", name))


def json_spec(name: str, text: str) -> None:
    """Add an object in JSON by its spec."""
    whole(name, f"{_JSON % text}\n")


def raw(name: str, data: str | bytes) -> None:
    """Add a file by its bytes."""
    assert name not in DOCUMENTS
    DOCUMENTS[name] = data.encode() if isinstance(data, str) else data


spec(
    "booleans",
    "a: [y, Y, yes, Yes, YES, n, N, no, No, NO, on, On, ON, off, Off, OFF, true, True, "
    "TRUE, false, False, FALSE]",
)
spec("no-booleans", "a: [yEs, oN, tRUE, ye, yes., 'yes', \"on\", nO]")
spec("nulls", "a: ~\nb:\nc: null\nd: Null\ne: NULL\nf: nULL\ng: ''\nh: [~, null, '']")
spec(
    "octal",
    "a: 0644\nb: 0o644\nc: 0O17\nd: 08\ne: 09.5\nf: 0_7\ng: -010\nh: 00\ni: 0\nj: -0\n"
    "k: +07\nl: 0o\nm: 0o8\nn: -0o17",
)
spec(
    "hex-binary",
    "a: 0x1F\nb: -0x1F\nc: 0X1f\nd: 0x\ne: 0b11\nf: 0B11\ng: 0b2\nh: 0xg\ni: 0x_1\n"
    "j: +0b1\nk: -0b101",
)
spec("sexagesimal", "a: 1:30\nb: 190:20:30\nc: 20:30:40.5\nd: -1:30\ne: 1:60\nf: 00:11:22:33:44:55")
spec(
    "floats",
    "a: .5\nb: -.5\nc: 5.\nd: 1.0\ne: 1e3\nf: 1E5\ng: 1.e5\nh: 1.5e3\ni: 1e-3\nj: 1e25\n"
    "k: 1e400\nl: +.5\nm: .e5\nn: 1e\no: 6.8523015e+5\np: 685.230_15e+03\nq: 0.1\n"
    "r: 1e-400\ns: -0.0\nt: 1.7976931348623157e308\nu: 5e-324\n"
    "v: 100000000000000000000.0\nw: 0.1e1\nx: 12e03",
)
spec(
    "integers",
    "a: 9223372036854775807\nb: 9223372036854775808\nc: -9223372036854775808\n"
    "d: -9223372036854775809\ne: 18446744073709551615\nf: 18446744073709551616\n"
    "g: 12345678901234567890\nh: 1_000\ni: 1__0\nj: _1\nk: 1_\nl: 1_0.5\nm: +5\nn: ++5\n"
    "o: 1,000\np: 0x7fffffffffffffff\nq: 0xffffffffffffffff\nr: -0x8000000000000000\ns: 0b"
    + "1" * 64
    + "\nt: 01777777777777777777777\nu: 9007199254740993",
)
spec("infinite", "a: .inf")
spec("infinite-negative", "a: -.INF")
spec("infinite-positive", "a: +.Inf")
spec("not-a-number", "a: .nan")
spec("not-a-number-upper", "a:\n- .NaN")
spec("not-quite-infinite", "a: inf\nb: nan\nc: .iNf\nd: '.inf'\ne: Infinity")
spec(
    "timestamps",
    "a: 2026-01-01\nb: 2026-01-01T00:00:00Z\nc: 2001-12-14t21:59:43.10-05:00\n"
    "d: 2001-12-14 21:59:43.10 -5\ne: 2026-1-1\nf: 2026-13-45\ng: 2001-12-15 2:59:43.10\n"
    "h: '2026-01-01'",
)
spec(
    "core-tags",
    'a: !!str 12\nb: !!int "12"\nc: !!int 010\nd: !!float 1\ne: !!bool "yes"\n'
    'f: !!null ""\ng: !!str true\nh: !!str\ni: !!float 1.5\nj: !!str ~\n'
    "k: !!str 2026-01-01\nl: !!int 0x1F",
)
spec("tag-float-whole", "a: !!float 3")
spec("tag-int-of-float", "a: !!int 1.0")
spec("tag-int-of-fraction", "a: !!int 1.5")
spec("tag-int-of-exp", "a: !!int 1e3")
spec("tag-null-of-text", "a: !!null x")
spec("tag-null-of-nothing", "a: !!null")
spec("tag-bool-of-word", "a: !!bool maybe")
spec("tag-bool-quoted", 'a: !!bool "true"\nb: !!bool n')
spec("tag-float-of-text", "a: !!float x")
spec("tag-float-inf", "a: !!float .inf")
spec("tag-int-of-text", "a: !!int x")
spec("tag-timestamp", "a: !!timestamp 2026-01-01")
spec("tag-timestamp-bad", "a: !!timestamp x")
spec("tag-binary", "a: !!binary aGVsbG8=\nb: !!binary |\n  aGVs\n  bG8=")
spec("tag-binary-bad", "a: !!binary '!'")
spec("tag-binary-not-utf8", "a: !!binary /w==")
spec("tag-binary-unpadded", "a: !!binary aGVsbG8")
spec("tag-binary-spaces", "a: !!binary 'aGVs bG8='")
spec("tag-custom", "a: !custom bar\nb: !custom {a: 1}\nc: !custom 12\nd: !custom [1]\ne: !Ref x")
spec("tag-python", "a: !!python/object:os.system x")
spec(
    "tag-set-omap",
    "a: !!set {a, b}\nb: !!omap [a: 1]\nc: !!pairs [a: 1]\nd: !!map {a: 1}\ne: !!seq [1]",
)
spec("tag-map-as-str", "a: !!str {a: 1}\nb: !!str [a]")
spec("tag-seq-as-map", "a: !!map [a]")
spec("tag-map-as-int", "a: !!int {a: 1}")
spec("tag-scalar-as-map", "a: !!map x")
spec("tag-scalar-as-seq", "a: !!seq x")
spec(
    "tag-verbatim", "a: !<tag:yaml.org,2002:str> 12\nb: !<!foo> 12\nc: !<tag:yaml.org,2002:int> '7'"
)
spec("tag-nonspecific", "a: ! 12\nb: ! yes\nc: ! {a: 1}")
spec("tag-merge", "a: {x: 1, !!merge <<: {y: 2}}")
spec("tag-value", "a: =\nb: !!value =\nc: {=: 1}")
spec("tag-unknown-handle", "a: !e!foo bar")
spec("tag-key", "!!str 1: a\n!!int '2': b\n!!bool yes: c")
whole("tag-directive", "%TAG !e! tag:example.com,2000:\n---\nHEADspec:\n  a: !e!foo 12\n")
whole("directive-1-1", "%YAML 1.1\n---\nHEADspec:\n  a: on\n")
whole("directive-1-2", "%YAML 1.2\n---\nHEADspec:\n  a: on\n")
whole("directive-2-0", "%YAML 2.0\n---\nHEADspec:\n  a: on\n")
whole("directive-unknown", "%FOO bar\n---\nHEADspec:\n  a: on\n")
whole("directive-second", "HEADspec: {a: 1}\n...\n%YAML 1.1\n---\nHEAD2spec: {b: 1}\n")
spec("merge-first", "base: &b {a: 1, b: 2}\nm: {<<: *b, a: 9}")
spec("merge-last", "base: &b {a: 1, b: 2}\nm: {a: 9, <<: *b}")
spec("merge-list", "base: &b {a: 1}\nm: {<<: [*b, {a: 2, c: 3}]}")
spec("merge-twice", "base: &b {a: 1}\nm: {<<: *b, <<: {c: 2}}")
spec("merge-nested", "base: &b {a: {x: 1, y: 2}}\nm:\n  <<: *b\n  a:\n    x: 9")
spec("merge-chain", "a: &a {x: 1}\nb: &b\n  <<: *a\n  y: 2\nc:\n  <<: *b\n  z: 3")
spec("merge-number", "a: {<<: 1}")
spec("merge-null", "a: {<<: ~, b: 1}")
spec("merge-list-of-text", "a: {<<: [x]}")
spec("merge-quoted", "a: {'<<': 1}")
spec("merge-override-twice", "base: &b {a: 1}\nm: {<<: *b, a: 2, a: 3}")
spec("merge-inline-literal", "m:\n  <<: {a: 1}\n  b: 2")
spec("anchors", "a: &x [1]\nb: *x\nc: &y z\nd: *y\ne: &z {k: v}\nf: *z")
spec("anchor-redefined", "a: &x 1\nb: *x\nc: &x 2\nd: *x")
spec("anchor-as-key", "a: &x key\n*x : value")
spec("anchor-on-null", "a: &x\nb: *x")
spec("anchor-map-as-key", "a: &x {b: 1}\n*x : value")
spec("alias-unknown", "a: *nope")
spec("alias-inside-itself", "a: &a\n  b: *a")
spec("alias-inside-itself-list", "a: &a [*a]")
whole("alias-of-other-document", "HEADspec:\n  a: &x 1\n---\nHEAD2spec:\n  a: *x\n")
spec("alias-typed", "a: &x 0644\nb: *x\nc: &yes yes\nd: *yes")
spec(
    "laughs",
    "a: &a [x, x, x, x, x, x, x, x, x, x]\n"
    + "\n".join(
        f"{n}: &{n} [" + ", ".join([f"*{b}"] * 10) + "]"
        for n, b in zip("bcdefghi", "abcdefgh", strict=True)
    ),
)
spec(
    "laughs-small",
    "a: &a [x, x, x, x, x, x, x, x, x, x]\n"
    + "\n".join(
        f"{n}: &{n} [" + ", ".join([f"*{b}"] * 10) + "]" for n, b in zip("bc", "ab", strict=True)
    ),
)
spec("duplicate", "a: 1\na: 2")
spec("duplicate-nested", "a:\n  b:\n  - c: 1\n    c: 2")
spec("duplicate-flow", "a: {b: 1, b: 1}")
spec("duplicate-number", "1: a\n'1': b")
spec("duplicate-bool", "yes: a\non: b")
spec("duplicate-bool-text", "yes: a\n'true': b")
whole("duplicate-top", "HEADkind: Odd\nspec: {}\n")
spec(
    "keys-plain",
    "on: 1\n2: a\n0x10: a\n1.5: a\n2026-01-01: a\n-1: a\n1_000: a\n010: b\n'': e\n1:30: c",
)
spec("key-null", "~: 1")
spec("key-empty", ": 1")
spec("key-list", "? [a]\n: 1")
spec("key-map", "? {a: 1}\n: 1")
spec("key-float-whole", "1.0: a")
spec("key-float-exp", "1e3: a")
spec("key-float-million", "1e6: a")
spec("key-float-large", "1e25: a")
spec("key-float-small", "0.00001: a")
spec("key-float-long", "1234567.5: a")
spec("key-int-large", "12345678901234567890: a")
spec("key-inf", ".inf: a")
spec("key-question", "? a\n: 1\n? b\n? c\n:\n  d: 1")
spec("key-spaces", "my key : 1\n\"a: b\": 2\n'#': 3\na b c: 4\n🦆: 5")
spec("key-1023", "k" * 1000 + ": 1")
spec("key-1100", "k" * 1100 + ": 1")
spec("key-1100-question", "? " + "k" * 1100 + "\n: 1")
spec("key-quoted-1100", "'" + "k" * 1100 + "': 1")
spec("tab-after-value", "a: b\t\nb: c\t# comment\nc:\td\ne: [1,\t2]\nf: 'x'\t")
spec("tab-after-colon", "a:\tb")
spec("tab-indent", "a:\n\tb: 1")
spec("tab-in-plain", "a: b\tc")
spec("tab-empty-line", "a: 1\n\t\nb: 2")
spec("tab-comment-line", "a: 1\n\t# comment\nb: 2")
spec("tab-before-colon", "a\t: 1")
spec("tab-after-dash", "a:\n-\tb\n-\tc")
spec("tab-map-after-dash", "a:\n-\tb: 1\n-\tc: 2")
spec("tab-in-block", "a: |\n  b\tc\n  \td\nb: 1")
spec("tab-in-flow", "a: {\n\tb: 1\n\t}")
spec("tab-plain-continued", "a: b\n\tc")
whole("bom", "\ufeffHEADspec: {a: on}\n")
whole("bom-in-second", "\ufeffHEADspec: {a: on}\n---\n\ufeffHEAD2spec: {b: on}\n")
whole("bom-before-dashes", "\ufeff---\nHEADspec: {a: on}\n")
whole("bom-second-dashes", "HEADspec: {a: on}\n\ufeff---\nHEAD2spec: {b: on}\n")
spec("bom-in-text", "a: x\ufeffy\nb: '\ufeff'")
raw("utf-16-le", (_HEAD.format("utf-16-le") + "spec: {a: on}\n").encode("utf-16"))
raw("utf-16-be", b"\xfe\xff" + (_HEAD.format("utf-16-be") + "spec: {a: on}\n").encode("utf-16-be"))
raw("utf-16-no-bom", (_HEAD.format("utf-16-no-bom") + "spec: {a: on}\n").encode("utf-16-le"))
raw("utf-32", (_HEAD.format("utf-32") + "spec: {a: on}\n").encode("utf-32"))
raw("latin-1", (_HEAD.format("latin-1") + "spec: {a: ä}\n").encode("latin-1"))
raw("latin-1-comment", (_HEAD.format("latin-1-comment") + "spec: {a: b} # ä\n").encode("latin-1"))
raw("utf-8-overlong", _HEAD.format("utf-8-overlong").encode() + b"spec: {a: \xc0\xaf}\n")
raw("utf-8-surrogate", _HEAD.format("utf-8-surrogate").encode() + b"spec: {a: \xed\xa0\x80}\n")
spec("crlf", 'a: |\n  x\n  y\nb: >\n  z\n  w\nc: "d\n  e"\nf: g\n  h\ni:\n- 1')
DOCUMENTS["crlf"] = DOCUMENTS["crlf"].replace(b"\n", b"\r\n")
spec("cr-only", "a: 1\nb: |\n  x\n  y")
DOCUMENTS["cr-only"] = DOCUMENTS["cr-only"].replace(b"\n", b"\r")
whole("crlf-documents", "HEADspec: {a: 1}\n---\nHEAD2spec: {b: 1}\n...\n")
DOCUMENTS["crlf-documents"] = DOCUMENTS["crlf-documents"].replace(b"\n", b"\r\n")
whole("crlf-mixed", "HEADspec:\r\n  a: |\r\n    x\n    y\r\n")
spec("line-break-nel", "a: x\u0085y\nb: 'x\u0085y'\nc: |\n  x\u0085  y")
spec("line-break-ls", "a: 'x\u2028y'\nb: |\n  x\u2028  y")
spec("line-break-ps", "a: 'x\u2029y'")
spec("line-break-ls-plain", "a: x\u2028  y")
spec("nbsp", "a:\u00a0b\nb: \u00a0c")
spec("nbsp-value", "b: \u00a0c\nc: d\u00a0")
spec("nbsp-indent", "a:\n\u00a0b: 1")
spec("control-bell", "a: '\x07'")
spec("control-escape", "a: \x1b[31m")
spec("control-del", "a: '\x7f'")
spec("control-nul", "a: '\x00'")
spec("control-c1", "a: '\u0080'")
spec("control-comment", "a: 1 # \x07")
spec("noncharacter", "a: '\ufffe'")
spec("noncharacter-ffff", "a: '\uffff'")
spec("form-feed", "a: 1\f")
spec("vertical-tab", "a: 'x\vy'")
spec("zero-width", "a: 'x\u200by'\nb: \u200b\nc: \u202e")
spec("escapes", r'a: "\x41 \u00e4 \U0001F600 \e \0 \_ \N \L \P \a \b \t \n \v \f \r \" \\ \ "')
spec("escape-slash", r'a: "\/"')
spec("escape-unknown", r'a: "\d"')
spec("escape-quote", r'''a: "\'"''')
spec("escape-surrogate", r'a: "\ud83d"')
spec("escape-surrogates", r'a: "\ud83e\udd86"')
spec("escape-too-large", r'a: "\U00110000"')
spec("escape-line", 'a: "one \\\n  two\\\n  \\ three"')
spec("escape-short", r'a: "\x4"')
whole("empty-documents", "---\n---\n# comment\n---\nHEADspec: {}\n---\n---\n")
whole("null-documents", "null\n---\nHEADspec: {}\n---\n~\n")
whole("null-tilde", "HEADspec: {}\n---\n~\n---\nHEAD2spec: {}\n")
whole("text-document", "HEADspec: {}\n---\njust words\n---\nHEAD2spec: {}\n")
whole("number-document", "HEADspec: {}\n---\n12\n")
whole("list-document", "HEADspec: {}\n---\n- a\n")
whole("empty-map-document", "HEADspec: {}\n---\n{}\n")
whole("end-marks", "HEADspec: {}\n...\n---\nHEAD2spec: {}\n...\n")
whole("end-mark-then-document", "HEADspec: {}\n...\nHEAD2spec: {}\n")
whole("end-mark-comment", "HEADspec: {}\n... # done\n")
whole("end-mark-words", "HEADspec: {}\n...\nwords\n")
whole("dashes-comment", "--- # first\nHEADspec: {}\n---   # second\nHEAD2spec: {}\n")
whole("dashes-spaces", "---   \nHEADspec: {}\n---\t\nHEAD2spec: {}\n")
whole(
    "dashes-inline",
    "--- {apiVersion: odd.example.com/v1, kind: Odd, metadata: {name: NAME}, spec: {a: 1}}\n",
)
whole("dashes-tag", "--- !!map\nHEADspec: {}\n")
whole("dashes-anchor", "--- &x\nHEADspec: {}\n")
whole("dashes-block", "HEADspec: {}\n--- |\n  text\n")
whole("dashes-text", "HEADspec: {}\n---text\n")
whole("dashes-four", "HEADspec: {}\n----\nHEAD2spec: {}\n")
whole("dashes-indented", "HEADspec: {}\n ---\nHEAD2spec: {}\n")
whole("dashes-in-block", "HEADspec:\n  a: |\n    one\n    ---\n    two\n")
whole("dashes-in-quotes", "HEADspec:\n  a: 'one\n---\n    two'\n")
whole("no-last-newline", "HEADspec: {a: b}")
whole("trailing-spaces", "HEADspec:   \n  a: b   \n  \n   \n  c: d\n     \n")
whole("leading-blank", "\n\n\n# c\nHEADspec: {}\n")
whole(
    "indented-document",
    "  apiVersion: odd.example.com/v1\n  kind: Odd\n  metadata: {name: NAME}\n  spec: {}\n",
)
whole(
    "comments-only-spec", "HEADspec: # c\n  # d\n  a: b # e\n# f\n  c: d #g\n  e: f#g\n  h: 'i'#j\n"
)
whole(
    "comments", "HEADspec: # c\n  # d\n  a: b # e\n# f\n  c: d #g\n  e: f#g\n  h: http://x:80/#y\n"
)
spec(
    "literal",
    "a: |\n  one\n   two\n\n  three\n\nb: |-\n  one\n\nc: |+\n  one\n\nd: |2\n    one\n"
    "   two\ne: |2-\n    x\nf: |\n\n\n  x\ng: |\nh: 1",
)
spec(
    "folded",
    "a: >\n  one\n  two\n\n  three\n   four\n   five\n  six\n\nb: >-\n  one\n\nc: >+\n"
    "  one\n\nd: >1\n   x\n  y",
)
spec("literal-hash", "a: |  # comment\n  # text\n  x # text\nb: 1")
spec("literal-less", "a: |\n   one\n  two")
spec("literal-tab-indent", "a: |\n\tone")
spec("literal-indicator-0", "a: |0\n  x")
spec("literal-indicator-large", "a: |9\n  x")
spec("literal-more-leading", "a: |\n     \n  x")
spec("literal-last-no-newline", "a: |+\n  x")
DOCUMENTS["literal-last-no-newline"] = DOCUMENTS["literal-last-no-newline"].rstrip(b"\n")
spec("literal-in-list", "a:\n- |\n  x\n- >\n  y\n  z\n- |-\n  w")
spec("literal-document-top", "a: |\n  b\nc: d")
spec("list-in-plain-text", "a: one\n  two\n\n  three\nb: x # y\nc: - not a list\n".rstrip("\n"))
spec("plain-text-lines", "a: one\n  two\n\n  three\nb:\n  on\nc:\n  1\n  2")
spec("plain-comment-inside", "a: one\n  # two\n  three")
spec("double-lines", "a: \"one\n  two\n\n  three\"\nb: 'it''s\n  so'\nc: \"\"\nd: ''")
spec("double-outdented", 'a: "one\ntwo"')
spec("quoted-then-text", "a: 'b' c")
spec("quoted-unclosed", "a: 'b")
spec("quoted-adjacent", 'a: {"b":1,"c":[2]}')
spec(
    "flow-odd",
    "a: [b, c,]\nb: {a, b: , c: 1,}\nc: [x: 1, y]\nd: {? a : 1}\ne: []\nf: {}\n"
    "g: [[], {}]\nh: [\n  1,\n  2 # two\n  ]",
)
spec("flow-empty-item", "a: [1, , 2]")
spec("flow-unclosed", "a: [1, 2")
spec("flow-after", "a: [b]c")
spec("flow-colon", "a: {b:1}\nb: [http://x:80]")
spec("flow-outdented", "a: [\n1,\n2\n]")
spec("flow-comma-first", "a: [, 1]")
spec("flow-key-multiline", "a: {b\n  c: 1}")
spec("lists", "a:\n- b\n- - c\n  - - d\n-\n- e: 1\n  f: 2\n-\n  g: 3\n- - h: 1")
spec("list-less-indented", "a:\n- b\n-c")
spec("list-in-line", "a: - b")
spec("list-bad-indent", "a:\n- b\n c: d")
spec("map-bad-indent", "a:\n    b: 1\n  c: 2")
spec("two-colons", "a: b: c")
spec("no-space-colon", "a:b")
spec(
    "odd-plain",
    "a: b#c\nb: http://x:80\nc: -x\nd: --\ne: a,b\nf: ?x\ng: a]b\nh: x'y\"z\ni: a - b\n"
    "j: :x\nk: \\n\nl: <x>\nm: ~x\nn: ^\no: (a)\np: $x\nq: ..\nr: '-'\ns: /x",
)
spec("plain-dash", "a: -\nb: 1")
spec("plain-question", "a: ?")
spec("at", "a: @b")
spec("backtick", "a: `b`")
spec("percent", "a: %b")
spec("percent-start", "a: 1\n%b: 2")
spec("star-only", "a: *")
spec("amp-only", "a: &")
spec("template", "a: {{ .Values.a }}")
spec("template-quoted", "a: '{{ .Values.a }}'\nb: x-{{ .Values.b }}")
spec("long-line", "a: " + "x" * 150_000)
spec("long-folded", "a: >\n  " + "word " * 20_000 + "end")
spec("long-list", "a: [" + ", ".join(["1"] * 20_000) + "]")
spec("deep-flow", "a: " + "[" * 90 + "]" * 90)
spec("deep-200", "a: " + "[" * 200 + "]" * 200)
spec("deep-600", "a: " + "[" * 600 + "]" * 600)

spec("deep-block", "\n".join("  " * n + "a:" for n in range(120)) + " x")
json_spec("json", '{"a": [1, 2.0, 1e3, true, null, "x", -0, 1.5]}')
whole("json-tabs", (_JSON % '{\n\t"a":\t[1,\n\t2]\n\t}').replace('{"api', '{\n\t"api') + "\n")
whole("json-several", _JSON % "{}" + "\n" + _JSON_2 % "{}" + "\n")
whole("json-adjacent", _JSON % "{}" + _JSON_2 % "{}")
whole("json-then-yaml", _JSON % "{}" + "\n---\nHEAD2spec: {a: on}\n")
whole("yaml-then-json", "HEADspec: {a: on}\n---\n" + _JSON_2 % '{"a": "on"}' + "\n")
whole("json-slash-comments", "// comment\n" + _JSON % "{}")
whole("json-inner-slash-comments", _JSON % '{\n// comment\n"a": 1}')
whole("json-block-comments", "/* comment */ " + _JSON % "{}")
whole("json-hash-comments", "# comment\n" + _JSON % '{"a": 1}' + " # comment\n")
whole("json-hash-inside", _JSON % '{"a": 1, # comment\n"b": 2}' + "\n")
json_spec("json-trailing-comma", '{"a": [1, 2,],}')
json_spec("json-single-quotes", "{'a': 'b'}")
json_spec("json-unquoted", "{a: on}")
json_spec("json-unquoted-yes", '{"a": on, "b": 0644}')
json_spec("json-duplicate", '{"a": 1, "a": 2}')
json_spec("json-nan", '{"a": NaN}')
json_spec("json-infinity", '{"a": Infinity}')
json_spec(
    "json-big",
    '{"a": 12345678901234567890, "b": 9223372036854775807, "c": 1e25, "d": 0.1, "e": '
    "100000000000000000000}",
)
json_spec("json-1e400", '{"a": 1e400}')
json_spec("json-leading-zero", '{"a": 0644}')
json_spec("json-surrogates", r'{"a": "\ud83e\udd86"}')
json_spec("json-surrogate-half", r'{"a": "\ud83e"}')
json_spec("json-slash", r'{"a": "\/x\u0041"}')
json_spec("json-control", '{"a": "x\x01y"}')
json_spec("json-newline", '{"a": "x\ny"}')
json_spec("json-del", '{"a": "x\x7fy"}')
json_spec("json-ls", '{"a": "x\u2028y"}')
whole("json-bom", "\ufeff" + _JSON % '{"a": 1}')
whole("json-cut", (_JSON % '{"a": 1}')[:-1])
whole("json-rest", _JSON % '{"a": 1}' + "}")
whole("json-words", _JSON % '{"a": 1}' + " x")
whole("json-array", "[" + _JSON % "{}" + "]")
json_spec("json-null-char", r'{"a": "\u0000"}')
json_spec("json-empty-key", '{"": 1}')
json_spec("json-plus", '{"a": +1}')
json_spec("json-dot", '{"a": .5, "b": 5.}')
whole(
    "list-kind",
    "apiVersion: v1\nkind: List\nitems:\n- apiVersion: odd.example.com/v1\n  kind: Odd\n"
    "  metadata: {name: NAME}\n  spec: {a: on}\n- apiVersion: odd.example.com/v1\n"
    "  kind: Odd\n  metadata: {name: NAME-2}\n  spec: {a: 0644}\n",
)
whole(
    "odd-list",
    "apiVersion: odd.example.com/v1\nkind: OddList\nitems:\n"
    "- apiVersion: odd.example.com/v1\n  kind: Odd\n  metadata: {name: NAME}\n"
    "  spec: {a: on}\n",
)
whole(
    "odd-list-bare",
    "apiVersion: odd.example.com/v1\nkind: OddList\nitems:\n- metadata: {name: NAME}\n"
    "  spec: {a: on}\n",
)
whole("list-empty", "apiVersion: v1\nkind: List\nitems: []\n---\nHEADspec: {}\n")
whole("list-null-items", "apiVersion: v1\nkind: List\nitems:\n---\nHEADspec: {}\n")
whole("list-no-items", "apiVersion: v1\nkind: List\n---\nHEADspec: {}\n")
whole("name-number", "apiVersion: odd.example.com/v1\nkind: Odd\nmetadata: {name: 12}\n")
whole("name-bool", "apiVersion: odd.example.com/v1\nkind: Odd\nmetadata: {name: on}\n")
whole("kind-null", "apiVersion: odd.example.com/v1\nkind:\nmetadata: {name: NAME}\n")
whole("kind-number", "apiVersion: odd.example.com/v1\nkind: 5\nmetadata: {name: NAME}\n")
whole("api-version-float", "apiVersion: 1.0\nkind: Odd\nmetadata: {name: NAME}\n")
whole("api-version-missing", "kind: Odd\nmetadata: {name: NAME}\n")
whole("metadata-null", "apiVersion: odd.example.com/v1\nkind: Odd\nmetadata:\n")
whole(
    "labels-number",
    "apiVersion: odd.example.com/v1\nkind: Odd\nmetadata:\n  name: NAME\n"
    "  labels: {version: 1.0}\n",
)
whole(
    "labels-text",
    "apiVersion: odd.example.com/v1\nkind: Odd\nmetadata:\n  name: NAME\n"
    "  labels: {version: '1.0'}\n  annotations: {on: 'yes', 8080: 'x'}\nspec: {}\n",
)
whole(
    "label-null",
    "apiVersion: odd.example.com/v1\nkind: Odd\nmetadata:\n  name: NAME\n  labels: {a: , b: c}\n"
    "spec: {}\n",
)
whole("broken-then-good", "apiVersion: [\n---\nHEADspec: {}\n")
whole("good-then-broken", "HEADspec: {}\n---\napiVersion: [\n")
