"""Every instruction against its row: operands by their kinds, then the rules no kind expresses."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from ..blueprint import Blueprint, Body
from ..isa import BY_OP, Op, Operand, Row
from ..limits import BRANCHES, FORK_DEPTH
from .facts import Facts, Use, is_index, shown

#: Operand kinds that index a section of the Blueprint.
_POOLS: Final = {
    "expr": "exprs",
    "region": "regions",
    "handler": "handlers",
    "policy": "policies",
    "listen": "listens",
    "skript": "skripts",
}
#: Operand kinds that are a tuple of another kind.
_SEVERAL: Final = {"addrs": "addr", "bodies": "body"}


def check_code(facts: Facts) -> None:
    """All instructions; fills ``facts.expr_uses`` and ``facts.region_uses``."""
    bp = facts.bp
    forked: set[int] = set()
    code: Sequence[tuple[Any, ...]] = bp.code
    for address, instruction in enumerate(code):
        opcode = instruction[0] if instruction else None
        row = BY_OP.get(opcode) if isinstance(opcode, int) else None
        if row is None:
            facts.say("instruction", f"{shown(opcode)} is no opcode", "code", address)
            continue
        body = facts.owner[address]
        problems = list(_operand_problems(bp, body, row, instruction))
        if not problems:
            problems = list(_rule_problems(bp, body, address, row.op))
            _note_uses(facts, body, row, instruction)
            if row.op is Op.FORK:
                forked.update(instruction[1])
            elif row.op in (Op.FORKN, Op.FORKCALL):
                forked.add(instruction[1])
        for problem in problems:
            facts.say("instruction", problem, "code", address, row.op.name)
    _check_fork_depth(facts, forked)


# --- operands by kind -------------------------------------------------------------------------


def _operand_problems(
    bp: Blueprint, body: int, row: Row, instruction: tuple[Any, ...]
) -> Iterator[str]:
    values = instruction[1:]
    if len(values) != len(row.operands):
        yield f"{len(values)} operands where {len(row.operands)} belong"
        return
    for operand, value in zip(row.operands, values, strict=True):
        problem = _operand_problem(bp, body, operand, value)
        if problem:
            yield f"{operand.name} {problem}"


def _operand_problem(bp: Blueprint, body: int, operand: Operand, value: Any) -> str | None:
    kind = operand.kind
    if kind.endswith("?"):
        if value is None:
            return None
        kind = kind[:-1]
    if kind in _SEVERAL:
        # A region may have no exit: it ends in an error, or not at all.
        if type(value) is not tuple or (not value and kind != "addrs"):
            return "must name at least one"
        for item in value:
            problem = _single_problem(bp, body, _SEVERAL[kind], operand, item)
            if problem:
                return problem
        return None
    return _single_problem(bp, body, kind, operand, value)


def _single_problem(
    bp: Blueprint, body: int, kind: str, operand: Operand, value: Any
) -> str | None:
    if kind in _POOLS:
        size = len(getattr(bp, _POOLS[kind]))
        return (
            None if is_index(value, size) else f"{shown(value)} is not among the {size} there are"
        )
    if kind == "slot":
        fits = is_index(value, bp.bodies[body].slots)
        return None if fits else f"{shown(value)} is no slot of the frame"
    if kind == "addr":
        home = bp.bodies[body]
        fits = type(value) is int and home.entry <= value < home.end
        return None if fits else f"{shown(value)} is no address of its body"
    if kind == "body":
        fits = is_index(value, len(bp.bodies)) and bp.bodies[value].parent == body
        return None if fits else f"{shown(value)} is no child of body {body}"
    if kind == "count":
        return None if is_index(value, BRANCHES + 1) else f"{shown(value)} is no count"
    if kind == "flag":
        return None if type(value) is bool else f"{shown(value)} is no bool"
    # What is left is a word; an unknown kind would be a defect of the table and finds no words.
    fits = type(value) is str and value in operand.words
    return None if fits else f"{shown(value)} is none of {', '.join(operand.words)}"


# --- rules ------------------------------------------------------------------------------------


def _rule_problems(bp: Blueprint, body: int, address: int, op: Op) -> Iterator[str]:
    """The operands are in order when this is asked."""
    instruction: Any = bp.code[address]
    home = bp.bodies[body]
    before = bp.code[address - 1][:1] if address > home.entry else ()
    behind = bp.code[address + 1] if address + 1 < home.end else ()
    if op in (Op.FORK, Op.FORKN, Op.FORKCALL):
        if behind[:1] != (Op.JOIN,):
            yield "a JOIN must follow"
        if op is Op.FORK:
            yield from _fork_problems(bp, instruction, behind)
        elif op is Op.FORKCALL:
            yield from _call_body_problems(bp, bp.bodies[instruction[1]])
    elif op is Op.JOIN:
        _, into, shape = instruction
        if before not in ((Op.FORK,), (Op.FORKN,), (Op.FORKCALL,)):
            yield "a FORK, FORKN or FORKCALL must come before"
        if into is not None and shape == "none":
            yield "it has a slot and nothing to put there"
        if shape == "object" and before != (Op.FORK,):
            yield "elements have no names to make an object of"
    elif op is Op.ARRIVE and body == 0:
        yield "body 0 ends with RETURN"
    elif op is Op.RETURN and body != 0:
        yield "only body 0 returns"
    elif op is Op.WAIT and instruction[1] is None and instruction[3] is None:
        yield "it waits for nothing"


def _fork_problems(
    bp: Blueprint, instruction: tuple[Any, ...], join: tuple[Any, ...]
) -> Iterator[str]:
    bodies, need = instruction[1], instruction[2]
    if need > len(bodies):
        yield f"it needs {need} of {len(bodies)} branches"
    if join[-1:] == ("object",) and len({bp.bodies[i].name for i in bodies}) != len(bodies):
        yield "branches of one name make no object"


def _call_body_problems(bp: Blueprint, body: Body) -> Iterator[str]:
    """The body of a FORKCALL is CALL, ARRIVE, or CALL, PURE, ARRIVE."""
    code: list[Any] = list(bp.code[body.entry : body.end])
    opcodes = [instruction[:1] for instruction in code]
    end = body.end - 1
    if opcodes not in ([(Op.CALL,), (Op.ARRIVE,)], [(Op.CALL,), (Op.PURE,), (Op.ARRIVE,)]):
        yield "its body is no single call"
    elif len(code) == 3 and (len(code[1]) != 3 or set(code[1][2]) != {end}):
        yield "its body goes anywhere but to its end"


def _check_fork_depth(facts: Facts, forked: set[int]) -> None:
    bodies = facts.bp.bodies
    for i in sorted(forked):
        depth = 0
        at: int | None = i
        while at is not None:
            depth += at in forked
            at = bodies[at].parent
        if depth > FORK_DEPTH:
            facts.say("limit", f"forks nest {depth} deep; the bound is {FORK_DEPTH}", "bodies", i)
            return


# --- uses -------------------------------------------------------------------------------------


def _note_uses(facts: Facts, body: int, row: Row, instruction: tuple[Any, ...]) -> None:
    """Record what this instruction offers to the expressions and regions it uses."""
    bp = facts.bp
    slots = bp.bodies[body].slots
    exits = 0
    #: A secret may go to a handler and nowhere else: what is sent or stored holds none.
    calls = any(operand.kind == "handler" for operand in row.operands)

    def note(index: int | None, locals_: int = 0, *, secret: bool = False) -> None:
        # Entries of other pools are checked in `pools.py`; until then they may point anywhere.
        if index is not None and is_index(index, len(bp.exprs)):
            use = facts.expr_uses.setdefault(index, Use())
            use.narrow(slots, locals_, secret=secret)

    # Backwards, because the exits stand behind their region.
    for operand, value in reversed(list(zip(row.operands, instruction[1:], strict=True))):
        kind = operand.kind.rstrip("?")
        if value is None:
            continue
        if kind == "expr":
            note(value, secret=calls and operand.name == "with")
        elif kind == "addrs":
            exits = len(value)
        elif kind == "region":
            use = facts.region_uses.setdefault(value, Use())
            use.narrow(slots, exits, secret=False)
            facts.region_bodies.setdefault(value, set()).add(body)
        elif kind == "policy":
            note(bp.policies[value].timeout)
        elif kind == "listen":
            listen = bp.listens[value]
            note(listen.topic)
            note(listen.key)
            note(listen.where, 1)
