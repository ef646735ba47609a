"""Snapshots: a run as bytes, so that going on with it need not begin at its first event.

A snapshot is ``versions.SNAPSHOT`` and ``versions.SEMANTICS``, a byte each, then one list in the
encoding of ``codec.py``. Tokens, forks and compensations refer to each other by their place in
tables of their own. So do lists and objects: each stands once in a table, in which what is inside
it are *cells*: a scalar is itself, ``[n]`` the n-th list or object, ``[]`` a slot that no step has
set. What two frames share before, they share after (a variable captured by ten thousand branches is
stored once), and what they do not share they do not share after either, since some of it is changed
in place. Nothing nests. Events that the run has not taken yet are in the journal, behind it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

from ..errors import CodecError, DamagedError, FormatVersionError, NotAValueError
from . import versions
from .faults import Fault
from .payloads import decode_deep, encode_deep
from .run import Branches, Calls, Compensation, Fork, Run, Scope, Token, TokenState, UndoEntry
from .snapshot_machines import read, written
from .values import UNSET

_SCALARS: Final = frozenset((str, int, float, bool, type(None)))
_FORK, _COMPENSATION = 0, 1
_TOKEN, _CALLS, _BRANCHES = 0, 1, 2
_STANDING: Final = (TokenState.READY, TokenState.STARTING, TokenState.BEGINNING)


# --- writing ------------------------------------------------------------------------------------
def encode_run(
    run: Run, blueprint: str, seq: int, dumps: Callable[[Any], bytes] = encode_deep
) -> bytes:
    """The snapshot of a run of a Blueprint behind ``seq`` events of its journal.

    The run must not have ended, and must stand between two calls of ``advance``.
    """
    writer = _Writer()
    body = writer.run(run, blueprint, seq)
    return bytes((versions.SNAPSHOT, versions.SEMANTICS)) + dumps(body)


class _Writer:
    def __init__(self) -> None:
        self._numbers: dict[int, int] = {}
        #: Lists and objects in the order they were met, and what is written of them.
        self._met: list[Any] = []
        self._tokens: dict[Token, int] = {}
        self._groups: dict[Fork | Compensation, int] = {}
        self._waiting: list[Any] = []

    def run(self, run: Run, blueprint: str, seq: int) -> list[Any]:
        ready = [one for one in run.ready if one.state in _STANDING]
        roots = [run.root, *ready, *run.calls.values(), *run.listens.values(), *run.forks.values()]
        self._collect(roots + [token for token, _ in run.timers.values()])
        tokens = [self._token(token) for token in self._tokens]
        groups = [
            self._fork(group) if isinstance(group, Fork) else self._compensation(group)
            for group in self._groups
        ]
        context = run.context
        rest = [
            blueprint,
            seq,
            run.now,
            context.seed.hex(),
            run.seq,
            self._cell(run.job),
            self._cell(run.env),
            None if run.root is None else self._tokens[run.root],
            [self._standing(one) for one in ready],
            [self._tokens[token] for token in run.calls.values()],
            [
                [
                    path,
                    m,
                    self._tokens[token],
                    None if scope is None else (token.scopes or []).index(scope),
                ]
                for (path, m), (token, scope) in run.timers.items()
            ],
            [[path, m, self._tokens[token]] for (path, m), token in run.listens.items()],
            [self._groups[fork] for fork in run.forks.values()],
            None if run.ending is None else [run.ending[0], self._fault(run.ending[1])],
        ]
        if run.floor or run.graces or run.machine is not None:  # a retry, a cancel, a machine
            rest += [run.floor, [[m, due] for m, due in run.graces.items()]]
            rest.append(written(run.machine, self._tokens, self._cell))
        return [rest, tokens, groups, self._containers()]

    # --- tokens, forks, compensations -----------------------------------------------------------
    def _collect(self, roots: Iterable[Any]) -> None:
        """Number all tokens and groups that can be reached."""
        waiting = [one for one in roots if one is not None]
        while waiting:
            one = waiting.pop()
            if isinstance(one, Calls | Branches):
                waiting.append(one.fork)
            elif isinstance(one, Token):
                if one not in self._tokens:
                    self._tokens[one] = len(self._tokens)
                    near = (one.fork, one.child)
                    waiting += [x for x in near if isinstance(x, Fork | Compensation)]
            elif one not in self._groups:
                self._groups[one] = len(self._groups)
                if isinstance(one, Fork):
                    waiting += [one.owner, *one.live.values()]
                elif one.then is not None:
                    waiting.append(one.then)

    def _standing(self, one: Token | Calls | Branches) -> list[int]:
        if isinstance(one, Calls):
            return [_CALLS, self._groups[one.fork]]
        if isinstance(one, Branches):
            return [_BRANCHES, self._groups[one.fork]]
        return [_TOKEN, self._tokens[one]]

    def _group(self, group: Any) -> Any:
        if isinstance(group, Fork | Compensation):
            return [self._groups[group]]
        return group

    def _token(self, t: Token) -> list[Any]:
        return [
            t.path,
            t.body,
            t.pc,
            t.entry,
            self._cells(t.frame),
            self._group(t.fork),
            t.index,
            t.n,
            t.m,
            t.turns,
            t.draws,
            t.drawn,
            t.attempt,
            t.state,
            self._group(t.child),
            t.timer,
            self._fault(t.cancelling),
            self._fault(t.deferred),
            None if t.scopes is None else [[s.height, s.shield, s.timer, s.step] for s in t.scopes],
            None if t.undo is None else self._entries(t.undo),
            t.made,
        ]

    def _entries(self, entries: list[UndoEntry]) -> list[Any]:
        return [[e.seq, e.body, self._cells(e.captured), e.path, e.n, e.step] for e in entries]

    def _fault(self, fault: Fault | None) -> list[Any] | None:
        if fault is None:
            return None
        return [
            fault.type,
            fault.message,
            fault.step,
            fault.attempts,
            self._cell(fault.data),
            self._cell(fault.cause),
            fault.retryable,
            fault.compensate,
            fault.scope,
            fault.code,
        ]

    def _fork(self, f: Fork) -> list[Any]:
        calls, pure = f.calls, f.pure
        return [
            _FORK,
            self._tokens[f.owner],
            f.n,
            f.bodies,
            f.total,
            f.need,
            self._cell(f.items),
            f.limit,
            f.next,
            None if f.base is None else self._cells(f.base),
            [[index, self._tokens[token]] for index, token in f.live.items()],
            list(f.results),
            self._cells(list(f.results.values())),
            f.wins,
            None if f.outs is None else [[i, self._cells(outs)] for i, outs in f.outs.items()],
            [[index, self._fault(fault)] for index, fault in f.faults],
            self._entries(f.undo),
            self._entries(f.lost),
            f.closing,
            None if calls is None else [calls.at, calls.state, _runs(calls.out)],
            f.virtual,
            None if pure is None else [pure.at, pure.single, pure.state, self._cells(pure.yields)],
        ]

    def _compensation(self, c: Compensation) -> list[Any]:
        then = None
        if isinstance(c.then, Token):
            then = [_TOKEN, self._tokens[c.then]]
        elif c.then is not None:
            then = [_CALLS, self._groups[c.then]]
        entries = self._entries(c.entries)
        return [_COMPENSATION, entries, c.step, self._cells(c.failures), then]

    # --- values ---------------------------------------------------------------------------------
    def _cells(self, values: Iterable[Any]) -> list[Any]:
        return [self._cell(value) for value in values]

    def _cell(self, value: Any) -> Any:
        kind = type(value)
        if kind in _SCALARS:
            return value
        if kind is list or kind is dict:
            number = self._numbers.get(id(value))
            if number is None:
                number = self._numbers[id(value)] = len(self._met)
                self._met.append(value)
            return [number]
        if value is UNSET:
            return []
        raise NotAValueError(f"a frame holds {kind.__name__}, which is no value")

    def _containers(self) -> list[Any]:
        """What is in each list and object met, and in those met on the way."""
        written: list[Any] = []
        for value in self._met:  # grows meanwhile
            if type(value) is list:
                plain = _SCALARS.issuperset(map(type, value))
                written.append(value if plain else self._cells(value))
            elif _SCALARS.issuperset(map(type, value.values())):
                written.append(value)
            else:
                written.append({name: self._cell(part) for name, part in value.items()})
        return written


def _runs(out: bytearray) -> list[int]:
    """Beginnings and ends of the runs of ones, one after the other."""
    found: list[int] = []
    at = out.find(1)
    while at >= 0:
        end = out.find(0, at)
        end = len(out) if end < 0 else end
        found += (at, end)
        at = out.find(1, end)
    return found


# --- reading ------------------------------------------------------------------------------------
def decode_run(
    data: bytes, blueprint: str, context: Any, loads: Callable[[bytes], Any] = decode_deep
) -> tuple[Run, int]:
    """The run of a snapshot, with ``context`` as its own, and how many events stand before it.

    Raises DamagedError where the bytes are no snapshot of this Blueprint, FormatVersionError.
    """
    if len(data) < 2:
        raise DamagedError("snapshot: it has no header")
    if data[0] != versions.SNAPSHOT or data[1] != versions.SEMANTICS:
        raise FormatVersionError(
            f"snapshot: version {data[0]} with semantics {data[1]} is unknown here"
        )
    try:
        rest, tokens, groups, containers = loads(data[2:])
        if rest[0] != blueprint:
            raise DamagedError(f"snapshot: it is one of Blueprint {str(rest[0])[:12]}")
        return _Reader(tokens, groups, containers).run(rest, context), rest[1]
    except (CodecError, TypeError, ValueError, IndexError, KeyError, AttributeError) as exc:
        raise DamagedError(f"snapshot: it is malformed: {exc}") from exc


class _Reader:
    def __init__(self, tokens: list[Any], groups: list[Any], containers: list[Any]) -> None:
        self._values: list[Any] = [[] if type(raw) is list else {} for raw in containers]
        for value, raw in zip(self._values, containers, strict=True):
            if type(value) is list:
                value.extend(map(self._value, raw))
            else:
                value.update({name: self._value(cell) for name, cell in raw.items()})
        self._tokens = [Token(tuple(raw[0]), raw[1], raw[2], [], None, raw[6]) for raw in tokens]
        self._groups = [self._bare(raw) for raw in groups]
        for token, raw in zip(self._tokens, tokens, strict=True):
            self._fill_token(token, raw)
        for group, raw in zip(self._groups, groups, strict=True):
            if isinstance(group, Fork):
                self._fill_fork(group, raw)
            else:
                self._fill_compensation(group, raw)

    def run(self, rest: list[Any], context: Any) -> Run:
        (_, _, now, seed, undos, job, env, root, ready, calls, timers, listens, forks, ending,
         *more) = rest  # fmt: skip
        run = Run(context)
        context.seed = bytes.fromhex(seed)
        run.now = context.now_ms = now
        run.seq = undos
        run.job, run.env = self._value(job), self._value(env)
        run.root = None if root is None else self._tokens[root]
        for kind, number in ready:
            if kind == _TOKEN:
                run.ready.append(self._tokens[number])
            else:
                fork = self._fork_at(number)
                run.ready.append(fork.calls if kind == _CALLS else fork.pure)
        for number in calls:
            token = self._tokens[number]
            run.calls[token.path] = token
        for path, m, number, scope in timers:
            token = self._tokens[number]
            held = None if scope is None else (token.scopes or [])[scope]
            run.timers[tuple(path), m] = (token, held)
        for path, m, number in listens:
            run.listens[tuple(path), m] = self._tokens[number]
        for number in forks:
            fork = self._fork_at(number)
            run.forks[(*fork.owner.path, fork.n)] = fork
        if more:
            run.floor, run.graces = more[0], dict(more[1])
            run.machine = read(more[2], self._tokens, self._value)
        if ending is not None:
            fault = self._fault(ending[1])
            run.ending = None if fault is None else (ending[0], fault)
        return run

    def _fork_at(self, number: int) -> Fork:
        group = self._groups[number]
        if not isinstance(group, Fork):
            raise TypeError("a compensation stands in the place of a fork")
        return group

    def _bare(self, raw: list[Any]) -> Fork | Compensation:
        if raw[0] == _COMPENSATION:
            return Compensation([], None)
        (_, owner, n, bodies, total, need, items, limit, *_) = raw
        values = self._value(items)
        return Fork(self._tokens[owner], n, tuple(bodies), total, need, values, limit)

    def _group(self, raw: Any) -> Any:
        return self._groups[raw[0]] if type(raw) is list else raw

    def _fill_token(self, token: Token, raw: list[Any]) -> None:
        (_, _, _, token.entry, frame, group, _, token.n, token.m, token.turns, token.draws,
         token.drawn, token.attempt, token.state, child, token.timer, cancelling, deferred, scopes,
         undo, token.made) = raw  # fmt: skip
        token.frame = [self._value(cell) for cell in frame]
        token.fork = self._group(group)
        token.child = self._group(child)
        token.cancelling = self._fault(cancelling)
        token.deferred = self._fault(deferred)
        token.scopes = None if scopes is None else [Scope(*scope) for scope in scopes]
        token.undo = None if undo is None else self._entries(undo)

    def _entries(self, raw: list[Any]) -> list[UndoEntry]:
        return [
            UndoEntry(seq, body, [self._value(cell) for cell in captured], tuple(path), n, step)
            for seq, body, captured, path, n, step in raw
        ]

    def _fault(self, raw: list[Any] | None) -> Fault | None:
        if raw is None:
            return None
        type_, message, step, attempts, data, cause, *rest = raw
        values = (self._value(data), self._value(cause))
        return Fault(type_, message, step, attempts, *values, *rest)

    def _fill_fork(self, fork: Fork, raw: list[Any]) -> None:
        (fork.next, base, live, indexes, results, wins, outs, faults, undo, lost, fork.closing,
         calls, fork.virtual, pure) = raw[8:]  # fmt: skip
        fork.base = None if base is None else [self._value(cell) for cell in base]
        fork.live = {index: self._tokens[number] for index, number in live}
        fork.results = dict(zip(indexes, map(self._value, results), strict=True))
        fork.wins = wins
        if outs is not None:
            fork.outs = {i: tuple([self._value(cell) for cell in cells]) for i, cells in outs}
        for index, fault in faults:
            found = self._fault(fault)
            if found is not None:
                fork.faults.append((index, found))
        fork.undo, fork.lost = self._entries(undo), self._entries(lost)
        if calls is not None:
            fork.calls = Calls(fork)
            fork.calls.at, fork.calls.state, runs = calls
            for start, end in zip(runs[::2], runs[1::2], strict=True):
                fork.calls.out[start:end] = b"\1" * (end - start)
        if pure is not None:
            fork.pure = Branches(fork)
            fork.pure.at, fork.pure.single, fork.pure.state, yields = pure
            fork.pure.yields = [self._value(cell) for cell in yields]

    def _fill_compensation(self, compensation: Compensation, raw: list[Any]) -> None:
        _, entries, compensation.step, failures, then = raw
        compensation.entries = self._entries(entries)
        compensation.failures = [self._value(cell) for cell in failures]
        if then is not None:
            kind, number = then
            compensation.then = self._tokens[number] if kind == _TOKEN else self._fork_at(number)

    def _value(self, cell: Any) -> Any:
        if type(cell) is list:
            return self._values[cell[0]] if cell else UNSET
        return cell
