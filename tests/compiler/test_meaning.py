"""Checks of names, types, handlers and places, beyond the documents in ``tests/bad``."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from runeskript.compiler.pipeline import Options, check_text
from runeskript.model.catalog import EMPTY, ParamProblem, PlainHandler, StaticCatalog
from runeskript.model.diagnostics import Diagnostic
from runeskript.model.values import Value
from support import any_handlers


def check(steps: str, head: str = "", catalog: StaticCatalog | None = None) -> list[Diagnostic]:
    body = textwrap.indent(textwrap.dedent(steps).strip("\n"), "  ")
    text = f"skript: meaning\n{textwrap.dedent(head)}do:\n{body}\n"
    return list(check_text(text, "meaning.yaml", catalog or any_handlers("f", "g")))


def found(steps: str, head: str = "") -> list[str]:
    return [f"{d.code[-4:]} {d.message}" for d in check(steps, head)]


# --- handlers ---------------------------------------------------------------------------------
@dataclass(frozen=True)
class Recorder(PlainHandler):
    """A handler that notes what it is asked, and finds fault with one key or with the whole."""

    seen: list[tuple[dict[str, Value], frozenset[str]]] = field(default_factory=list)
    answer: tuple[ParamProblem, ...] = ()

    def check(self, literals: Mapping[str, Value], dynamic: frozenset[str]) -> list[ParamProblem]:
        self.seen.append((dict(literals), dynamic))
        return list(self.answer)


CALL = """
- call: h
  with: {a: 1, b: "${input.b}", c: [1, "${input.c}"], d: {e: f}}
"""


def test_a_handler_sees_literals_and_the_names_of_the_rest() -> None:
    handler = Recorder("h")
    assert check(CALL, catalog=StaticCatalog({"h": handler})) == []
    assert handler.seen == [({"a": 1, "d": {"e": "f"}}, frozenset({"b", "c"}))]


def test_a_handler_is_not_asked_where_nothing_is_written_out() -> None:
    handler = Recorder("h")
    check("- call: h\n  with: ${input}", catalog=StaticCatalog({"h": handler}))
    assert handler.seen == []


@pytest.mark.parametrize(
    ("problem", "line", "column", "pointer"),
    [
        (ParamProblem("a", "is odd"), 4, 15, "/do/0/with/a"),
        (ParamProblem(None, "x is missing"), 4, 11, "/do/0/with"),
        (ParamProblem("gone", "is missing"), 4, 11, "/do/0/with"),
    ],
)
def test_where_a_parameter_problem_is_shown(
    problem: ParamProblem, line: int, column: int, pointer: str
) -> None:
    catalog = StaticCatalog({"h": Recorder("h", answer=(problem,))})
    (d,) = check(CALL, catalog=catalog)
    assert (d.code, d.span.line, d.span.column, d.pointer) == ("RUNE-3008", line, column, pointer)
    assert d.message == f"`h`: {problem.message}"


def test_flags_of_handlers_go_into_the_blueprint() -> None:
    from runeskript.compiler.pipeline import compile_text

    catalog = StaticCatalog({"h": PlainHandler("h", pure=True), "i": PlainHandler("i")})
    text = "skript: x\ndo: [{call: h}, {call: i}, {call: h}]"
    handlers = compile_text(text, "x.yaml", catalog).blueprint.handlers
    assert [(h.name, h.pure, h.idempotent) for h in handlers] == [
        ("h", True, False),
        ("i", False, False),
    ]


def test_without_any_handlers_the_hint_says_so() -> None:
    (d,) = check("- call: f", catalog=EMPTY)
    assert d.hint == "no handlers are registered"


# --- types ------------------------------------------------------------------------------------
SCHEMA = """
input:
  type: object
  additionalProperties: false
  properties:
    n: {type: integer}
    user: {type: object, additionalProperties: false, properties: {name: {type: string}}}
    rows: {type: array, items: {type: object, additionalProperties: false,
                                properties: {sku: {type: string}}}}
"""


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ("- log: ${input.m}", ["2011 the object has no key `m`"]),
        ("- log: ${input.user.nam}", ["2011 the object has no key `nam`"]),
        ("- for: r\n  in: input.rows\n  do: [{log: '${r.skuu}'}]",
         ["2011 the object has no key `skuu`"]),
        ("- for: r\n  in: input.n\n  do: [{log: '${r}'}]",
         ["3028 what a `for` goes over must be list, is int"]),
        ("- call: f\n  with: ${input.rows}",
         ["3028 `with` must be object, is list of object {sku: text}"]),
        ("- emit: t\n  key: input.user", ["3028 a key must be bool or float or int or null or text"
                                         ", is object {name: text}"]),
        ("- set: {a: 1}\n- set: {b: '${a.x}'}", ["2010 int has no keys or elements"]),
        ("- try: [{call: f}]\n  catch: [{when: error.typ == 'x', do: [{log: x}]}]",
         ["2011 the object has no key `typ`"]),
        ("- log: ${job.name}", ["2011 the object has no key `name`"]),
        ("- log: ${job.created_at + 'x'}", ["2010 `+` cannot take int and text"]),
        ("- listen: t\n  where: event.dta.x", ["2011 the object has no key `dta`"]),
        ("- listen: t\n  schema: {type: object, additionalProperties: false, properties: {a: {}}}\n"
         "  into: m\n- log: ${m.b}", ["2011 the object has no key `b`"]),
        ("- for: i\n  in: [1]\n  collect: a\n  do: [{yield: i}]\n- log: ${a[0].x}",
         ["2010 int has no keys or elements"]),
        ("- parallel: {one: [{yield: 1}]}\n  into: a\n- log: ${a.two}",
         ["2011 the object has no key `two`"]),
        ("- parallel: {one: [{yield: 1}], two: [{yield: 'true'}]}\n  into: a\n  join: any\n"
         "- log: ${a.one}", ["2010 null or bool or int has no keys or elements"]),
        ("- set: {n: 1}\n- while: n < 3\n  do: [{set: {n: '${n + 1}'}}]\n- log: ${n.x}",
         ["2010 int has no keys or elements"]),
        ("- set: {a: 1}\n- set: {b: '${a}'}\n- set: {c: '${b}'}\n- set: {d: '${c}'}\n- log: ${d.x}",
         ["2010 int has no keys or elements"]),
        ("- set: {a: [1]}\n- set: {'a[0]': 2}\n- log: ${a + 1}",
         ["2010 `+` cannot take list and int"]),
        ("- set: {l: []}\n- for: i\n  in: [1]\n  do: [{set: {l: '${l + [i]}'}}]\n- log: ${l + 1}",
         ["2010 `+` cannot take list and int"]),
    ],
)  # fmt: skip
def test_certain_type_errors(steps: str, expected: list[str]) -> None:
    assert found(steps, SCHEMA) == expected


@pytest.mark.parametrize(
    "steps",
    [
        "- set: {a: 1}\n- if: input.n\n  set: {a: {x: 1}}\n- log: ${a.x}",
        "- set: {a: {}}\n- set: {a.x: 1}\n- log: ${a.x}",
        "- set: {a: null}\n- call: f\n  into: a\n- log: ${a.x}",
        "- set: {a: null}\n- run: other\n  into: a\n- log: ${a.x}",
        "- parallel: {one: [{yield: 1}]}\n  into: a\n- log: ${a.one}",
        "- for: i\n  in: '[1]'\n  collect: a\n  do: [{yield: i}]\n- log: ${a[0] + 1}",
        "- for: i\n  in: '[1]'\n  do: [{log: '${i}'}]\n"
        "- for: i\n  in: \"[{'x': 1}]\"\n  do: [{log: '${i.x}'}]",
        "- for: x\n  in: '[1]'\n  index: i\n  do: [{log: '${i + 1}'}]",
        "- parallel: {one: [{yield: 1}], two: [{yield: 'true'}]}\n  into: a\n  join: any\n"
        "- log: ${a + 1}",
        "- parallel: {one: [{yield: 1}], two: [{log: x}]}\n  into: a\n  join: 1\n"
        "- log: ${a.one + 1}",
        "- set: {a: null}\n- log: ${a.x if a else 1} ${a and a.x} ${[y + 1 for y in [a]]}",
        "- set: {a: {b: 1}}\n- set: {a.b: {c: 1}}\n- log: ${a.b.c}",
        "- set: {a: 1, b: 2}\n- set: {a: '${b}', b: '${a}'}\n- log: ${a + b}",
        "- set: {l: []}\n- for: i\n  in: [1]\n  do: [{set: {l: '${[l, i]}'}}]\n- log: ${l[0][0]}",
        "- listen: t\n  where: event.data.any.thing > 1\n  into: m\n- log: ${m.x.y}",
    ],
)
def test_what_may_be_is_not_reported(steps: str) -> None:
    assert found(steps, SCHEMA) == []


FUNCTIONS = """\
functions:
  net(price, off): price * off
  size(x): 0 if x == null else len(x)
  deep(n): n if n == 0 else deep(n - 1)
  ping(n): pong(n)
  pong(n): n + 1 if n < 9 else ping(n)
  broken(a): 1 + 'x'
"""


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ("net('a', 1.5)", ["2010 `net` cannot take text, float: `*` cannot take text and float"]),
        ("net('a', 2)", []),
        ("net(input.x, input.y)", []),
        ("net(2, 3) + 'x'", ["2010 `+` cannot take int and text"]),
        ("net(2, 3) + 1", []),
        ("size(null) + size([1]) + size('a')", []),
        ("size(1)", []),  # in a branch: what is reached depends on the value
        ("deep(3).x", []),
        ("ping(1)", []),
        ("ping('a')", ["2010 `ping` cannot take text: `pong` cannot take text: "
                       "`<` cannot order text and int"]),
        ("[net(x, 2) for x in [1, 2]]", []),
        ("[net(x, true) for x in [1, 2]]",
         ["2010 `net` cannot take int, bool: `*` cannot take int and bool"]),
    ],
)  # fmt: skip
def test_functions_are_inferred_by_what_they_are_given(steps: str, expected: list[str]) -> None:
    head = FUNCTIONS.replace("  broken(a): 1 + 'x'\n", "")
    assert found(f'- log: "${{{steps}}}"', head) == expected


def test_what_is_wrong_with_a_function_itself_is_reported_once() -> None:
    calls = "- log: ${broken(1)} ${broken(2)} ${broken('x')}"
    assert found(calls, FUNCTIONS) == ["2010 `+` cannot take int and text"]


# What handlers say of their results is not held against a document: that is a lint.
def test_result_schemas_of_handlers_are_promises() -> None:
    result = {"type": "object", "properties": {"body": {}}, "additionalProperties": False}
    catalog = StaticCatalog({"h": PlainHandler("h", result_schema=result)})
    assert check("- call: h\n  into: r\n- log: ${r.bdy}", catalog=catalog) == []


def test_an_unsound_schema_is_reported_once_and_tells_nothing() -> None:
    head = "input: {type: objekt, properties: {a: 1}}\n"
    found = check("- log: ${input.b}", head)
    assert {d.pointer.split("/")[1] for d in found} == {"input"}


# --- places -----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "steps",
    [
        # `continue` ends an iteration of a parallel loop, from inside an `if` or a `try`, too.
        "- for: i\n  in: range(3)\n  parallel: 2\n"
        "  do: [{try: [{continue: }], finally: [{log: x}]}]",
        # A loop inside a branch, a finally or an undo is left as any other.
        "- parallel: {a: [{while: input.a, do: [{break: }]}]}",
        "- try: [{call: f}]\n  finally: [{for: i, in: range(3), do: [{continue: }]}]",
        "- call: f\n  undo: {while: input.a, do: [{break: }]}",
        # Errors are known in an undo and in a branch that stand in a catch.
        "- try: [{call: f}]\n  catch:\n"
        "    - do: [{call: f, undo: {call: g, with: {e: '${error}'}}}]",
        "- try: [{call: f}]\n  catch:\n    - do: [{parallel: {a: [{log: '${error.type}'}]}}]",
        # Two loops one after the other may share a name.
        "- for: i\n  in: range(3)\n  do: [{log: '${i}'}]\n"
        "- for: i\n  in: range(3)\n  do: [{log: '${i}'}]",
        # The same variable in branches of which only one is kept.
        "- parallel: {a: [{set: {x: 1}}], b: [{set: {x: 2}}]}\n  join: any",
    ],
)
def test_fine(steps: str) -> None:
    assert found(steps) == []


def test_a_variable_may_be_called_like_a_function_of_the_language() -> None:
    assert found("- set: {items: [1], len: 2}\n- log: ${items[0] + len}") == []


def test_unknown_names_are_matched_against_what_is_in_scope() -> None:
    steps = "- for: item\n  in: input.items\n  do: [{log: '${itm}'}]\n- log: ${itm}"
    assert [d.hint for d in check(steps)] == ["did you mean `item`?", None]


# --- parameters -------------------------------------------------------------------------------
ORDER: Value = {
    "type": "object",
    "required": ["url"],
    "properties": {
        "url": {"type": "string"},
        "count": {"type": "integer"},
        "ratio": {"anyOf": [{"type": "number"}, {"type": "null"}]},
        "price": {"type": "string", "format": "decimal"},
        "tags": {"type": "array", "items": {"type": "string"}},
        "format": {"type": "string"},
        "options": {"$ref": "#/$defs/Options"},
        "any": {},
    },
    "$defs": {
        "Options": {
            "type": "object",
            "properties": {"deep": {"type": "boolean"}},
            "additionalProperties": False,
        }
    },
}
TYPED = """\
input:
  type: object
  properties: {n: {type: integer}, s: {type: string}, f: {type: number}, l: {type: array}, o: {type: object}}
"""


def passed(with_: str, *, strict: bool = True) -> list[str]:
    handler = PlainHandler("h", params_schema=ORDER, strict=strict)
    catalog = StaticCatalog({"h": handler})
    return [
        f"{d.code[-4:]} {d.message}"
        for d in check(f"- call: h\n  with: {with_}", TYPED, catalog=catalog)
    ]


@pytest.mark.parametrize(
    ("with_", "expected"),
    [
        ("{url: '${input.n}'}", "`h`: `url` must be text, is int"),
        ("{count: '${input.s}'}", "`h`: `count` must be int, is text"),
        ("{count: '${1.5}'}", None),  # written out: the handler's own business
        ("{count: '${1.5 * len(input.l)}'}", "`h`: `count` must be int, is float"),
        ("{ratio: '${input.s}'}", "`h`: `ratio` must be null or number, is text"),
        ("{tags: '${input.o}'}", "`h`: `tags` must be list, is object"),
        ("{format: '${input.n}'}", "`h`: `format` must be text, is int"),
        ("{options: {deep: '${input.n}'}}", "`h`: `options`.`deep` must be bool, is int"),
        ("{options: {deeep: '${input.n}'}}", "`h`: `options` has no field `deeep`"),
        ("${input.l}", None),  # said by the check of `with` itself
        ("{url: 'a ${input.n}'}", None),
        ("{count: '${input.f}'}", None),
        ("{ratio: '${input.n}'}", None),
        ("{price: '${input.n}'}", None),
        ("{tags: '${input.l}'}", None),
        ("{any: '${input.o}'}", None),
        ("{url: '${input.unknown}'}", None),
        ("{options: {deep: '${input.unknown}'}}", None),
        ("{'x': '${input.n}'}", None),
    ],
)
def test_computed_parameters_are_compared_by_type(with_: str, expected: str | None) -> None:
    found = [d for d in passed(with_) if d.startswith("3008")]
    assert found == ([] if expected is None else [f"3008 {expected}"])


def test_a_schema_that_nothing_holds_is_not_compared() -> None:
    assert passed("{url: '${input.n}'}", strict=False) == []


CHILD = """\
skript: child
input:
  type: object
  required: [a]
  additionalProperties: false
  properties: {a: {type: integer, minimum: 1}, b: {type: string}}
do: [{log: "${input.a}"}]
"""


def given(with_: str, child: str = CHILD) -> list[tuple[str, str]]:
    text = f"skript: x\n{TYPED}do:\n  - run: ./child.yaml\n{with_ and f'    with: {with_}'}\n"
    options = Options(lambda _path, _file: child)
    found = check_text(text, "x.yaml", any_handlers(), options)
    assert {d.code for d in found} <= {"RUNE-3034", "RUNE-3028"}
    return [
        (d.pointer.rpartition("/")[2], d.message.removeprefix("the child's input: ")) for d in found
    ]


@pytest.mark.parametrize(
    ("with_", "expected"),
    [
        ("{a: 1}", []),
        ("{a: 1, b: x}", []),
        ("{a: '${input.n}', b: '${input.s}'}", []),
        ("{a: '${input.unknown}'}", []),
        ("${input.o}", []),
        ("", [("run", "in all: `a` is missing")]),
        ("{a: 0}", [("a", "a: must be at least 1, is 0")]),
        ("{a: x}", [("a", "a: must be integer, is text")]),
        ("{b: x}", [("with", "in all: `a` is missing")]),
        ("{a: 1, c: 1}", [("with", "in all: unknown key `c`")]),
        ("{b: '${input.s}'}", [("with", "`a` is missing")]),
        ("{a: 1, bb: '${input.s}'}", [("bb", "there is no `bb`; did you mean `b`?")]),
        ("{a: '${input.s}'}", [("a", "`a` must be int, is text")]),
        ("{a: 0, b: '${input.s}'}", [("a", "a: must be at least 1, is 0")]),
        ("${input.l}", [("with", "`with` must be object, is list")]),
    ],
)
def test_what_a_pinned_child_is_given(with_: str, expected: list[tuple[str, str]]) -> None:
    assert given(with_) == expected


def test_a_child_without_a_schema_takes_anything() -> None:
    assert given("{a: 1}", "skript: child\ndo: [{log: x}]\n") == []
    assert given("", "skript: child\ninput: {}\ndo: [{log: x}]\n") == []
    assert given("", "skript: child\ninput: {type: string}\ndo: [{log: x}]\n") != []


@pytest.mark.parametrize(
    "steps",
    [
        "- try: [{call: f}]\n  finally: [{return: 1}, {log: x}]",
        "- try: [{call: f}]\n  finally: [{if: input.a, then: [{return: 1}, {log: x}]}]",
        "- parallel: {a: [{return: 1}, {log: x}]}",
        "- for: i\n  in: [1]\n  parallel: 2\n  do: [{return: 1}, {log: x}]",
        "- call: f\n  undo: {do: [{return: 1}, {log: x}]}",
    ],
)
def test_a_return_that_is_refused_hides_nothing_behind_it(steps: str) -> None:
    assert [code[:4] for code in found(f"{steps}\n- return: 1")] == ["3016"]


def test_behind_a_finally_a_return_returns_again() -> None:
    steps = "- try: [{call: f}]\n  finally: [{log: x}]\n- return: 1\n- log: x"
    assert [code[:4] for code in found(steps)] == ["3020"]
