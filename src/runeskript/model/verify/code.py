"""Every instruction against its row: operands by their kinds, then the rules no kind expresses."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import compress
from operator import lt
from typing import Any, Final

from ..blueprint import Blueprint, Body
from ..isa import BY_OP, Op, Operand, Row
from ..limits import BRANCHES, FORK_DEPTH
from .facts import Facts, Use, all_indexes, is_index, shown

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
#: Opcodes with rules that no kind expresses.
_FORKS: Final = (Op.FORK, Op.FORKN, Op.FORKCALL, Op.FORKPURE)
_RULED: Final = frozenset((*_FORKS, Op.JOIN, Op.ARRIVE, Op.RETURN, Op.WAIT))
#: What the bodies of a FORKPURE consist of; an ENTER without a deadline, which would be a timer.
_COMPUTES: Final = frozenset(
    (
        Op.JUMP,
        Op.PURE,
        Op.LOOP,
        Op.FORKPURE,
        Op.JOIN,
        Op.ENTER,
        Op.LEAVE,
        Op.RAISE,
        Op.RERAISE,
        Op.COMPENSATE,
        Op.ARRIVE,
    )
)
_OPERANDS: Final = {opcode: row.operands for opcode, row in BY_OP.items()}


def check_code(facts: Facts) -> None:
    """All instructions; fills ``facts.expr_uses`` and ``facts.region_uses``."""
    bp = facts.bp
    forked: set[int] = set()
    pure: set[int] = set()
    sound = _sound_opcodes(facts)
    code: Sequence[tuple[Any, ...]] = bp.code
    for address, instruction in enumerate(code):
        opcode = instruction[0] if instruction else None
        row = BY_OP.get(opcode) if isinstance(opcode, int) else None
        if row is None:
            facts.say("instruction", f"{shown(opcode)} is no opcode", "code", address)
            continue
        body = facts.owner[address]
        problems: list[str] = []
        if opcode not in sound:
            problems = list(_operand_problems(bp, body, row, instruction))
        if not problems:
            if opcode in _RULED:
                problems = list(_rule_problems(bp, body, address, row.op))
                if opcode in _FORKS:
                    bodies = instruction[1]
                    forked.update(bodies if type(bodies) is tuple else (bodies,))
                    if row.op is Op.FORKPURE:
                        pure.update(bodies)
            _note_uses(facts, body, row.op, instruction)
        for problem in problems:
            facts.say("instruction", problem, "code", address, row.op.name)
    _check_pure_bodies(facts, pure)
    _check_fork_depth(facts, forked)


# --- operands by kind -------------------------------------------------------------------------


def _sound_opcodes(facts: Facts) -> set[int]:
    """Opcodes whose instructions certainly all have the right operands: column by column, so that
    the host does the work on whole lists. The words for others are found one by one."""
    bp = facts.bp
    by_opcode: dict[int, list[int]] = {}
    code: Sequence[tuple[Any, ...]] = bp.code
    for address, instruction in enumerate(code):
        if instruction and isinstance(instruction[0], int):
            by_opcode.setdefault(instruction[0], []).append(address)
    sound = set()
    for opcode, addresses in by_opcode.items():
        operands = _OPERANDS.get(opcode)
        if operands is None:
            continue
        some = [code[address] for address in addresses]
        if set(map(len, some)) != {len(operands) + 1}:
            continue
        columns = list(zip(*some, strict=True))[1:]
        homes = [bp.bodies[facts.owner[address]] for address in addresses]
        if all(
            _is_sound(bp, operand, column, homes)
            for operand, column in zip(operands, columns, strict=True)
        ):
            sound.add(opcode)
    return sound


def _is_sound(
    bp: Blueprint, operand: Operand, column: Sequence[Any], homes: Sequence[Body]
) -> bool:
    """Whether an operand is certainly right in all instructions of an opcode. ``homes``: the bodies
    of these. Bodies and counts are rare, and have rules of their own anyway."""
    kind = operand.kind.rstrip("?")
    if kind != operand.kind and None in column:
        present = [value is not None for value in column]
        column, homes = list(compress(column, present)), list(compress(homes, present))
    if not column:
        return True
    types = set(map(type, column))
    if kind in _POOLS:
        return all_indexes(column, len(getattr(bp, _POOLS[kind])))
    if kind == "slot":
        fits = types == {int} and min(column) >= 0
        return fits and all(map(lt, column, [home.slots for home in homes]))
    if kind == "addrs":
        return types == {tuple} and all(
            type(target) is int and home.entry <= target < home.end
            for targets, home in zip(column, homes, strict=True)
            for target in targets
        )
    if kind == "addr":
        return types == {int} and all(
            home.entry <= target < home.end for target, home in zip(column, homes, strict=True)
        )
    if kind == "flag":
        return types == {bool}
    return types == {str} and set(operand.words).issuperset(column)


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
    if op in _FORKS:
        if behind[:1] != (Op.JOIN,):
            yield "a JOIN must follow"
        if op is Op.FORK:
            yield from _fork_problems(bp, instruction[1], instruction[2], behind)
        elif op is Op.FORKCALL:
            yield from _call_body_problems(bp, bp.bodies[instruction[1]])
        elif op is Op.FORKPURE:
            yield from _pure_fork_problems(bp, instruction, behind)
    elif op is Op.JOIN:
        _, into, shape = instruction
        if not before or before[0] not in _FORKS:
            yield "a FORK, FORKN, FORKCALL or FORKPURE must come before"
        if into is not None and shape == "none":
            yield "it has a slot and nothing to put there"
        if shape == "object" and not _has_names(bp.code[address - 1]):
            yield "elements have no names to make an object of"
    elif op is Op.ARRIVE and body == 0:
        yield "body 0 ends with RETURN"
    elif op is Op.RETURN and body != 0:
        yield "only body 0 returns"
    elif op is Op.WAIT and instruction[1] is None and instruction[3] is None:
        yield "it waits for nothing"


def _has_names(fork: tuple[Any, ...]) -> bool:
    """Whether the branches of a fork are bodies of their own."""
    return fork[0] == Op.FORK or (fork[0] == Op.FORKPURE and fork[2:3] == (None,))


def _fork_problems(
    bp: Blueprint, bodies: tuple[int, ...], need: int, join: tuple[Any, ...]
) -> Iterator[str]:
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


def _pure_fork_problems(
    bp: Blueprint, instruction: tuple[Any, ...], join: tuple[Any, ...]
) -> Iterator[str]:
    _, bodies, over, limit, need = instruction
    if over is None:
        yield from _fork_problems(bp, bodies, need, join)
        if limit is not None:
            yield "a limit without elements"
    elif len(bodies) != 1:
        yield "elements are for one body"


def _check_pure_bodies(facts: Facts, pure: set[int]) -> None:
    code: Sequence[tuple[Any, ...]] = facts.bp.code
    for index in sorted(pure):
        body = facts.bp.bodies[index]
        for address in range(body.entry, body.end):
            opcode = code[address][0] if code[address] else None
            timed = opcode == Op.ENTER and code[address][2:] != (None,)
            if timed or not isinstance(opcode, int) or opcode not in _COMPUTES:
                what = "it does more than compute, in a branch of a FORKPURE"
                row = BY_OP.get(opcode) if isinstance(opcode, int) else None
                name = None if row is None else row.op.name
                facts.say("instruction", what, "code", address, name)
                break


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


#: Opcode -> the operands that use expressions and regions: where each stands, its kind, and
#: whether secrets may stand in it: they go to a handler and nowhere else (what is sent or stored
#: holds none).
_USES: Final = {
    opcode: tuple(
        (
            i,
            operand.kind.rstrip("?"),
            operand.name == "with" and any(other.kind == "handler" for other in row.operands),
        )
        for i, operand in enumerate(row.operands, 1)
        if operand.kind.rstrip("?") in ("expr", "region", "policy", "listen")
    )
    for opcode, row in BY_OP.items()
}
#: Opcode -> where the addresses stand that the exits of its region lead to.
_EXITS: Final = {
    opcode: next((i for i, operand in enumerate(row.operands, 1) if operand.kind == "addrs"), None)
    for opcode, row in BY_OP.items()
}


def _note_uses(facts: Facts, body: int, opcode: Op, instruction: tuple[Any, ...]) -> None:
    """Record what this instruction offers to the expressions and regions it uses."""
    bp = facts.bp
    slots = bp.bodies[body].slots
    for i, kind, secret in _USES[opcode]:
        value = instruction[i]
        if value is None:
            continue
        if kind == "expr":
            _note(facts.expr_uses, value, slots, 0, secret=secret)
        elif kind == "region":
            at = _EXITS[opcode]
            exits = 0 if at is None else len(instruction[at])
            _note(facts.region_uses, value, slots, exits, secret=False)
            bodies = facts.region_bodies.get(value, ())
            if body not in bodies:
                facts.region_bodies[value] = (*bodies, body)
        elif kind == "policy":
            _note_entry(facts, bp.policies[value].timeout, slots)
        else:
            listen = bp.listens[value]
            _note_entry(facts, listen.topic, slots)
            _note_entry(facts, listen.key, slots)
            _note_entry(facts, listen.where, slots, 1)


def _note(uses: dict[int, Use], index: int, slots: int, least: int, *, secret: bool) -> None:
    use = uses.get(index)
    if use is None:
        uses[index] = slots, least, secret
    else:
        uses[index] = min(use[0], slots), min(use[1], least), use[2] and secret


def _note_entry(facts: Facts, index: int | None, slots: int, locals_: int = 0) -> None:
    """Entries of other pools are checked in ``pools.py``; until then they may point anywhere."""
    if index is not None and is_index(index, len(facts.bp.exprs)):
        _note(facts.expr_uses, index, slots, locals_, secret=False)
