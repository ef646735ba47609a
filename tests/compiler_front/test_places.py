"""Places of expressions are worked out when they are asked for, and are then what they always were."""

from __future__ import annotations

from dataclasses import replace

import pytest

from runeskript.compiler.frontends.forms import parse_source
from runeskript.compiler.nodes import Map, key_of, pairs_of
from runeskript.compiler.read import read
from runeskript.model.ast import Call, Expr, Set
from runeskript.model.diagnostics import Diagnostics
from runeskript.model.spans import Span

TEXT = """\
skript: places
do:
  - set:
      total: ${a + 1}
      "quoted": 2
      list: [1, "${a} b"]
  - call: f
    with: {x: 'it''s ${a}', y: 007, "a/b": true}
"""


def steps() -> tuple[Set, Call]:
    diagnostics = Diagnostics()
    document = parse_source(read(TEXT, "p.yaml", diagnostics), diagnostics)
    assert document is not None
    first, second = document.body
    assert isinstance(first, Set)
    assert isinstance(second, Call)
    return first, second


def test_each_expression_knows_its_text_span_and_pointer() -> None:
    first, second = steps()
    values = [value for _, value in (*first.assignments, *second.args.entries.items())]
    assert [(v.source, str(v.span), v.pointer) for v in values] == [
        ("${a + 1}", "p.yaml:4:14", "/do/0/set/total"),
        ("2", "p.yaml:5:17", "/do/0/set/quoted"),
        ('[1, "${a} b"]', "p.yaml:6:13", "/do/0/set/list"),
        ("it's ${a}", "p.yaml:8:16", "/do/1/with/x"),
        ("007", "p.yaml:8:32", "/do/1/with/y"),
        ("true", "p.yaml:8:44", "/do/1/with/a~1b"),
    ]
    assert [str(target.span) for target, _ in first.assignments] == [
        "p.yaml:4:7",
        "p.yaml:5:8",
        "p.yaml:6:7",
    ]


def test_the_names_in_it_have_their_places() -> None:
    first, second = steps()
    found = []
    for _, value in (*first.assignments, *second.args.entries.items()):
        found += [str(value.span.shift(name.offset, len(name.name))) for name in value.names]
    assert found == ["p.yaml:4:16", "p.yaml:6:20", "p.yaml:8:24"]


def test_it_is_equal_to_one_made_at_once() -> None:
    _, value = steps()[0].assignments[0]
    at_once = Expr(
        "${a + 1}", value.ir, Span("p.yaml", 4, 14, 4, 22), "/do/0/set/total", value.names
    )
    assert steps()[0].assignments[0][1] == at_once
    assert hash(steps()[0].assignments[0][1]) == hash(at_once)
    assert replace(steps()[0].assignments[0][1], source="x") == replace(at_once, source="x")
    with pytest.raises(AttributeError):
        _ = value.colour  # type: ignore[attr-defined]


@pytest.mark.parametrize("form", ["yaml", "libyaml", "json"])
def test_every_reader_knows_where_keys_stand(form: str) -> None:
    texts = {
        "yaml": "a:\n  b: 1\n\n  # in between\n  'c d':\n    - {e: 2}\n",
        "libyaml": "a: &x\n  b: 1\n  'c d':\n    - {e: 2}\ny: *x\n",
        "json": '{"a": {"b": 1,\n "c d": [{"e": 2}]}}',
    }
    root = read(texts[form], "t", Diagnostics()).root
    assert type(root) is Map
    lines = texts[form].split("\n")
    pending = [root]
    seen = []
    while pending:
        node = pending.pop()
        for text, (key, value) in pairs_of(node).items():
            assert lines[key.line][key.column : key.end_column].strip("'\"") == text == key.text
            assert key_of(node, text).line == key.line
            seen.append(text)
            pending += [n for n in (value, *getattr(value, "items", ())) if type(n) is Map]
    assert {"a", "b", "c d", "e"} <= set(seen)
