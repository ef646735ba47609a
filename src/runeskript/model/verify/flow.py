"""Where control can go: out of bodies, through scopes, the exception table and loops.

Runs over a Blueprint whose structure is in order. Three questions:

*The exception table.* Every row lies in one body together with its handler, which is outside the
row's own range; two rows are disjoint or one lies in the other, and then the inner one comes first
and keeps at least as many scopes.

*Scope depth.* A token begins its body with no scope; ENTER adds one, LEAVE takes one off. Wherever
paths meet they bring the same depth; a handler begins with the depth of its row, which the code the
row covers never goes below. COMPENSATE needs a scope to look at. ARRIVE and RETURN may come at any
depth: the end of a token ends its scopes.

*Loops.* Every circle, errors included, passes a LOOP, or a PURE whose region begins with a loop:
only there can a token that never rests be counted, sliced and cancelled. A LOOP's own region holds
no loops. JOIN is reached from its fork only.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final, TypeAlias

from ..blueprint import Blueprint, ExceptionRow
from ..isa import BY_OP, Op
from ..limits import SCOPES
from .facts import Facts, Kind

#: No row covers the address; the address has not been reached.
_NONE: Final = -1
_JOIN: Final = int(Op.JOIN)
_LOOP: Final = int(Op.LOOP)
_PURE: Final = int(Op.PURE)
#: For each address, where control goes from there when nothing fails.
Edges: TypeAlias = list[tuple[int, ...]]


def check_flow(facts: Facts) -> None:
    """All three questions; each needs the answer before it."""
    edges = edges_of(facts.bp)
    _check_rows(facts)
    _check_edges(facts, edges)
    if facts.problems:
        return
    table = Table(facts.bp)
    if not _check_nesting(facts, table):
        return
    _check_depth(facts, table, edges)
    if not facts.problems:
        _check_loop_regions(facts)
        _check_loops(facts, table, edges)


def _say(facts: Facts, address: int, message: str, kind: Kind = "flow") -> None:
    facts.say(kind, message, "code", address, BY_OP[_opcode(facts, address)].op.name)


def _opcode(facts: Facts, address: int) -> int:
    instruction: tuple[Any, ...] = facts.bp.code[address]
    return int(instruction[0])


# --- the exception table ----------------------------------------------------------------------


class Table:
    """For each address the innermost row that covers it, for each row the one around it."""

    __slots__ = ("around", "clashes", "innermost", "rows")

    def __init__(self, bp: Blueprint) -> None:
        self.rows = bp.exceptions
        self.around = [_NONE] * len(self.rows)
        self.innermost = [_NONE] * len(bp.code)
        #: Pairs (row, row around it) that overlap without nesting.
        self.clashes: list[tuple[int, int]] = []
        # Outer before inner; of two equal ranges the later row is the outer one.
        order = sorted(
            range(len(self.rows)),
            key=lambda i: (self.rows[i].start, -self.rows[i].end, -i),
        )
        stack: list[int] = []
        at = 0
        for i in order:
            at = self._fill(stack, at, self.rows[i].start)
            if stack:
                self.around[i] = stack[-1]
                if self.rows[i].end > self.rows[stack[-1]].end:
                    self.clashes.append((i, stack[-1]))
            stack.append(i)
        self._fill(stack, at, len(bp.code))

    def _fill(self, stack: list[int], at: int, upto: int) -> int:
        """Note the top of the stack for the addresses [at, upto), dropping rows that end."""
        while stack and at < upto:
            end = min(self.rows[stack[-1]].end, upto)
            if end > at:
                self.innermost[at:end] = [stack[-1]] * (end - at)
                at = end
            if self.rows[stack[-1]].end <= at:
                stack.pop()
        while stack and self.rows[stack[-1]].end <= upto:
            stack.pop()
        return upto

    def route(self, row: int) -> Iterator[int]:
        """The rows an error may go to that meets ``row`` first.

        Any of them: a catch lets cancel pass, and what a scope's own deadline raises starts outside
        the rows that lie within the scope.
        """
        while row != _NONE:
            yield row
            row = self.around[row]


def _check_rows(facts: Facts) -> None:
    bp = facts.bp
    code: Sequence[tuple[Any, ...]] = bp.code
    called = {instruction[1] for instruction in code if instruction[0] == Op.FORKCALL}
    for i, row in enumerate(bp.exceptions):
        for problem in _row_problems(facts, row, called):
            facts.say("flow", problem, "exceptions", i)


def _row_problems(facts: Facts, row: ExceptionRow, called: set[Any]) -> Iterator[str]:
    code = facts.bp.code
    if not 0 <= row.start < row.end <= len(code):
        yield f"the range [{row.start}, {row.end}) is not in the code"
        return
    index = facts.owner[row.start]
    body = facts.bp.bodies[index]
    if index in called:
        yield f"body {index} is that of a FORKCALL, which catches nothing"
    if row.end > body.end:
        yield f"the range [{row.start}, {row.end}) leaves body {index}"
    if not body.entry <= row.handler < body.end:
        yield f"the handler {row.handler} is not in body {index}"
    elif row.start <= row.handler < row.end:
        yield f"the handler {row.handler} lies in the range it handles"
    elif code[row.handler][0] == Op.JOIN:
        yield f"the handler {row.handler} is a JOIN"
    if not 0 <= row.slot < body.slots:
        yield f"{row.slot} is no slot of the frame"


def _check_nesting(facts: Facts, table: Table) -> bool:
    for inner, outer in table.clashes:
        facts.say("flow", f"it overlaps row {outer} without nesting", "exceptions", inner)
    for inner, outer in enumerate(table.around):
        if outer == _NONE:
            continue
        if inner > outer:
            facts.say("flow", f"it lies in row {outer} and comes after it", "exceptions", inner)
        if table.rows[inner].depth < table.rows[outer].depth:
            what = f"it keeps fewer scopes than row {outer} around it"
            facts.say("flow", what, "exceptions", inner)
    return not facts.problems


# --- edges ------------------------------------------------------------------------------------


#: Opcode -> whether control falls through to the next address; where the address stands that it
#: jumps to, if there is one; where the tuple of such addresses stands.
_LEADS: Final = {
    opcode: (
        row.flow in ("next", "wait"),
        next((i for i, operand in enumerate(row.operands, 1) if operand.kind == "addr"), None),
        next((i for i, operand in enumerate(row.operands, 1) if operand.kind == "addrs"), None),
    )
    for opcode, row in BY_OP.items()
}
_FORKS: Final = frozenset(map(int, (Op.FORK, Op.FORKN, Op.FORKCALL, Op.FORKPURE)))


def edges_of(bp: Blueprint) -> Edges:
    """Where control goes from each address when nothing fails."""
    edges: Edges = []
    code: tuple[tuple[Any, ...], ...] = bp.code
    for address, instruction in enumerate(code):
        falls, one, several = _LEADS[instruction[0]]
        targets = instruction[several] if several is not None else ()
        if one is not None:
            targets = (instruction[one], *targets)
        edges.append((address + 1, *targets) if falls else targets)
    return edges


def _check_edges(facts: Facts, edges: Edges) -> None:
    code, bodies = facts.bp.code, facts.bp.bodies
    joins = {address for address, instruction in enumerate(code) if instruction[0] == _JOIN}
    for address, targets in enumerate(edges):
        end = bodies[facts.owner[address]].end
        for target in targets:
            if target >= end:
                _say(facts, address, f"control runs out of body {facts.owner[address]}")
            elif target in joins and _opcode(facts, address) not in _FORKS:
                _say(facts, address, f"control reaches the JOIN at {target} without a fork")


# --- scope depth ------------------------------------------------------------------------------


#: Opcodes that open, close or need a scope -> how the number of open ones changes.
_SCOPES: Final = {int(Op.ENTER): 1, int(Op.LEAVE): -1, int(Op.COMPENSATE): 0}


def _check_depth(facts: Facts, table: Table, edges: Edges) -> None:
    """A forward pass over everything that can be reached; each address is visited once."""
    depth = [_NONE] * len(facts.bp.code)
    _follow_scopes(facts, table, edges, depth)
    facts.reached.update([address for address, scopes in enumerate(depth) if scopes != _NONE])


def _follow_scopes(facts: Facts, table: Table, edges: Edges, depth: list[int]) -> None:
    """Fill ``depth``: the open scopes at each address that control reaches."""
    code: tuple[tuple[Any, ...], ...] = facts.bp.code
    routed = [False] * len(table.rows)
    waiting: list[int] = []

    def reach(address: int, scopes: int) -> None:
        if depth[address] == _NONE:
            depth[address] = scopes
            waiting.append(address)
        elif depth[address] != scopes:
            _say(facts, address, f"reached with {scopes} scopes and with {depth[address]}")

    for body in facts.bp.bodies:
        reach(body.entry, 0)
    while waiting:
        address = waiting.pop()
        scopes = depth[address]
        row = table.innermost[address]
        if row != _NONE:
            least = table.rows[row].depth
            if scopes < least:
                _say(facts, address, f"{scopes} scopes where row {row} keeps {least}")
            for outer in table.route(row):
                if routed[outer]:
                    break
                routed[outer] = True
                reach(table.rows[outer].handler, table.rows[outer].depth)
        change = _SCOPES.get(code[address][0])
        if change is not None:
            if change < 1 and scopes == 0:
                _say(facts, address, "there is no scope")
                continue
            if change == 1 and scopes >= SCOPES:
                _say(facts, address, f"more than {SCOPES} scopes are open")
                return
            scopes += change
        for target in edges[address]:
            if depth[target] == _NONE:
                depth[target] = scopes
                waiting.append(target)
            elif depth[target] != scopes:
                reach(target, scopes)


# --- loops ------------------------------------------------------------------------------------


def _counts_turns(facts: Facts, instruction: tuple[Any, ...]) -> bool:
    """Whether an instruction is a LOOP, or its region begins with a loop."""
    opcode = instruction[0]
    if opcode == _PURE:
        return facts.looping.get(_region(instruction), False)
    return bool(opcode == _LOOP)


def _leads_onward(facts: Facts, edges: Edges) -> bool:
    """Whether every way but those from or to what counts turns leads to a higher address: then no
    circle passes it by, and nothing has to be searched. The compiler's code is always so."""
    bp = facts.bp
    if any(row.handler < row.end for row in bp.exceptions):
        return False
    code: tuple[tuple[Any, ...], ...] = bp.code
    loops = {address for address, one in enumerate(code) if _counts_turns(facts, one)}
    for address, targets in enumerate(edges):
        if address not in loops:
            for target in targets:
                if target <= address and target not in loops:
                    return False
    return True


def _check_loop_regions(facts: Facts) -> None:
    """A LOOP counts its turns itself, a loop in a region has the region count them: not both."""
    if not facts.looping:
        return
    for address, instruction in enumerate(facts.bp.code):
        if instruction[0] == _LOOP and _region(instruction) in facts.looping:
            _say(facts, address, "the region of a LOOP holds a loop", "loop")


def _check_loops(facts: Facts, table: Table, edges: Edges) -> None:
    """Depth-first over addresses and, numbered behind them, exception rows; LOOPs are dead ends."""
    if _leads_onward(facts, edges):
        return
    code: tuple[tuple[Any, ...], ...] = facts.bp.code
    size = len(code)

    def follow(node: int) -> list[int]:
        if node >= size:
            row = node - size
            outer = table.around[row]
            return [table.rows[row].handler] + ([size + outer] if outer != _NONE else [])
        if _counts_turns(facts, code[node]):
            return []
        row = table.innermost[node]
        return [*edges[node], *([size + row] if row != _NONE else [])]

    fresh, open_, done = 0, 1, 2
    state = bytearray(size + len(table.rows))
    for start in range(size):
        if state[start] != fresh:
            continue
        state[start] = open_
        path = [(start, iter(follow(start)))]
        while path:
            node, rest = path[-1]
            for target in rest:
                if state[target] == fresh:
                    state[target] = open_
                    path.append((target, iter(follow(target))))
                    break
                if state[target] == open_:
                    place = table.rows[target - size].handler if target >= size else target
                    _say(facts, place, "control comes back here without a LOOP", "loop")
            else:
                state[node] = done
                path.pop()


def _region(instruction: tuple[Any, ...]) -> int:
    return int(instruction[1])
