"""What a job runs as nodes and edges: from the document where it is kept, else from the Blueprint.

A Blueprint keeps the text it was made of beside its program, so a job's picture is that of its
document. One that was built without a text has the steps of its table, linked as its code goes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from ..compiler.load_text import parse_document
from ..compiler.step_graph import END, START, StepEdge, StepNode, machine_steps, step_graph
from ..model.ast import Document
from ..model.blueprint import Blueprint, MachineTable
from ..model.diagnostics import Diagnostics
from ..model.isa import BY_OP, Op
from ..model.machine import EVENTS, FINAL, STATUSES
from ..model.rows import NamedTuple

#: What a step is, by the first of its instructions that is one of these.
_KINDS: Final[dict[int, str]] = {
    Op.CALL: "call", Op.RUN: "run", Op.WAIT: "wait", Op.EMIT: "emit", Op.LOG: "log",
    Op.RAISE: "raise", Op.RETURN: "return", Op.LOOP: "loop", Op.FORK: "parallel", Op.FORKN: "for",
    Op.FORKCALL: "for", Op.FORKPURE: "for", Op.ENTER: "do", Op.AWAIT: "state",
}  # fmt: skip


class Way(NamedTuple):
    """A transition of a machine, by the ids of its states. ``roles`` None: for everybody."""

    source: str
    event: str
    target: str
    roles: tuple[str, ...] | None


class Outline(NamedTuple):
    """``ways``: a machine's transitions, each once; ``states``: its states' ids by name."""

    nodes: list[StepNode]
    edges: list[StepEdge]
    ways: list[Way]
    states: dict[str, str]


def state_id(name: str) -> str:
    """The id of the node of a state: its pointer in the document."""
    return f"/states/{name.replace('~', '~0').replace('/', '~1')}"


def outline_of(blueprint: Blueprint) -> Outline:
    """The structure of what a Blueprint runs."""
    document = _document(blueprint)
    if blueprint.machine is not None:
        return _machine(blueprint.machine, document)
    nodes, edges = step_graph(document) if document is not None else _coded(blueprint)
    return Outline(nodes, edges, [], {})


def default_outline() -> Outline:
    """That of a job which others move: the statuses, and what may follow what."""
    states = {status: state_id(status) for status in STATUSES}
    nodes = [
        StepNode(id_, "final" if status in FINAL else "state", status, None)
        for status, id_ in states.items()
    ]
    ways = [Way(states[source], event, states[target], None) for source, event, target in EVENTS]
    return Outline(nodes, [], ways, {str(name): id_ for name, id_ in states.items()})


def _document(blueprint: Blueprint) -> Document | None:
    """The AST of the text a Blueprint was made of; None where there is none that is still read."""
    source = blueprint.debug.source
    if not source:
        return None
    found = Diagnostics()
    document = parse_document(source, "", found)
    return None if found.has_errors else document


def _machine(table: MachineTable, document: Document | None) -> Outline:
    states = {state.name: state_id(state.name) for state in table.states}
    nodes = [
        StepNode(states[one.name], "final" if one.final else "state", one.name, None)
        for one in table.states
    ]
    ids = [node.id for node in nodes]
    ways: dict[tuple[str, str, str], Way] = {}
    for row in table.transitions:
        source, target = ids[row.source], ids[row.to]
        known = ways.get((source, row.event, target))
        roles = row.roles
        if known is not None:  # under another guard: what the journal says of the two is the same
            both = None if roles is None or known.roles is None else (*known.roles, *roles)
            roles = None if both is None else tuple(dict.fromkeys(both))
        ways[source, row.event, target] = Way(source, row.event, target, roles)
    edges: list[StepEdge] = []
    if document is not None and document.machine is not None:
        inner, edges = machine_steps(document.machine, state_id)
        nodes += inner
    return Outline(nodes, edges, list(ways.values()), states)


# --- without a text -------------------------------------------------------------------------------
def _coded(blueprint: Blueprint) -> tuple[list[StepNode], list[StepEdge]]:
    """Steps that have instructions, and where control goes from those of one to another's."""
    names = [blueprint.steps[site] for site in blueprint.sites]
    kinds: dict[str, tuple[str, str]] = {}
    for name, instruction in zip(names, blueprint.code, strict=True):
        kind = _KINDS.get(instruction[0])  # type: ignore[call-overload]
        if kind is not None and name and name not in kinds:
            kinds[name] = (kind, _label(kind, instruction, blueprint))
    nodes = [StepNode(START, "start", blueprint.name, None)]
    for name in dict.fromkeys(names):
        if name:
            kind, label = kinds.get(name, ("set", "computes"))
            nodes.append(StepNode(name, kind, label, None))
    nodes.append(StepNode(END, "end", "end", None))
    edges: dict[StepEdge, None] = {}
    if names:
        edges[StepEdge(START, names[0] or START, "next", "")] = None
    for address in range(len(names)):
        for edge in _ways(blueprint, names, address):
            if edge.source != edge.target:
                edges[edge] = None
    return nodes, list(edges)


def _ways(blueprint: Blueprint, names: list[str], address: int) -> Iterator[StepEdge]:
    """Where control goes from one instruction."""
    here = names[address] or START
    instruction: Any = blueprint.code[address]
    row = BY_OP[instruction[0]]
    for operand, value in zip(row.operands, instruction[1:], strict=True):
        if operand.kind == "addr":
            yield StepEdge(here, names[value] or START, _way(address, value, 1), "")
        elif operand.kind == "addrs":
            for to in value:
                yield StepEdge(here, names[to] or START, _way(address, to, len(value)), "")
        elif operand.kind in ("body", "bodies", "body?") and value is not None:
            undo = operand.kind == "body?"
            for number in value if operand.kind == "bodies" else (value,):
                body = blueprint.bodies[number]
                to = names[body.entry] or START
                yield StepEdge(
                    here, to, "error" if undo else "branch", "undo" if undo else body.name
                )
    if row.flow in ("next", "wait") and address + 1 < len(names):
        yield StepEdge(here, names[address + 1] or START, "next", "")
    if instruction[0] == Op.RETURN:
        yield StepEdge(here, END, "next", "")
    for one in blueprint.exceptions:
        if one.start <= address < one.end and one.kind == "catch":
            yield StepEdge(here, names[one.handler] or START, "error", "")
            break


def _way(address: int, to: int, ways: int) -> Any:
    return "loop" if to <= address else "branch" if ways > 1 else "next"


def _label(kind: str, instruction: Any, blueprint: Blueprint) -> str:
    if instruction[0] == Op.CALL:
        return f"call {blueprint.handlers[instruction[1]].name}"
    if instruction[0] == Op.RUN:
        ref = blueprint.skripts[instruction[1]]
        return f"run {ref.name}"
    return kind
