"""The Python builder: the same AST as the YAML form, places in Python, misuse named."""

from __future__ import annotations

import dataclasses
import inspect
import json
from pathlib import Path
from typing import Any

import pytest

from runeskript.compiler.frontends.builder import Skript, insert, step
from runeskript.compiler.frontends.verbs import Verbs
from runeskript.compiler.load_text import parse_document
from runeskript.compiler.tables import DOCUMENT, MODIFIERS, VERBS
from runeskript.errors import CompileError, NotAValueError
from runeskript.model.ast_value import ast_hash, to_value
from runeskript.model.diagnostics import Diagnostics

LANGUAGE = """
skript: order-fulfilment
version: 3
labels: {team: shop}
input: {type: object, required: [user, items]}
env: [PRICING]
vars: {discount: 1.0, hits: {init: 0, reduce: sum}}
functions:
  net(price, qty, off): price * qty * off
timeout: 7d
do:
  - if: input.user.level == 'VIP' and len(input.items) > 10
    then:
      - set: {discount: 0.8}
    elif:
      - when: len(input.items) > 5
        do:
          - set: {discount: 0.9, order.rebate: true}
    else:
      - log: full price
        level: debug
  - for: item
    index: i
    in: input.items
    parallel: 8
    collect: prices
    join: all
    timeout: 5m
    do:
      - call: http.get
        with: {url: "${env.PRICING}/sku/${item.sku}"}
        into: p
        retry: {on: [timeout, http.5xx], max: 5, backoff: 200ms..10s}
        timeout: 3s
      - continue:
        if: p.status == 404
      - yield: net(p.body.price, item.qty, discount)
  - id: settle
    parallel:
      charge:
        - call: payments.charge
          with: {amount: "${sum(prices)}", key: "${job.id}"}
          into: receipt
          undo: {call: payments.refund, with: {id: "${receipt.id}"}}
      stock:
        - call: inventory.reserve
          with: {items: "${input.items}"}
          on_crash: fail
          queue: stock
    join: all
    into: settled
  - switch: input.user.level
    cases:
      - is: [VIP, GOLD]
        do:
          - emit: vip.order
            key: job.id
            with: {total: "${sum(prices)}"}
            keep: 24h
      - is: NEW
        do: []
    else:
      - wait: 5m
  - try:
      - listen: parcel.scanned
        key: job.id
        where: event.data.ok
        timeout: 72h
        into: scan
    catch:
      - when: error.type == 'timeout'
        do:
          - raise: {type: order.stuck, compensate: true}
      - do: []
    finally:
      - run: audit@2
        with: {order: "${job.id}"}
        detach: true
  - while: discount < 1
    do:
      - break:
        if: discount > 0.95
      - do:
          - wait: {until: job.created_at}
        timeout: 1h
  - return: {total: "${sum(prices)}", carrier: "${scan.carrier}"}
catch:
  - do:
      - log: failed
finally:
  - log: over
"""


def built() -> Skript:
    s = Skript(
        "order-fulfilment",
        version=3,
        labels={"team": "shop"},
        input={"type": "object", "required": ["user", "items"]},
        env=["PRICING"],
        vars={"discount": 1.0, "hits": {"init": 0, "reduce": "sum"}},
        functions={"net(price, qty, off)": "price * qty * off"},
        timeout="7d",
    )
    with s.if_("input.user.level == 'VIP' and len(input.items) > 10"):
        s.set(discount=0.8)
    with s.elif_("len(input.items) > 5"):
        s.set({"discount": 0.9, "order.rebate": True})
    with s.else_():
        s.log("full price", "debug")
    with s.for_(
        "item", "input.items", index="i", parallel=8, collect="prices", join="all", timeout="5m"
    ):
        s.call(
            "http.get",
            {"url": "${env.PRICING}/sku/${item.sku}"},
            "p",
            retry={"on": ["timeout", "http.5xx"], "max": 5, "backoff": "200ms..10s"},
            timeout="3s",
        )
        s.continue_(if_="p.status == 404")
        s.yield_("net(p.body.price, item.qty, discount)")
    with s.parallel(join="all", into="settled", id="settle") as settle:
        with settle.branch("charge"):
            s.call(
                "payments.charge",
                {"amount": insert("sum(prices)"), "key": insert("job.id")},
                "receipt",
                undo=step.call("payments.refund", {"id": insert("receipt.id")}),
            )
        with settle.branch("stock"):
            s.call(
                "inventory.reserve", {"items": insert("input.items")}, on_crash="fail",
                queue="stock",
            )  # fmt: skip
    with s.switch("input.user.level") as level:
        with level.case("VIP", "GOLD"):
            s.emit("vip.order", {"total": insert("sum(prices)")}, key="job.id", keep="24h")
        with level.case("NEW"):
            pass
        with level.otherwise():
            s.wait("5m")
    with s.try_():
        s.listen("parcel.scanned", key="job.id", where="event.data.ok", timeout="72h", into="scan")
    with s.catch("error.type == 'timeout'"):
        s.raise_("order.stuck", compensate=True)
    with s.catch():
        pass
    with s.finally_():
        s.run("audit@2", {"order": insert("job.id")}, detach=True)
    with s.while_("discount < 1"):
        s.break_(if_="discount > 0.95")
        with s.do(timeout="1h"):
            s.wait(until="job.created_at")
    s.return_({"total": insert("sum(prices)"), "carrier": insert("scan.carrier")})
    with s.on_error():
        s.log("failed")
    with s.at_end():
        s.log("over")
    return s


def parsed(text: str) -> Any:
    diagnostics = Diagnostics()
    document = parse_document(text, "test.yaml", diagnostics)
    assert diagnostics.sorted() == ()
    assert document is not None
    return document


def test_it_makes_the_ast_of_the_yaml_form() -> None:
    ours, theirs = built().document(), parsed(LANGUAGE)
    assert to_value(ours) == to_value(theirs)
    assert ast_hash(ours) == ast_hash(theirs)


def test_yaml_and_json_texts_of_it_are_the_same_skript() -> None:
    s = built()
    digest = ast_hash(s.document())
    assert ast_hash(parsed(s.to_yaml())) == digest
    assert ast_hash(parsed(json.dumps(s.to_value()))) == digest


def test_findings_point_to_the_python_call() -> None:
    s = Skript("bad")
    s.log("fine")
    line = inspect.currentframe().f_lineno + 1  # type: ignore[union-attr]
    s.call("f", timeout="5")
    diagnostics = Diagnostics()
    s.check(diagnostics)
    (found,) = diagnostics.sorted()
    assert found.code == "RUNE-1112"
    assert found.pointer == "/do/1/timeout"
    assert (found.span.file, found.span.line) == (__file__, line)
    assert found.span.column == 5
    with pytest.raises(CompileError) as caught:
        s.document()
    assert caught.value.diagnostics == (found,)


def test_steps_of_another_module_point_there(tmp_path: Path) -> None:
    other = tmp_path / "steps.py"
    other.write_text("def add(s):\n    s.log('x')\n    s.wait('soon')\n", encoding="utf-8")
    space: dict[str, Any] = {}
    exec(compile(other.read_text(encoding="utf-8"), str(other), "exec"), space)
    s = Skript("two-files")
    space["add"](s)
    s.wait("later")
    diagnostics = Diagnostics()
    s.check(diagnostics)
    places = {(d.span.file, d.pointer): d.span.line for d in diagnostics.sorted()}
    assert places[str(other), "/do/1/wait"] == 3
    assert (__file__, "/do/2/wait") in places


def test_expression_errors_cover_the_call() -> None:
    s = Skript("bad")
    s.set(x="${1 +}")
    diagnostics = Diagnostics()
    s.check(diagnostics)
    (found,) = diagnostics.sorted()
    assert found.span.file == __file__
    assert found.span.end_column > found.span.column + 10


def test_a_text_that_was_meant_as_an_expression_is_warned_about() -> None:
    s = Skript("warn", vars={"total": 1})
    s.return_({"x": "total + 1"})
    diagnostics = Diagnostics()
    s.check(diagnostics)
    assert [d.code for d in diagnostics.sorted()] == ["RUNE-1124"]


@pytest.mark.parametrize("use", ["elif_", "else_", "catch", "finally_", "switch", "branch"])
def test_misuse_is_named_at_once(use: str) -> None:
    s = Skript("misuse")
    s.log("x")
    with pytest.raises(CompileError) as caught:
        if use == "switch":
            with s.switch("1"):
                s.log("not in a case")
        elif use == "branch":
            with s.parallel() as p:
                with p.branch("a"):
                    s.log("x")
                with p.branch("a"):
                    s.log("y")
        elif use == "elif_":
            with s.elif_("1 > 0"):
                pass
        else:
            with getattr(s, use)():
                pass
    (found,) = caught.value.diagnostics
    assert found.code == "RUNE-1127"
    assert found.span.file == __file__


def test_values_are_normalised_and_others_refused() -> None:
    @dataclasses.dataclass
    class Money:
        amount: int
        currency: str

    s = Skript("values")
    s.return_({"price": Money(5, "EUR"), "pair": (1, 2)})
    assert s.to_value() == {
        "skript": "values",
        "do": [{"return": {"price": {"amount": 5, "currency": "EUR"}, "pair": [1, 2]}}],
    }
    s.log({1, 2})  # type: ignore[arg-type]
    with pytest.raises(NotAValueError):
        s.document()


def test_a_value_that_holds_itself_is_refused() -> None:
    loop: list[Any] = []
    loop.append(loop)
    s = Skript("loop")
    s.return_(loop)
    with pytest.raises(NotAValueError):
        s.document()


def test_it_knows_every_verb_and_key_of_the_tables() -> None:
    words = ("for", "if", "while", "try", "yield", "return", "raise", "break", "continue")
    names = {word: f"{word}_" for word in words}
    by_block = {"then", "else", "elif", "do", "cases", "catch", "finally"}
    for verb in VERBS:
        if verb.value.kind == "graph":
            continue
        method = getattr(Skript, names.get(verb.name, verb.name))
        given = {name.rstrip("_") for name in inspect.signature(method).parameters}
        wanted = {row.name for row in verb.keys} - by_block
        assert wanted <= given, verb.name
        if verb.name not in ("if", "elif"):
            assert {"id", "if", "allow"} <= given, verb.name
    head = set(inspect.signature(Skript).parameters) | {"skript", "do", "catch", "finally"}
    assert {row.name for row in DOCUMENT} <= head
    assert {row.name for row in MODIFIERS} == {"id", "if", "timeout", "allow"}


def test_a_step_made_apart_can_be_added() -> None:
    s = Skript("apart")
    s.add(step.log("a"), Verbs().log("b"))
    assert s.to_value() == {"skript": "apart", "do": [{"log": "a"}, {"log": "b"}]}
