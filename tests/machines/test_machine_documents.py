"""What a machine document says, as its AST; and what its blocks may use."""

from __future__ import annotations

import json

import pytest

from runeskript.compiler.load_text import parse_document
from runeskript.compiler.pipeline import Options, check_text, compile_text
from runeskript.model.ast import Call, Document, Log, Machine, Set
from runeskript.model.ast_value import ast_hash, from_value, to_value
from runeskript.model.catalog import HandlerInfo, PlainHandler
from runeskript.model.diagnostics import Diagnostics
from runeskript.model.limits import STATES, TRANSITIONS
from runeskript.testing import simulate

ORDER = """\
machine: order
version: 3
labels: {team: shop}
data: {type: object, required: [items], properties: {items: {type: array}}}
env: [SHOP]
functions: {"twice(n)": n * 2}
initial: draft
states:
  draft:
  submitted: {timeout: {after: 2d, event: withdraw}}
  paid:
    enter: [{log: "paid by ${actor.id} at ${env.SHOP}"}]
    do: [{call: parcel.pack, with: {items: "${data.items}"}, into: parcel}, {log: "${parcel.id}"}]
    exit: [{log: "${job.id}: ${event.name}"}]
  shipped: {final: true}
  withdrawn: {final: true}
transitions:
  - {from: draft, event: submit, to: submitted, guard: len(data.items) > 0, allow: [clerk, boss]}
  - id: pays
    from: submitted
    event: pay
    to: paid
    allow: clerk
    do:
      - {call: payments.charge, with: {n: "${twice(2)}"}, into: receipt}
      - set: {data.receipt: "${receipt.id}", data.by: "${event.data.by}"}
  - {from: paid, event: done, to: shipped}
  - {from: paid, event: failed, to: withdrawn}
  - {from: [draft, submitted], event: withdraw, to: withdrawn}
"""


class _Any:
    """Every handler."""

    def names(self) -> list[str]:
        return []

    def get(self, name: str) -> HandlerInfo | None:
        return PlainHandler(name)


def read(text: str) -> tuple[Document, Machine]:
    diagnostics = Diagnostics()
    document = parse_document(text, "m.yaml", diagnostics)
    assert diagnostics.sorted() == ()
    assert document is not None
    assert document.machine is not None
    return document, document.machine


def findings(text: str, *, lint: bool = False) -> list[str]:
    found = check_text(text, "m.yaml", _Any(), Options(lint=lint))
    return [f"{d.code} {d.pointer}" for d in found]


def machine(*, states: str = "", do: str = "", activity: str = "", guard: str = "true") -> str:
    """A machine that is fine, with pieces put into it."""
    return (
        f"""\
machine: m
initial: a
states:
  a: {{{states}}}
  b:
    do: [{activity}]
  z: {{final: true}}
transitions:
  - {{from: a, event: go, to: b, guard: "{guard}", do: [{do}]}}
  - {{from: b, event: [done][0], to: z}}
""".replace("[done][0]", "done")
        + "  - {from: b, event: failed, to: z}\n"
    )


def test_a_machine_is_read() -> None:
    document, order = read(ORDER)
    assert (document.name, document.version, document.labels) == ("order", 3, {"team": "shop"})
    assert document.input_schema == {
        "type": "object", "required": ["items"], "properties": {"items": {"type": "array"}},
    }  # fmt: skip
    assert document.body == ()
    assert order.initial == "draft"
    states = {state.name: state for state in order.states}
    assert list(states) == ["draft", "submitted", "paid", "shipped", "withdrawn"]
    assert [s.name for s in order.states if s.final] == ["shipped", "withdrawn"]
    after = states["submitted"].after
    assert after is not None
    assert after.ir == ("const", 2 * 24 * 3600 * 1000)
    assert states["submitted"].then == "withdraw"
    assert states["draft"].do is None
    paid = states["paid"]
    assert isinstance(paid.enter[0], Log)
    assert isinstance(paid.exit[0], Log)
    assert paid.do is not None
    assert isinstance(paid.do[0], Call)
    assert paid.site.pointer == "/states/paid"
    submit, pay, *_, withdraw = order.transitions
    assert (submit.sources, submit.event, submit.to) == (("draft",), "submit", "submitted")
    assert submit.roles == ("clerk", "boss")
    assert submit.guard is not None
    assert submit.guard.source == "len(data.items) > 0"
    assert pay.site.name == "pays"
    assert pay.roles == ("clerk",)
    last = pay.do[1]
    assert isinstance(last, Set)
    target, _ = last.assignments[0]
    assert (target.name, [key.ir for key in target.path]) == ("data", [("const", "receipt")])
    assert withdraw.sources == ("draft", "submitted")
    assert withdraw.roles is None
    assert withdraw.site.name == "/transitions/4"


def test_it_is_fine() -> None:
    assert findings(ORDER) == []


def test_the_ast_is_a_value_and_back() -> None:
    document, _ = read(ORDER)
    value = to_value(document)
    again = from_value(json.loads(json.dumps(value)))
    assert to_value(again) == value
    assert ast_hash(again) == ast_hash(document)


def test_a_role_and_a_list_of_one_are_the_same_machine() -> None:
    listed = ORDER.replace("allow: clerk\n", "allow: [clerk]\n")
    assert ast_hash(read(listed)[0]) == ast_hash(read(ORDER)[0])


def test_json_is_the_same_machine() -> None:
    value = {
        "machine": "m", "initial": "a", "states": {"a": None, "z": {"final": True}},
        "transitions": [{"from": "a", "event": "go", "to": "z", "guard": "data.n > 1"}],
    }  # fmt: skip
    yaml = """\
machine: m
initial: a
states: {a: {}, z: {final: true}}
transitions:
  - {from: [a], event: go, to: z, guard: data.n > 1}
"""
    assert ast_hash(read(json.dumps(value))[0]) == ast_hash(read(yaml)[0])


# --- what blocks may use ------------------------------------------------------------------------
def test_the_frame_is_fine() -> None:
    assert findings(machine(do="{log: hi}", activity="{log: hi}")) == []


@pytest.mark.parametrize(
    "piece",
    [
        {"do": "{set: {data.a.b: 1}}"},
        {"do": "{set: {data: '${merge(data, event.data)}'}}"},
        {"do": "{call: h, into: data.x}"},
        {"do": "{for: i, in: '[1, 2]', do: [{set: {data.n: '${i}'}}]}"},
        {"do": "{for: i, in: '[1]', parallel: 2, collect: data.all, do: [{yield: i}]}"},
        {"do": "{parallel: {p: [{yield: '1'}]}, into: data.p}"},
        {"do": "{try: [{call: h}], catch: [{do: [{set: {data.e: '${error.type}'}}]}]}"},
        {"do": "{graph: {nodes: [{id: s, type: Start}, {id: c, type: Assign, assignments:"
               " [{key: data.x, value: 5}]}, {id: e, type: End}], edges: [{source: s, target: c},"
               " {source: c, target: e}]}}"},
        {"activity": "{set: {n: '${len(data.items)}'}}, {log: '${n} ${job.id}'}"},
        {"activity": "{wait: 5m}, {listen: news, where: event.data.x > 1, into: m}"},
        {"guard": "'clerk' in actor.roles and event.name == 'go' and data.n > 1"},
        {"states": "timeout: {after: '${data.hours}h', event: go}"},
    ],
)  # fmt: skip
def test_what_a_block_may_do(piece: dict[str, str]) -> None:
    assert findings(machine(**piece)) == []


@pytest.mark.parametrize(
    ("piece", "found"),
    [
        ({"do": "{set: {data: 5}}"}, "RUNE-3028 /transitions/0/do/0/set/data"),
        ({"do": "{set: {data: text}}"}, "RUNE-3028 /transitions/0/do/0/set/data"),
        ({"do": "{set: {event.x: 5}}"}, "RUNE-1109 /transitions/0/do/0/set/event.x"),
        ({"do": "{set: {actor: 5}}"}, "RUNE-1109 /transitions/0/do/0/set/actor"),
        ({"do": "{wait: 5m}"}, "RUNE-3041 /transitions/0/do/0"),
        ({"do": "{try: [{listen: x}], finally: []}"}, "RUNE-3041 /transitions/0/do/0/try/0"),
        ({"do": "{return: 5}"}, "RUNE-3041 /transitions/0/do/0"),
        ({"do": "{yield: 5}"}, "RUNE-3017 /transitions/0/do/0"),
        ({"do": "{log: '${input.x}'}"}, "RUNE-3004 /transitions/0/do/0/log"),
        ({"do": "{log: '${error.type}'}"}, "RUNE-3004 /transitions/0/do/0/log"),
        ({"do": "{log: '${data.x + evnt.y}'}"}, "RUNE-3001 /transitions/0/do/0/log"),
        ({"do": "{log: '${event.nme}'}"}, "RUNE-2011 /transitions/0/do/0/log"),
        ({"activity": "{return: 5}"}, "RUNE-3041 /states/b/do/0"),
        ({"activity": "{log: '${event.name}'}"}, "RUNE-3004 /states/b/do/0/log"),
        ({"activity": "{log: '${actor.id}'}"}, "RUNE-3004 /states/b/do/0/log"),
        ({"activity": "{set: {data.x: 1}}"}, "RUNE-3040 /states/b/do/0/set/data.x"),
        ({"activity": "{call: h, into: data.x}"}, "RUNE-3040 /states/b/do/0/into"),
        ({"guard": "x > 1"}, "RUNE-3001 /transitions/0/guard"),
        ({"guard": "input.x > 1"}, "RUNE-3004 /transitions/0/guard"),
        ({"states": "exit: [{set: {data.x: 1}}, {wait: 5m}]"}, "RUNE-3041 /states/a/exit/1"),
        ({"states": "timeout: {after: '${event.data.x}h', event: go}"},
         "RUNE-3004 /states/a/timeout/after"),
    ],
)  # fmt: skip
def test_what_a_block_may_not_do(piece: dict[str, str], found: str) -> None:
    assert findings(machine(**piece)) == [found]


def test_where_there_is_no_data() -> None:
    text = "skript: s\ndo:\n  - set: {data.x: 1}\n  - log: ${data.x} ${actor.id}\n"
    assert findings(text) == [
        "RUNE-1109 /do/0/set/data.x", "RUNE-3004 /do/1/log", "RUNE-3004 /do/1/log",
    ]  # fmt: skip


# --- variables ----------------------------------------------------------------------------------
def test_what_one_block_sets_those_behind_it_read() -> None:
    text = machine(states="exit: [{set: {x: 1}}]", do="{set: {y: '${x}'}}, {log: '${y}'}")
    assert findings(text) == []


def test_nothing_leaks_from_one_transition_to_another() -> None:
    text = machine(do="{set: {y: 1}}").replace("to: z}", "to: z, do: [{log: '${y}'}]}", 1)
    assert findings(text) == ["RUNE-3010 /transitions/1/do/0/log"]


def test_what_only_some_transitions_set_is_perhaps_unset() -> None:
    text = ORDER.replace("{from: paid, event: done, to: shipped}",
                         "{from: paid, event: done, to: shipped, do: [{set: {why: ok}}]}")  # fmt: skip
    text = text.replace("{from: paid, event: failed, to: withdrawn}",
                        "{from: paid, event: failed, to: shipped}")  # fmt: skip
    text = text.replace("shipped: {final: true}",
                        "shipped: {final: true, enter: [{log: '${why}'}]}")  # fmt: skip
    assert findings(text) == ["RUNE-3011 /states/shipped/enter/0/log"]


def test_an_activity_has_variables_of_its_own() -> None:
    text = machine(do="{set: {x: 1}}", activity="{log: '${x}'}")
    assert findings(text) == ["RUNE-3010 /states/b/do/0/log"]


# --- bounds -------------------------------------------------------------------------------------
def test_a_machine_has_so_many_states_and_no_more() -> None:
    states = {f"s{i}": {} for i in range(STATES + 1)}
    value = {"machine": "m", "initial": "s0", "states": states, "transitions": []}
    assert "RUNE-1114 /states" in findings(json.dumps(value))


def test_rows_of_the_table_are_counted() -> None:
    names = [f"s{i}" for i in range(STATES)]
    each = {"from": names, "to": "s0"}
    rows = [{**each, "event": f"e{i}"} for i in range(TRANSITIONS // STATES + 1)]
    value = {
        "machine": "m", "initial": "s0", "states": dict.fromkeys(names), "transitions": rows,
    }  # fmt: skip
    assert "RUNE-1114 /transitions" in findings(json.dumps(value))


# --- what else is compiled ----------------------------------------------------------------------
def test_on_failure_sees_the_data() -> None:
    text = machine() + "on_failure: {call: tell, with: {n: '${data.n}', text: '${error.type}'}}\n"
    assert findings(text) == []
    compiled = compile_text(text, "m.yaml", _Any())
    (notice,) = compiled.children.values()
    given = {"job": {}, "input": {"n": 5}, "error": {"type": "oops"}}
    calls = simulate(notice, {"tell": lambda params: None}, given).calls
    assert [call.params for call in calls] == [{"n": 5, "text": "oops"}]


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ("a: {timeuot: {after: 5m, event: done}}", "RUNE-1100"),
        ("a: {finall: true}", "RUNE-1100"),
        ("a: {timeout: {after: 5m}}", "RUNE-1101"),
        ("a: {timeout: 5m}", "RUNE-1102"),
        ("a: []", "RUNE-1102"),
        ("? [a]\n: {}", "RUNE-1016"),
    ],
)
def test_states_that_are_none(wrong: str, code: str) -> None:
    states = f"  {wrong}".replace("\n", "\n  ")
    text = f"machine: m\ninitial: b\nstates:\n  b: {{}}\n{states}\ntransitions: []\n"
    assert code in {finding.split()[0] for finding in findings(text)}
