"""Instructions with labels -> Blueprint: lays out the bodies and resolves addresses."""

from __future__ import annotations

from typing import cast

from ..model.ast import Document
from ..model.blueprint import Blueprint, Body, Debug, ExceptionRow, Instruction
from . import core
from .codegen import ROOTS, BodyCode, Code, To


def assemble(program: core.Program, code: Code, ast_hash: str, source: str) -> Blueprint:
    """The Blueprint; bodies stand one after the other, the document's first."""
    document: Document = program.document
    entries: list[int] = []
    size = 0
    for part in code.bodies:
        entries.append(size)
        size += len(part.code)
    indexes = {id(part.body): part.index for part in code.bodies}
    instructions: list[Instruction] = []
    sites: list[int] = []
    rows: list[ExceptionRow] = []
    for part, entry in zip(code.bodies, entries, strict=True):
        instructions += _resolve(part, entry)
        sites += part.sites
        rows += _rows(part, entry)
    spans = tuple(site.span for site in program.sites)
    return Blueprint(
        name=document.name,
        version=document.version,
        labels=document.labels,
        ast_hash=ast_hash,
        input_schema=document.input_schema,
        env=document.env,
        roots=tuple((n, code.bodies[0].slots[n]) for n in ROOTS if n in code.bodies[0].slots),
        code=tuple(instructions),
        sites=tuple(sites),
        steps=tuple(site.name for site in program.sites),
        bodies=tuple(
            _body(part, entry, code.bodies, indexes)
            for part, entry in zip(code.bodies, entries, strict=True)
        ),
        exceptions=tuple(rows),
        exprs=tuple(code.exprs),
        regions=tuple(code.regions),
        functions=tuple(code.functions),
        handlers=tuple(ref for _, ref in code.handlers.values()),
        policies=tuple(code.policies),
        listens=tuple(code.listens),
        skripts=tuple(code.skripts),
        debug=Debug(
            spans=tuple(spans[site] for site in sites),
            step_spans=spans,
            slot_names=tuple(tuple(part.slots) for part in code.bodies),
            source=source,
        ),
    )


def _resolve(part: BodyCode, entry: int) -> list[Instruction]:
    out: list[Instruction] = []
    for offset, instruction in enumerate(part.code):
        here = entry + offset

        def address(to: To, here: int = here) -> int:
            return here + 1 if to.label is None else entry + part.labels[to.label]

        resolved: list[object] = [int(cast(int, instruction[0]))]
        for operand in instruction[1:]:
            if isinstance(operand, To):
                resolved.append(address(operand))
            elif isinstance(operand, tuple) and operand and isinstance(operand[0], To):
                resolved.append(tuple(address(to) for to in operand))
            else:
                resolved.append(operand)
        out.append(tuple(resolved))
    return out


def _rows(part: BodyCode, entry: int) -> list[ExceptionRow]:
    rows = []
    for row in part.body.ranges:
        start, end = part.labels[row.start], part.labels[row.end]
        if start < end:
            handler = part.labels[row.handler]
            rows.append(
                ExceptionRow(
                    entry + start,
                    entry + end,
                    entry + handler,
                    row.kind,
                    row.depth,
                    part.slots[row.variable],
                )
            )
    return rows


def _body(part: BodyCode, entry: int, bodies: list[BodyCode], indexes: dict[int, int]) -> Body:
    body = part.body
    slots = part.slots
    outer = None if body.parent is None else bodies[indexes[id(body.parent)]]
    return Body(
        name=body.name,
        entry=entry,
        end=entry + len(part.code),
        parent=None if outer is None else outer.index,
        slots=len(slots),
        captures=(
            () if outer is None else tuple((outer.slots[n], slots[n]) for n in part.captures)
        ),
        outs=(
            ()
            if outer is None
            else tuple((slots[i], outer.slots[o], reducer) for i, o, reducer in body.outs)
        ),
        item=None if body.item is None else slots[body.item],
        index=None if body.index is None else slots[body.index],
        result=None if body.result is None else slots[body.result],
    )
