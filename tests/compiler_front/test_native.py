"""The native front end: what each form becomes in the AST."""

from __future__ import annotations

import json
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runeskript.cli import bench_document
from runeskript.compiler.frontends.expressions import BROKEN
from runeskript.compiler.frontends.readers import ByKey, Readers
from runeskript.compiler.kinds import KINDS
from runeskript.compiler.load_text import parse_document
from runeskript.compiler.nodes import Map
from runeskript.compiler.nodes import to_value as tree_value
from runeskript.compiler.read import read
from runeskript.compiler.tables import BY_VERB, VERBS
from runeskript.errors import CodecError
from runeskript.model import ast
from runeskript.model.ast_value import ast_hash, from_value, to_value
from runeskript.model.diagnostics import Diagnostic, Diagnostics
from runeskript.model.durations import PATTERN, UNITS, parse_duration
from runeskript.model.limits import DURATION_MS
from runeskript.model.records import fields_of, is_record

ROOT = Path(__file__).parents[2]
GOOD = sorted(
    [*(ROOT / "examples").glob("**/*.yaml"), *(ROOT / "tests/golden/cases").glob("*.yaml")]
)


def parse(text: str) -> tuple[ast.Document | None, tuple[Diagnostic, ...]]:
    diagnostics = Diagnostics()
    return parse_document(text, "t.yaml", diagnostics), diagnostics.sorted()


def document(text: str) -> ast.Document:
    made, found = parse("skript: t\n" + text)
    assert found == ()
    assert made is not None
    return made


def step(text: str) -> Any:
    lines = text.strip().splitlines()
    (only,) = document("do:\n  - " + "\n    ".join(lines) + "\n").body
    return only


def test_the_head_of_a_document() -> None:
    made = document(
        "version: 3\nlabels: {a: b}\ninput: {type: object}\nenv: [X, Y]\ntimeout: 1.5h\n"
        "vars: {a: 1, t: {init: '${a}', reduce: sum}, o: {init: 1, other: 2}}\n"
        "functions: {'f( a , b )': a + b, g(): 5}\ndo: []\ncatch: [{do: []}]\nfinally: []\n"
    )
    assert (made.name, made.version, made.labels, made.env) == ("t", 3, {"a": "b"}, ("X", "Y"))
    assert made.input_schema == {"type": "object"}
    assert made.timeout is not None
    assert made.timeout.ir == ("const", 5_400_000)
    assert [(v.name, v.value.ir, v.reduce) for v in made.vars] == [
        ("a", ("const", 1), None),
        ("t", ("name", "a"), "sum"),
        ("o", ("const", {"init": 1, "other": 2}), None),
    ]
    f, g = made.functions
    assert (f.name, f.params, f.body.ir) == ("f", ("a", "b"), ("add", ("local", 0), ("local", 1)))
    assert (g.params, g.body.ir) == ((), ("const", 5))
    assert made.catches[0].when is None
    assert made.finally_ == ()
    assert made.catches[0].pointer == "/catch/0"


def test_pointers_and_ids() -> None:
    made = document(
        "do:\n  - if: a\n    then:\n      - log: x\n      - {id: here, log: y}\n"
        "    elif: [{when: b, do: [{log: z}]}]\n"
        "  - parallel: {a.b-c: [{set: {x~y: 1}}]}\nvars: {a: 1, b: 1}\n".replace("x~y", "x")
    )
    branch = made.body[0]
    assert isinstance(branch, ast.If)
    assert branch.branches[0][1][0].site.name == "/do/0/then/0"
    assert branch.branches[0][1][1].site.name == "here"
    assert branch.branches[0][1][1].site.pointer == "/do/0/then/1"
    assert branch.branches[1][1][0].site.pointer == "/do/0/elif/0/do/0"
    assert branch.branches[1][0].pointer == "/do/0/elif/0/when"
    fork = made.body[1]
    assert isinstance(fork, ast.Parallel)
    assert fork.branches[0].body[0].site.pointer == "/do/1/parallel/a.b-c/0"


def test_pointers_are_escaped() -> None:
    call = step("call: f\nwith: {a/b~c: '${x.y}'}")
    assert next(iter(call.args.entries.values())).pointer == "/do/0/with/a~1b~0c"


def test_if_is_a_verb_only_beside_then() -> None:
    guarded = step("if: x\nlog: hello")
    assert isinstance(guarded, ast.Log)
    assert guarded.when.ir == ("name", "x")
    chosen = step("if: x\nthen: []\nelse: [{log: a}]")
    assert isinstance(chosen, ast.If)
    assert chosen.when is None
    assert len(chosen.otherwise) == 1


@pytest.mark.parametrize("text", ["break", "break:", "break: null", "{break: true}"])
def test_break_has_no_value(text: str) -> None:
    assert isinstance(step(text), ast.Break)


def test_values_with_inserts() -> None:
    value = step("return: {a: 1, b: [x, '${y}'], c: 'n=${n}', d: {e: [1, {f: null}]}}").value
    assert value.ir == (
        "object",
        (
            (("const", "a"), ("const", 1)),
            (("const", "b"), ("list", (("const", "x"), ("name", "y")))),
            (("const", "c"), ("text", (("const", "n="), ("name", "n")))),
            (("const", "d"), ("const", {"e": [1, {"f": None}]})),
        ),
    )
    assert step("return: [1, {a: b}]").value.ir == ("const", [1, {"a": "b"}])
    assert step("return: $${x}").value.ir == ("const", "${x}")


def test_expressions_take_literals() -> None:
    assert step("while: true\ndo: []").condition.ir == ("const", True)
    assert step("for: a\nin: [1, [2.5, null], 'x']\ndo: []").over.ir == (
        "const", [1, [2.5, None], "x"],
    )  # fmt: skip
    assert step("listen: t\nwhere: event.data > 1").where.ir[1][1] == ("local", 0)


@pytest.mark.parametrize(
    ("text", "name", "path"),
    [
        ("a", "a", []), ("a.b.c_1", "a", ["b", "c_1"]), ("'a[0]'", "a", [0]),
        ("\"a['x y'].z\"", "a", ["x y", "z"]), ("'a[\"]\"]'", "a", ["]"]),
        ("'a[-1][ 2 ]'", "a", [-1, 2]),
    ],
)  # fmt: skip
def test_targets(text: str, name: str, path: list[Any]) -> None:
    target = step(f"call: f\ninto: {text}").into
    assert target.name == name
    keys = [key.ir[1] if key.ir[0] == "const" else -key.ir[1][1] for key in target.path]
    assert keys == path


def test_a_targets_keys_know_their_names() -> None:
    ((target, _),) = step("set: {'a[i + 1].b[j]': 1}").assignments
    assert [key.ir[0] for key in target.path] == ["add", "const", "name"]
    names = [[(n.name, n.offset) for n in key.names] for key in target.path]
    assert names == [[("i", 2)], [], [("j", 11)]]


def test_call_and_its_policies() -> None:
    call = step(
        "call: http.get\nwith: {url: u}\ninto: x\ntimeout: ${t}\non_crash: fail\nqueue: q\n"
        "retry: {max: 3, on: http.5xx, backoff: 200ms..10s}\nundo: {call: g}"
    )
    assert isinstance(call, ast.Call)
    assert call.retry == ast.Retry(3, ("http.5xx",), 200, 10_000)
    assert call.timeout is not None
    assert call.timeout.ir == ("duration", ("name", "t"))
    assert (call.on_crash, call.queue, call.handler) == ("fail", "q", "http.get")
    assert call.undo is not None
    assert call.undo.site.pointer == "/do/0/undo"
    assert step("call: f\nretry: {max: 2}").retry == ast.Retry(2, (), 1_000, 60_000)
    assert step("call: f\nretry: {max: 2, backoff: 90s}").retry == ast.Retry(2, (), 90_000, 90_000)
    assert step("call: f\nwith: ${p}").args.whole.ir == ("name", "p")


@pytest.mark.parametrize(
    ("text", "limit"),
    [("", None), ("parallel: true", 0), ("parallel: false", None), ("parallel: 8", 8)],
)
def test_limits_of_a_loop(text: str, limit: int | None) -> None:
    made = step(f"for: a\nin: x\ndo: []\n{text}")
    assert (made.limit.ir[1] if made.limit else None) == limit


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("settle", ("settle", None, None)), ("settle@3", ("settle", 3, None)),
        ("./a.yaml", (None, None, "./a.yaml")), ("../x/b.yml", (None, None, "../x/b.yml")),
        ("part.json", (None, None, "part.json")), ("a.b-c@12", ("a.b-c", 12, None)),
    ],
)  # fmt: skip
def test_what_run_names(text: str, expected: Any) -> None:
    run = step(f"run: {text}")
    assert (run.name, run.version, run.path) == expected


def test_names_are_placed_inside_texts() -> None:
    text = (
        'skript: t\ndo:\n  - return:\n      a: "é\\u00e9 ${one}"\n      b: |\n        x\n'
        "          ${two}\n      c: {d: 'it''s ${three}'}\n  - log: ${four}\n"
        "  - log: >-\n      folded ${five}\n"
    )
    made, _ = parse(text)
    assert made is not None
    lines = text.split("\n")
    seen = {}
    for expr in (made.body[0].value, made.body[1].text, made.body[2].text):  # type: ignore[attr-defined]
        for name in expr.names:
            span = expr.span.shift(name.offset, len(name.name))
            line = lines[span.line - 1]
            seen[name.name] = line[span.column - 1 : span.end_column - 1]
    assert seen.pop("five") != "five"  # a folded text has no places
    assert seen == {name: name for name in ("one", "two", "three", "four")}


# --- recovery ------------------------------------------------------------------------------------


def test_a_misspelt_key_still_declares_its_variable() -> None:
    made, found = parse("skript: t\ndo:\n  - cal: f\n    itno: x\n  - log: ${x}\n")
    assert [d.code for d in found] == ["RUNE-1103", "RUNE-1100"]
    assert made is not None
    call = made.body[0]
    assert isinstance(call, ast.Call)
    assert call.into is not None
    assert call.into.name == "x"


def test_what_cannot_be_read_has_an_unknown_type_and_no_names() -> None:
    made, found = parse("skript: t\ndo:\n  - set: {a: '${1 +}'}\n  - call: ''\n    into: b\n")
    assert len(found) == 2
    assert made is not None
    first, second = made.body
    assert isinstance(first, ast.Set)
    assert first.assignments[0][1].ir is BROKEN
    assert isinstance(second, ast.Set)
    assert second.assignments[0][0].name == "b"


def test_all_errors_of_a_document_come_at_once() -> None:
    _, found = parse(
        "skript: t\nvers: 1\ndo:\n  - wait: 5\n  - log: a: b\n  - lgo: x\n"
        "  - if: ${x}\n    then: []\n"
    )
    assert [d.code for d in found] == [
        "RUNE-1100", "RUNE-1112", "RUNE-1006", "RUNE-1103", "RUNE-1111",
    ]  # fmt: skip


@given(st.text(st.sampled_from("abdfiort:-[]{}${}' \n.#,5"), max_size=80))
@settings(max_examples=300, deadline=None)
def test_no_document_crashes_the_front_end(text: str) -> None:
    for head in ("skript: t\ndo:\n  - ", "skript: t\ndo:\n  - set: ", ""):
        parse(head + text)


VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-9, 9), st.sampled_from(["x", "${x}", "5m"])),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(sorted({k.name for v in VERBS for k in (v.value, *v.keys)})),
            inner, max_size=4,
        ),
    ),
    max_leaves=15,
)  # fmt: skip


@given(VALUES)
@settings(max_examples=300, deadline=None)
def test_no_shape_crashes_the_front_end(value: Any) -> None:
    made, found = parse(json.dumps({"skript": "t", "do": [value], "vars": value}))
    assert made is not None
    assert all(d.span.line == 1 for d in found)


# --- YAML, JSON, canonical value -----------------------------------------------------------------


@pytest.mark.parametrize("path", GOOD, ids=lambda p: p.name)
def test_yaml_and_json_make_the_same_skript(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    made, found = parse(text)
    if made is None or any(d.severity == "error" for d in found):
        pytest.skip("a document that is refused")
    source = read(text, path.name, Diagnostics())
    assert source.root is not None
    again, _ = parse(json.dumps(tree_value(source.root)))
    assert again is not None
    assert ast_hash(again) == ast_hash(made)
    value = to_value(made)
    assert json.loads(json.dumps(value)) == value
    # The hash is of its text, which is written without making it.
    plain = json.dumps(value, allow_nan=False, separators=(",", ":"))
    assert ast_hash(made) == sha256(plain.encode("ascii")).hexdigest()
    back = from_value(value)
    assert to_value(back) == value
    assert ast_hash(back) == ast_hash(made)


def _by_readers(_: Readers, node: Map, by_key: ByKey, pointer: str) -> dict[str, Any]:
    """What ``Readers.values`` gives, with nothing known of any text."""
    return {key: read(node.entries[key], pointer + end, key) for key, end, read, *_ in by_key}


def _parts(item: Any) -> Iterator[Any]:
    """All that is in a node, with the places that are worked out when they are asked for."""
    if isinstance(item, tuple):
        for part in item:
            yield from _parts(part)
    elif isinstance(item, dict):
        yield from _parts(tuple(item.items()))
    elif is_record(type(item)):
        yield type(item).__name__
        for field in fields_of(type(item)):
            yield from _parts(getattr(item, field))
    else:
        yield repr(item)


@pytest.mark.parametrize("path", [*GOOD, None], ids=lambda p: p.name if p else "bench")
def test_values_known_by_their_text_are_what_their_readers_make(
    path: Path | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = bench_document.document(80) if path is None else path.read_text(encoding="utf-8")
    source = read(text, "t.yaml", Diagnostics())
    if source.root is None:
        pytest.skip("no document")
    value: Any = tree_value(source.root)
    if type(value) is dict and type(value.get("do")) is list:
        value["do"] *= 2  # so that each step of the second half has been read before
    text = json.dumps(value)
    made, found = parse(text)
    parts = list(_parts(made))
    monkeypatch.setattr(Readers, "values", _by_readers)
    again, found_again = parse(text)
    assert list(_parts(again)) == parts
    assert list(_parts(tuple(found_again))) == list(_parts(tuple(found)))


def test_the_hash_is_of_meaning_not_of_writing() -> None:
    one = document("do:\n  - call: f   # comment\n    with: {a: '${x}'}\n")
    two = document('do: [{with: {a: "${x}"}, call: f}]\n')
    other = document("do:\n  - call: f\n    with: {a: '${y}'}\n")
    assert ast_hash(one) == ast_hash(two)
    assert ast_hash(one) != ast_hash(other)
    assert ast_hash(document("do: [{return: 1}]")) != ast_hash(document("do: [{return: 1.0}]"))
    assert ast_hash(document("do: [{return: {a: 1, b: 2}}]")) != ast_hash(
        document("do: [{return: {b: 2, a: 1}}]")
    )


def test_the_hash_is_pinned() -> None:
    made = document(
        "do:\n  - call: f\n    with: {a: '${x + 1}', b: é}\n    into: y\n  - wait: 5m\n"
    )
    assert ast_hash(made) == PINNED


PINNED = "b64341568fad5520e4c3ac98e71d085f4f4a374e6d6956b24bcafe953b2892cb"


@pytest.mark.parametrize(
    "value", [None, 5, [], {}, {"node": "Nope"}, {"node": "Do"}, {"node": "Document", "x": 1},
              {"node": "Expr"}, [{"node": "Break"}]],
)  # fmt: skip
def test_values_that_are_no_ast(value: Any) -> None:
    with pytest.raises(CodecError):
        from_value(value)


# --- durations and tables ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "ms"),
    [("0ms", 0), ("200ms", 200), ("1.5s", 1_500), ("0.001s", 1), ("5m", 300_000),
     ("72h", 259_200_000), ("2d", 172_800_000), ("36500d", DURATION_MS), ("0.5ms", ValueError),
     ("36501d", ValueError), ("5", None), ("s", None), ("5 s", None), ("-5s", None), ("5S", None),
     ("1h30m", None), ("5s ", None), ("٥s", None), ("1e3s", None), ("", None)],
)  # fmt: skip
def test_durations(text: str, ms: Any) -> None:
    if ms is ValueError:
        with pytest.raises(ValueError, match=r"than|whole"):
            parse_duration(text)
    else:
        assert parse_duration(text) == ms


def test_the_duration_pattern_names_every_unit() -> None:
    assert all(unit in PATTERN for unit in UNITS)


def test_the_tables_are_complete() -> None:
    concrete = {
        c for c in vars(ast).values()
        if isinstance(c, type) and issubclass(c, ast.Step) and c not in (ast.Step, ast.Flow)
    }  # fmt: skip
    assert {verb.name for verb in VERBS if verb.name != "graph"} == {
        c.__name__.lower() for c in concrete
    }
    for verb in VERBS:
        assert verb.value.name == verb.name
        assert len({row.name for row in verb.keys}) == len(verb.keys)
        for row in (verb.value, *verb.keys):
            assert row.kind in KINDS
            assert row.doc
    assert BY_VERB["call"].doc
