"""Instructions with labels -> Blueprint: lays out the bodies and resolves addresses."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ..model.ast import Document
from ..model.blueprint import (
    Blueprint,
    Body,
    Debug,
    ExceptionRow,
    Instruction,
    MachineTable,
)
from ..model.isa import Op
from . import core
from .codegen import ROOTS, BodyCode, Code

#: The instructions that hold addresses.
_JUMP = int(Op.JUMP)
_REGIONS = (int(Op.PURE), int(Op.LOOP))


def assemble(
    program: core.Program, code: Code, ast_hash: str, source: str, on_failure: str | None = None
) -> Blueprint:
    """The Blueprint; bodies stand one after the other, the document's first.

    ``on_failure``: digest of the Blueprint of what is done where a job has failed.
    """
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
    return Blueprint(
        name=document.name,
        version=document.version,
        labels=document.labels,
        ast_hash=ast_hash,
        # The schema is that of the failed job's input, which is a part of what a notice is given.
        input_schema=None if document.notice else document.input_schema,
        env=document.env,
        roots=tuple((n, code.bodies[0].slots[n]) for n in ROOTS if n in code.bodies[0].slots),
        code=tuple(instructions),
        sites=tuple(sites),
        steps=tuple([site.name for site in program.sites]),
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
        on_failure=on_failure,
        schedule=document.schedule,
        machine=_machine(program.machine, code),
        debug=Debug.placed(
            tuple([site.place for site in program.sites]),
            tuple(sites),
            tuple([tuple(part.slots) for part in code.bodies]),
            source,
        ),
    )


def _machine(table: MachineTable | None, code: Code) -> MachineTable | None:
    return table and replace(table, data=code.bodies[0].slots["data"])


def _resolve(part: BodyCode, entry: int) -> list[Instruction]:
    """The instructions of a body with addresses in the places of labels."""
    at: dict[core.Label | None, int] = {label: entry + to for label, to in part.labels.items()}
    code: list[tuple[Any, ...]] = part.code
    for offset, instruction in enumerate(code):
        opcode = instruction[0]
        if opcode in _REGIONS:
            at[None] = entry + offset + 1
            exits = tuple([at[label] for label in instruction[2]])
            code[offset] = (opcode, instruction[1], exits)
        elif opcode == _JUMP:
            code[offset] = (opcode, at[instruction[1]])
    return part.code


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
