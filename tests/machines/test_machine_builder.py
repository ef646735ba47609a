"""Machines written in Python are those of the text."""

from __future__ import annotations

import pytest

from machines.rows import WRONG
from runeskript import CompileError, StateMachine, Transition, insert, step, transitions
from runeskript.compiler.load_text import parse_document
from runeskript.compiler.pipeline import check_text, compile_document
from runeskript.model.ast import Document
from runeskript.model.ast_value import ast_hash, from_value, to_value
from runeskript.model.catalog import PlainHandler, StaticCatalog
from runeskript.model.diagnostics import Diagnostics

CATALOG = StaticCatalog({name: PlainHandler(name) for name in ("pack", "charge", "refund", "tell")})
TEXT = """\
machine: order
version: 2
labels: {team: shop}
data: {type: object, required: [items]}
env: [SHOP]
functions: {"twice(n)": n * 2}
on_failure: {call: tell, with: {text: "${error.type}"}}
allow: {untaken-end: it ends in one way}
initial: draft
states:
  draft: {}
  paid:
    timeout: {after: 2d, event: late}
    enter:
      - log: paid by ${actor.id}
    do:
      - for: item
        in: data.items
        do:
          - call: pack
            with: {item: "${item}"}
    exit:
      - log: bye
  shipped: {final: true}
  withdrawn: {final: true}
transitions:
  - id: pays
    from: draft
    event: pay
    to: paid
    guard: len(data.items) > 0
    allow: [clerk, boss]
    do:
      - call: charge
        with: {n: "${twice(2)}"}
        into: receipt
        undo: {call: refund, with: {id: "${receipt.id}"}}
      - if: receipt.late
        then:
          - set: {data.late: true}
      - set: {data.receipt: "${receipt.id}"}
  - {from: paid, event: done, to: shipped}
  - {from: [draft, paid], event: withdraw, to: withdrawn, allow: boss}
  - {from: paid, event: late, to: withdrawn}
"""


def built() -> StateMachine:
    m = StateMachine(
        "order",
        version=2,
        labels={"team": "shop"},
        data={"type": "object", "required": ["items"]},
        env=["SHOP"],
        functions={"twice(n)": "n * 2"},
        on_failure=step.call("tell", {"text": insert("error.type")}),
        allow={"untaken-end": "it ends in one way"},
        initial="draft",
        states={"draft": {}},
    )
    m.state("paid", timeout={"after": "2d", "event": "late"}, exit=[step.log("bye")])
    with m.enter("paid"):
        m.log("paid by ${actor.id}")
    with m.activity("paid"), m.for_("item", in_="data.items"):
        m.call("pack", {"item": insert("item")})
    m.state("shipped", final=True)
    m.state("withdrawn", final=True)
    with m.on(
        "draft", "pay", "paid", guard="len(data.items) > 0", allow=["clerk", "boss"], id="pays"
    ):
        undo = step.call("refund", {"id": insert("receipt.id")})
        m.call("charge", {"n": insert("twice(2)")}, into="receipt", undo=undo)
        with m.if_("receipt.late"):
            m.set({"data.late": True})
        m.set({"data.receipt": insert("receipt.id")})
    m.add_transitions(
        *transitions({"paid": {"done": "shipped"}}),
        Transition(["draft", "paid"], "withdraw", "withdrawn", allow="boss"),
        Transition("paid", "late", "withdrawn"),
    )
    return m


def parsed(text: str) -> Document:
    found = Diagnostics()
    document = parse_document(text, "order.yaml", found)
    assert document is not None
    assert found.sorted() == ()
    return document


def test_it_is_the_machine_of_the_text() -> None:
    document = built().document()
    assert to_value(document) == to_value(parsed(TEXT))
    assert ast_hash(document) == ast_hash(parsed(TEXT))
    assert check_text(TEXT, "order.yaml", CATALOG) == ()


def test_it_compiles_to_the_same_blueprint() -> None:
    made = compile_document(built().document(), CATALOG).blueprint
    read = compile_document(parsed(TEXT), CATALOG).blueprint
    assert made.machine == read.machine
    assert made.code == read.code


def test_it_is_written_as_text_and_read_again() -> None:
    assert ast_hash(parsed(built().to_yaml())) == ast_hash(parsed(TEXT))


def test_states_and_transitions_as_arguments() -> None:
    m = StateMachine(
        "m",
        initial="a",
        states=["a", "b"],
        transitions=transitions({"a": {"on": "b"}, "b": {"off": "a"}}),
    )
    text = (
        "machine: m\ninitial: a\nstates: {a: {}, b: {}}\ntransitions:\n"
        "  - {from: a, event: on, to: b}\n  - {from: b, event: off, to: a}\n"
    )
    assert ast_hash(m.document()) == ast_hash(parsed(text))


def test_a_mistake_is_found_where_it_was_written() -> None:
    m = StateMachine("m", initial="draft", states=["draft"], transitions=[WRONG])
    with pytest.raises(CompileError) as raised:
        m.document()
    found = [
        (d.code, d.span.file.rpartition("/")[2], d.span.line) for d in raised.value.diagnostics
    ]
    assert found == [("RUNE-1140", "rows.py", 7)]


def test_what_only_the_whole_shows() -> None:
    m = StateMachine(
        "m", initial="a", states=["a", "b"], transitions=transitions({"a": {"x": "a"}})
    )
    with pytest.raises(CompileError) as raised:
        compile_document(m.document())
    (found,) = raised.value.diagnostics
    assert found.code == "RUNE-3042"
    assert found.span.file.endswith("test_machine_builder.py")


def test_misuse() -> None:
    m = StateMachine("m", initial="a")
    with pytest.raises(CompileError, match="steps of a machine stand inside"):
        m.log("x")
    m.state("a")
    with pytest.raises(CompileError, match="exists already"):
        m.state("a")
    with m.enter("a"):
        m.log("x")
    with pytest.raises(CompileError, match="has its `enter` already"), m.enter("a"):
        pass


def test_an_ast_that_no_front_end_made_is_looked_at() -> None:
    document = built().document()
    value = to_value(document)
    assert isinstance(value, dict)
    value["machine"]["transitions"][1]["to"] = "nowhere"  # type: ignore[index, call-overload]
    with pytest.raises(CompileError) as raised:
        compile_document(from_value(value), CATALOG)
    assert "RUNE-1140" in {d.code for d in raised.value.diagnostics}
