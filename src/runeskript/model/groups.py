"""The rule of groups: which calls may leave before the end of the call before them is durable.

An effect leaves the process only after the event that caused it is durable. The exception is a
*group*: calls of one token, one after the other, of which a crash in the middle repeats all that
was not durable, *with the same parameters*. So the end of a call lets the next one go ahead

* where the handler that ended is ``pure``: a repetition has the same result; or ``idempotent``,
  and then its result decides neither the parameters of the next call nor whether it is reached;
* where the next handler is ``pure`` or ``idempotent``;
* where nothing but jumps and computations lies between, and none of them reads the clock: the time
  of an event is not durable before the event is.

Not in a group: a call with an ``undo`` (it is registered by its end), with a queue, or with
``on_crash: fail`` (it must not be repeated). An error of a call is a result, too, where the
document handles it: an idempotent call goes ahead only where no exception row covers a call before
it in the group, and behind an idempotent call that is covered nothing does. In branches and undos
every call counts as covered: a join or whoever began them may handle their errors.

The compiler's pass asks this of its core form, the verifier of the instructions; both describe a
body as points. Works on names and slots alike, in time linear in the points (for each, its facts
change at most ``MOST`` times).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final, Literal, TypeAlias

from .ast import IR
from .records import mutable, record

#: Functions that read the time of the latest event (``expr/library``; a test compares).
CLOCKS: Final = frozenset(("now",))
#: Results of idempotent calls in one group, and variables that hold copies of them.
MOST: Final = 64

#: A variable's name, or a slot.
Variable: TypeAlias = "str | int"


@mutable
class Point:
    """One operation of a body: where control goes when nothing fails, and what it reads.

    ``stop``: anything but a jump, a computation or a call. ``moves``: of a computation, what it
    writes, in order, and the variable it is a plain copy of, if it is; ``reads`` leaves those out.
    ``straight``: each of the moves happens.
    """

    kind: Literal["stop", "pass", "call"]
    next: Sequence[int] = ()
    reads: Collection[Variable] = ()
    clock: bool = False
    moves: Sequence[tuple[Variable, Variable | None]] = ()
    straight: bool = True
    #: Of a call:
    pure: bool = False
    idempotent: bool = False
    apart: bool = False
    covered: bool = False
    into: Variable | None = None


@record
class _Group:
    """What is known where control arrives, whichever way: the group that may go on here."""

    #: A call whose error the document handles is in it.
    handled: bool = False
    #: Variables that hold what an idempotent call returned.
    results: frozenset[Variable] = frozenset()


#: None: control comes from no call that could let another go ahead.
_State: TypeAlias = "_Group | None"
#: Nothing may go ahead.
_STOP: Final = _Group(True, frozenset(("*",)))


def grouped(points: Sequence[Point], handlers: Iterable[int]) -> list[int]:
    """The calls of a body (whose entry is point 0) that may leave ahead, in order.

    ``handlers``: where the exception table leads.
    """
    states: dict[int, _State] = {0: None}
    todo = [0]
    for start in handlers:
        states[start] = _STOP
        todo.append(start)
    while todo:
        at = todo.pop()
        state = _behind(points[at], states[at])
        for to in points[at].next:
            # What is known only ever becomes less, so this ends.
            new = state if to not in states else _meet(states[to], state)
            if to not in states or new != states[to]:
                states[to] = new
                todo.append(to)
    return [at for at, point in enumerate(points) if _ahead(point, states.get(at))]


def _meet(one: _State, other: _State) -> _State:
    if one is None or other is None:
        return other if one is None else one
    if one is _STOP or other is _STOP:
        return _STOP
    results = one.results | other.results
    return _STOP if len(results) > MOST else _Group(one.handled or other.handled, results)


def _ahead(point: Point, state: _State) -> bool:
    """Whether this is a call that may leave ahead, from what is known before it."""
    if state is None or state is _STOP or point.kind != "call":
        return False
    if point.apart or point.clock or not state.results.isdisjoint(point.reads):
        return False
    return point.pure or (point.idempotent and not state.handled)


def _behind(point: Point, state: _State) -> _State:
    """What is known behind a point."""
    if point.kind == "stop":
        return _STOP
    if point.kind == "call":
        return _behind_call(point, state)
    if state is None or state is _STOP:
        return state
    if point.clock:
        return _STOP
    if not state.results:
        return state
    # All that may hold a result anywhere in the computation, copies that it makes included.
    held = set(state.results)
    for _ in point.moves:
        copied = {target for target, source in point.moves if source in held}
        if copied <= held or len(held) > MOST:
            break
        held |= copied
    if len(held) > MOST or not held.isdisjoint(point.reads):
        return _STOP  # even reading may fail, and then control goes elsewhere
    if not point.moves:
        return state
    results = set(state.results) if point.straight else held
    if point.straight:
        for target, source in point.moves:
            (results.add if source in results else results.discard)(target)
    return _STOP if len(results) > MOST else _Group(state.handled, frozenset(results))


def _behind_call(point: Point, state: _State) -> _State:
    if point.apart or not (point.pure or point.idempotent):
        return _STOP
    if state is None or not _ahead(point, state):
        state = _Group()  # it left after the commit: a group may begin with it
    results = state.results - {point.into}
    if not point.pure:
        if point.covered or len(results) >= MOST:
            return _STOP
        if point.into is not None:
            results |= {point.into}
    return _Group(state.handled or point.covered, results)


# --- what expressions and regions read --------------------------------------------------------
class Reader:
    """Collects what expressions read; ``clocks``: the user functions that ask the clock."""

    __slots__ = ("calls", "clock", "clocks", "reads")

    def __init__(self, clocks: Collection[Any] = ()) -> None:
        self.clocks = clocks
        self.reads: set[Variable] = set()
        #: User functions, by name or index.
        self.calls: set[Any] = set()
        self.clock = False

    def read(self, ir: IR | None) -> None:
        """Add what an expression reads."""
        todo: list[Any] = [ir]
        while todo:
            node = todo.pop()
            if type(node) is not tuple or not node or node[0] == "const":
                continue
            tag = node[0]
            if tag in ("name", "slot", "isset"):
                self.reads.add(node[1])
            elif tag == "call":
                self.clock = self.clock or node[1] in CLOCKS
            elif tag == "ucall":
                self.calls.add(node[1])
                self.clock = self.clock or node[1] in self.clocks
            todo.extend(node)

    def region(self, statements: Iterable[IR]) -> Point:
        """The point of a computation; ``next`` is left open."""
        moves: list[tuple[Variable, Variable | None]] = []
        straight = True
        todo: list[Any] = list(statements)[::-1]
        while todo:
            statement = todo.pop()
            tag = statement[0]
            if tag == "set":
                value = statement[3]
                copied = value[1] if value[0] in ("name", "slot") else None
                if copied is None:
                    self.read(value)
                moves.append((statement[2], copied))
            elif tag == "path":
                self.reads.add(statement[2])
                for ir in (*statement[3], statement[4]):
                    self.read(ir)
                moves.append((statement[2], None))
            elif tag == "unset":
                moves.append((statement[2], None))
            elif tag in ("if", "loop"):
                straight = False
                self.read(statement[2] if tag == "if" else None)
                for block in statement[3:] if tag == "if" else statement[2:]:
                    todo += block[::-1]
            elif tag == "raise":
                self.read(statement[2])
        return Point("pass", (), self.reads, self.clock, moves, straight)


def asking_the_clock(functions: Mapping[Any, IR]) -> frozenset[Any]:
    """Of user functions by name or index: those that come to ask the clock."""
    callers: dict[Any, list[Any]] = {}
    todo = []
    for key, ir in functions.items():
        reader = Reader()
        reader.read(ir)
        for called in reader.calls:
            callers.setdefault(called, []).append(key)
        if reader.clock:
            todo.append(key)
    found = set(todo)
    while todo:
        for key in callers.get(todo.pop(), ()):
            if key not in found:
                found.add(key)
                todo.append(key)
    return frozenset(found)
