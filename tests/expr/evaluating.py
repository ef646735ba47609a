"""Evaluating expressions in tests: text and variables in, value or error type out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from runeskript.errors import StepError
from runeskript.expr.generate import FunctionTable, compile_expr, compile_region
from runeskript.expr.ir import rewrite
from runeskript.expr.ir_check import check_ir
from runeskript.expr.parser import parse_expression, parse_template
from runeskript.expr.runtime import Context
from runeskript.model.ast import IR
from runeskript.model.blueprint import FunctionRow
from runeskript.model.limits import PURE_WORK

SEED = bytes(range(16))
NOW = 1_714_566_600_250


def context(fuel: int = PURE_WORK) -> Context:
    return Context(fuel=fuel, now_ms=NOW, seed=SEED, path=(0, 2))


def resolve(ir: IR, names: list[str], functions: list[str]) -> IR:
    """Names to slots, user functions to indexes, as code generation does."""

    def change(node: IR) -> IR:
        if node[0] == "name":
            return ("slot", names.index(node[1]))
        if node[0] == "ucall":
            return ("ucall", functions.index(node[1]), node[2])
        return node

    return rewrite(ir, change)


def table(functions: Mapping[str, str]) -> FunctionTable:
    """``{"net(price, qty)": "price * qty"}`` as a function table."""
    names = [signature.partition("(")[0] for signature in functions]
    rows = []
    for (signature, body), name in zip(functions.items(), names, strict=True):
        inner = signature.partition("(")[2].rstrip(")")
        params = tuple(filter(None, (p.strip() for p in inner.split(","))))
        ir = resolve(parse_expression(body, locals_=params).ir, [], names)
        rows.append(FunctionRow(name, len(params), ir))
    for row in rows:
        counts = [r.params for r in rows]
        assert not check_ir(row.ir, slots=0, functions=counts, locals_=row.params)
    return FunctionTable(rows)


def lowered(
    text: str,
    variables: Mapping[str, Any],
    functions: Mapping[str, str] | None = None,
    *,
    graph: bool = False,
) -> IR:
    """The verified IR of an expression (or of a text with inserts) over slots.

    ``graph``: an expression as the graph form writes it.
    """
    if graph or "${" not in text:
        parsed = parse_expression(text, graph=graph)
    else:
        parsed = parse_template(text)
    names = [signature.partition("(")[0] for signature in functions or {}]
    ir = resolve(parsed.ir, list(variables), names)
    counts = [0 if s.endswith("()") else s.count(",") + 1 for s in functions or {}]
    assert not check_ir(ir, slots=len(variables), functions=counts, locals_=0)
    return ir


def evaluate(
    text: str,
    variables: Mapping[str, Any] | None = None,
    functions: Mapping[str, str] | None = None,
    *,
    fuel: int = PURE_WORK,
    graph: bool = False,
) -> Any:
    """The value of an expression; raises StepError."""
    variables = variables or {}
    ir = lowered(text, variables, functions, graph=graph)
    made = compile_expr(ir, table(functions or {}), slot_names=list(variables))
    return made(list(variables.values()), context(fuel))


def outcome(text: str, variables: Mapping[str, Any] | None = None, **options: Any) -> Any:
    """``("value", JSON of it)`` or ``("error", type)``, so that 1, 1.0 and true differ."""
    try:
        value = evaluate(text, variables, **options)
    except StepError as error:
        return ("error", error.type)
    return ("value", shown(value))


def region_outcome(text: str, variables: Mapping[str, Any], *, graph: bool = False) -> Any:
    """The same through a region that assigns the expression to a fresh slot."""
    ir = lowered(text, variables, graph=graph)
    frame = [*variables.values(), None]
    run = compile_region([("set", 7, len(variables), ir), ("exit", 3)])
    try:
        assert run(frame, context()) == 3
    except StepError as error:
        return ("error", error.type)
    return ("value", shown(frame[-1]))


def shown(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
