"""What is set where: a forward data-flow analysis over the core form.

Three sets of variables travel along every path: *must* (set on every path here), *may* (set on
some path) and *lost* (written in a parallel body whose writes vanish, and not set since). Sets are
ints, one bit per variable, so that a step costs a few machine words per hundred variables.

A ``finally`` merges all ways into it; what is set on the way that completed is kept apart by the
number of the way (``State.ways``), else every variable of the ``try`` would look unset behind it.

Only the variables are followed that the quick pass of ``definite.py`` left unsettled.

Bodies are summed up innermost first (what a branch sets for certain, what perhaps), then checked
outermost first, each beginning as its fork found the variables.
"""

from __future__ import annotations

from heapq import heappop, heappush

from ...model.ast import IR, Expr, Name
from ...model.diagnostics import Diagnostics
from ...model.records import mutable
from .. import core, machine_ops
from ..tables import ROOTS
from ..wording import Wording
from .definite import unsettled
from .facts import Facts
from .graph import Block, blocks_of, may_fail
from .names import name_span


@mutable
class State:
    """The variables at one point."""

    must: int
    may: int
    lost: int
    #: (variable of a ``finally``, number of the way into it) -> must, as that way goes on.
    ways: dict[tuple[str, int], int] | None = None

    def copy(self) -> State:
        """A state of its own for another path."""
        return State(self.must, self.may, self.lost, dict(self.ways) if self.ways else None)

    def write(self, bit: int) -> None:
        """A variable is set."""
        self.must |= bit
        self.may |= bit
        if self.lost:  # ints are as long as the document has variables: no needless operation
            self.lost &= ~bit
        if self.ways:
            for way in self.ways:
                self.ways[way] |= bit

    def clear(self, bit: int) -> None:
        """A variable is unset."""
        self.must &= ~bit
        self.may &= ~bit

    def merge(self, other: State) -> bool:
        """Let another path flow in; whether anything changed."""
        must, may, lost = self.must & other.must, self.may | other.may, self.lost | other.lost
        changed = (must, may, lost) != (self.must, self.may, self.lost)
        self.must, self.may, self.lost = must, may, lost
        for way, bits in (other.ways or {}).items():
            if self.ways is None:
                self.ways = {}
            old = self.ways.get(way)
            new = bits if old is None else old & bits
            if new != old:
                self.ways[way] = new
                changed = True
        return changed


@mutable
class Summary:
    """What a body sets until it arrives, whatever was set before: for certain, and perhaps."""

    must: int
    may: int


#: Variables that are looked at in one go: a state has an int of so many bits for each block.
_AT_ONCE = 4_096


def check_flow(facts: Facts, program: core.Program, found: Diagnostics) -> None:
    """Report reads of variables that are not set, or not on every path, and double yields."""
    variables = dict.fromkeys(a.name for a in facts.assignments)
    others = [*ROOTS, *[loop.name for loop in facts.loop_names]]
    others += [function.name + "(" for function in facts.document.functions]
    left = unsettled(program, variables, others)
    if left is None:
        left = {*variables, *_yields(program)}
    names = [name for name in variables if name in left]
    names += sorted(left.difference(variables))
    for start in range(0, len(names), _AT_ONCE):
        _Analysis(names[start : start + _AT_ONCE], program, found, facts.wording).run()


def _yields(program: core.Program) -> set[str]:
    """The hidden variables of yields."""
    return {
        s[2]
        for body in program.bodies()
        for op in body.ops
        if isinstance(op, core.Pure)
        for s in op.statements
        if s[0] == "set" and s[2].startswith("$yield")
    }


class _Analysis:
    __slots__ = (
        "bits",
        "blocks",
        "bodies",
        "concerned",
        "entries",
        "forks",
        "found",
        "never",
        "program",
        "reported",
        "summaries",
        "wording",
    )

    def __init__(
        self, names: list[str], program: core.Program, found: Diagnostics, wording: Wording
    ) -> None:
        self.wording = wording
        self.program = program
        self.found = found
        self.bodies = program.bodies()
        #: The variables that are looked at; all others are taken to be set.
        self.bits = {name: 1 << i for i, name in enumerate(names)}
        #: Bodies that mention one of them, and those around.
        self.concerned = {id(program.root)}
        for body in reversed(self.bodies):
            if body.parent is not None and (id(body) in self.concerned or self._mentions(body)):
                self.concerned |= {id(body), id(body.parent)}
        self.blocks: dict[int, list[Block]] = {}
        self.summaries: dict[int, Summary] = {}
        self.entries: dict[int, State] = {}
        #: The fork that each branch belongs to.
        self.forks: dict[int, core.Fork] = {}
        #: Variables that are only written where no path leads: one error for that is enough.
        self.never = 0
        self.reported: set[tuple[int, str]] = set()

    def run(self) -> None:
        bodies = [body for body in self.bodies if id(body) in self.concerned]
        for body in bodies:
            self.blocks[id(body)] = blocks_of(body)
        for body in reversed(bodies[1:]):
            self._summarise(body)
        self.entries[id(self.program.root)] = State(0, 0, 0)
        for body in bodies:
            entry = self.entries.get(id(body))
            if entry is not None:
                states = self._solve(self.blocks[id(body)], entry)
                self._note_unreached(self.blocks[id(body)], states)
                self._check(body, states)

    def _bit(self, name: str) -> int:
        """The bit of a variable; 0 if it is not looked at."""
        return self.bits.get(name, 0)

    def _mentions(self, body: core.Body) -> bool:
        """Whether a body reads or writes one of the variables itself."""
        bits = self.bits
        if not bits.keys().isdisjoint(body.writes):
            return True
        for op in body.ops:
            if any(name.name in bits for expr in op.reads for name in expr.names):
                return True
            if isinstance(op, core.Pure) and any(
                s[0] == "set" and s[2] in bits for s in op.statements
            ):
                return True
        return False

    # --- solving -------------------------------------------------------------------------------
    def _summarise(self, body: core.Body) -> None:
        blocks = self.blocks[id(body)]
        states = self._solve(blocks, State(0, 0, 0))
        must, may = -1, 0
        for block, start in zip(blocks, states, strict=True):
            if start is not None and block.ops and isinstance(block.ops[-1], core.Arrive):
                state = start.copy()
                self._through(block, state)
                must &= state.must
                may |= state.may
        self.summaries[id(body)] = Summary(must, may)

    def _solve(self, blocks: list[Block], entry: State) -> list[State | None]:
        """The state at the start of each block; None where no path leads."""
        states: list[State | None] = [None] * len(blocks)
        states[0] = entry.copy()
        queue, queued = [0], {0}
        while queue:
            number = heappop(queue)
            queued.discard(number)
            start = states[number]
            if start is None:
                continue
            block = blocks[number]
            state = start.copy()
            failed = self._through(block, state)
            flows = [(to, self._exit(block, k, state)) for k, to in enumerate(block.exits)]
            if failed is not None:
                flows += [(to, failed) for to in block.handlers]
            for to, out in flows:
                known = states[to]
                if known is None:
                    states[to] = out.copy()
                elif not known.merge(out):
                    continue
                if to not in queued:
                    queued.add(to)
                    heappush(queue, to)
        return states

    def _through(self, block: Block, state: State) -> State | None:
        """Turn the state before a block into that behind it.

        Returns all states from which an operation may fail, merged; None where none may.
        """
        failed: State | None = None
        for op in block.ops:
            if block.handlers and may_fail(op):
                if failed is None:
                    failed = state.copy()
                else:
                    failed.merge(state)
            self._apply(op, state)
        return failed

    def _exit(self, block: Block, exit_: int, state: State) -> State:
        """The state on one exit: behind a ``finally``, that of the way that led into it."""
        last = block.ops[-1] if block.ops else None
        if not isinstance(last, core.Pure) or last.dispatch is None or not state.ways:
            return state
        code, numbers = last.dispatch
        out = state.copy()
        must = (state.ways or {}).get((code, numbers[exit_]))
        if must is not None:
            out.must = must
        out.ways = {w: b for w, b in (out.ways or {}).items() if w[0] != code} or None
        return out

    # --- effects -------------------------------------------------------------------------------
    def _apply(self, op: core.Op, state: State) -> None:
        if isinstance(op, core.Pure):
            for statement in op.statements:
                self._statement(statement, state)
        elif isinstance(op, core.Join):
            self._join(op, state)
        elif isinstance(op, core.Call | core.Run | core.Wait) and op.into is not None:
            state.write(self._bit(op.into))
        elif isinstance(op, machine_ops.Await):
            state.write(self._bit(op.event))
            state.write(self._bit(op.actor))

    def _statement(self, statement: IR, state: State) -> None:
        tag = statement[0]
        if tag == "set":
            name, value = statement[2], statement[3]
            state.write(self._bit(name))
            if name.startswith("$way"):
                if state.ways is None:
                    state.ways = {}
                state.ways[(name, value[1])] = state.must
        elif tag == "unset":
            state.clear(self._bit(statement[2]))
        elif tag == "if":
            for inner in statement[3]:
                if inner[0] == "unset":
                    self._statement(inner, state)

    def _join(self, op: core.Join, state: State) -> None:
        kept = op.fork.keeps
        for body in op.fork.branches:
            if id(body) not in self.concerned:
                continue
            summary = self.summaries[id(body)]
            for name in body.writes:
                bit = self._bit(name)
                if name in self.program.reducers:
                    continue
                if not kept:
                    state.lost |= bit
                elif summary.must & bit:
                    state.write(bit)
                else:
                    state.may |= bit
        if op.into is not None:
            state.write(self._bit(op.into))

    # --- checking ------------------------------------------------------------------------------
    def _note_unreached(self, blocks: list[Block], states: list[State | None]) -> None:
        for block, start in zip(blocks, states, strict=True):
            if start is None:
                state = State(0, 0, 0)
                self._through(block, state)
                self.never |= state.may

    def _check(self, body: core.Body, states: list[State | None]) -> None:
        for block, start in zip(self.blocks[id(body)], states, strict=True):
            if start is None:
                continue
            state = start.copy()
            for op in block.ops:
                for expr in op.reads:
                    for name in expr.names:
                        if name.kind == "variable":
                            self._read(body, expr, name, state)
                if isinstance(op, core.Pure):
                    self._check_yield(op, state)
                elif isinstance(op, core.Fork | core.ForkN):
                    for inner in op.branches:
                        self.entries[id(inner)] = state.copy()
                        if isinstance(op, core.Fork):
                            self.forks[id(inner)] = op
                self._apply(op, state)
                if isinstance(op, core.Call | core.Run) and op.undo is not None:
                    self.entries[id(op.undo)] = state.copy()

    def _check_yield(self, op: core.Pure, state: State) -> None:
        statement = op.statements[0]
        if statement[0] != "set" or not statement[2].startswith("$yield"):
            return
        if state.may & self._bit(statement[2]):
            site = self.program.sites[op.site]
            self.found.add(
                "RUNE-3027",
                "a branch or iteration has at most one yield; this may be the second",
                site.span,
                site.pointer,
                "set a variable where it differs, and yield that at the end",
            )

    def _read(self, body: core.Body, expr: Expr, name: Name, state: State) -> None:
        bit = self.bits.get(name.name, 0)
        if not bit or (state.must & bit and not state.lost & bit):
            return
        key = (id(body), name.name)
        if key in self.reported or (self.never & bit and not state.may & bit):
            return
        self.reported.add(key)
        text, span = name.name, name_span(expr, name)
        if state.lost & bit:
            self.found.add(
                "RUNE-3013",
                f"what a parallel body wrote to `{text}` vanished with it"
                + (
                    "; this reads the value from before"
                    if state.may & bit
                    else ", and nothing else sets it"
                ),
                span,
                expr.pointer,
                self.wording.instead_of_losing(),
                severity="warning" if state.may & bit else "error",
            )
        elif not state.may & bit:
            self.found.add(
                "RUNE-3010",
                f"no path sets `{text}` before this",
                span,
                expr.pointer,
                self._written_beside(body, text) or self.wording.to_set(),
            )
        else:
            self.found.add(
                "RUNE-3011",
                f"`{text}` is not set on every path to this",
                span,
                expr.pointer,
                self.wording.to_set_always(text),
            )

    def _written_beside(self, body: core.Body, name: str) -> str | None:
        """A hint where another branch of a fork around this writes the variable."""
        at: core.Body | None = body
        while at is not None:
            fork = self.forks.get(id(at))
            for other in fork.bodies if fork is not None else ():
                if other is not at and name in other.writes:
                    return (
                        f"a branch sees the variables as they were at the fork; what `{other.name}`"
                        f" writes to `{name}` is seen after the join"
                    )
            at = at.parent
        return None
