"""A synchronous simulation of one run: the production kernel under a virtual clock and mocks.

No asyncio, no store, no wall clock: calls complete in dispatch order (or in an order drawn from a
seed), timers fire when nothing else can happen, and everything that happened is in the trace.
"""

from __future__ import annotations

import heapq
import json
import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ..errors import NotAValueError, StepError
from ..kernel import Program, Ready, advance, load, new_run
from ..model.blueprint import Blueprint
from ..model.events import (
    CallDone,
    CallDrop,
    CallFailed,
    CallOut,
    CancelRequested,
    ChildDone,
    ChildDrop,
    ChildOut,
    Effect,
    Event,
    Finished,
    ListenDrop,
    ListenSet,
    LogOut,
    MessageIn,
    MessageOut,
    Path,
    Started,
    TimerDrop,
    TimerFired,
    TimerSet,
)
from ..model.values import Value, copy_value, normalise

#: A mock returns this to never complete (its timeout, if it has one, still fires).
HANG: Final = object()


@dataclass(frozen=True, slots=True)
class After:
    """A mock returns this to complete later, ``ms`` of virtual time from dispatch."""

    ms: int
    result: Any


Mock = Callable[[dict[str, Any]], Any]


@dataclass(slots=True)
class Outcome:
    """How a simulated run ended. ``trace`` is everything that happened, one line each."""

    status: str
    output: Value
    error: dict[str, Value] | None
    journal: list[Event]
    trace: list[str]
    logs: list[str]
    messages: list[MessageOut]
    run: Any


@dataclass(order=True, slots=True)
class _Due:
    at: int
    order: int
    event: Event = field(compare=False)


class Simulation:
    """One run being simulated; ``step`` feeds one event, ``run`` goes on until nothing can happen.

    ``handlers`` maps names to mocks taking the parameters; a mock returns a result, HANG or After,
    or raises. ``messages``: (topic, key, data) delivered, in order, to the first listener that
    matches. ``shuffle``: a seed; calls then complete in an order drawn from it.
    """

    def __init__(
        self,
        program: Program | Blueprint,
        handlers: Mapping[str, Mock] | None = None,
        input: Value = None,  # noqa: A002 - the language's word
        *,
        env: Mapping[str, str] | None = None,
        messages: Iterable[tuple[str, Value, Value]] = (),
        children: Mapping[str, Program | Blueprint] | None = None,
        seed: str = "00" * 16,
        shuffle: int | None = None,
        start_ms: int = 1_700_000_000_000,
        job: Mapping[str, Value] | None = None,
        turns: int = 20_000,
    ) -> None:
        self.program = program if isinstance(program, Program) else load(program)
        self.handlers = dict(handlers or {})
        self.children = dict(children or {})
        self.now = start_ms
        self.start = start_ms
        self.turns = turns
        self.run_state = new_run(self.program)
        self.journal: list[Event] = []
        self.trace: list[str] = []
        self.logs: list[str] = []
        self.sent: list[MessageOut] = []
        self.queue: list[Event] = []
        self.timers: list[_Due] = []
        self.live: dict[tuple[str, Path, int], int] = {}
        self.listeners: dict[tuple[Path, int], tuple[str, Value]] = {}
        self.messages = list(messages)
        self.order = 0
        self.random = None if shuffle is None else random.Random(shuffle)  # noqa: S311
        self.finished: Finished | None = None
        self.more = False
        info: dict[str, Value] = {"id": "job-1", "key": None, "created_at": start_ms, "labels": {}}
        info.update(job or {})
        declared: dict[str, Value] = dict.fromkeys(self.program.blueprint.env)
        declared.update(env or {})
        self.feed(Started(self.now, self.program.digest, info, normalise(input), declared, seed))

    # --- driving ------------------------------------------------------------------------------
    def feed(self, *events: Event) -> Ready:
        """Advance the run by events, then carry out what it asks for."""
        ready = advance(self.program, self.run_state, events, self.turns)
        self._record(ready)
        return ready

    def cancel(self, reason: str = "cancelled") -> Ready:
        """Ask for cancellation now."""
        return self.feed(CancelRequested(self.now, reason))

    def step(self) -> bool:
        """Let one thing happen; False where nothing can."""
        if self.finished is not None:
            return False
        if self.more:
            self.feed()
        elif self.queue:
            pick = 0 if self.random is None else self.random.randrange(len(self.queue))
            self.feed(self.queue.pop(pick)._replace(at=self.now))
        elif self._deliver():
            pass
        elif self.timers:
            due = heapq.heappop(self.timers)
            event = due.event
            if isinstance(event, TimerFired):
                key = ("timer", event.path, event.m)
            else:
                key = ("call", event.path, event.n)  # type: ignore[union-attr]
            if self.live.get(key) == due.order:
                self.now = max(self.now, due.at)
                self.feed(event._replace(at=self.now))
        else:
            return False
        return True

    def run(self, limit: int = 1_000_000) -> Outcome:
        """Go on until the run ends, nothing can happen, or ``limit`` steps were made."""
        while limit > 0 and self.step():
            limit -= 1
        return self.outcome()

    def outcome(self) -> Outcome:
        """What is known now; status ``Running`` where the run has not ended."""
        end = self.finished
        status = end.status if end else "Running"
        return Outcome(
            status, end.output if end else None, end.error if end else None, self.journal,
            self.trace, self.logs, self.sent, self.run_state,
        )

    # --- effects ------------------------------------------------------------------------------
    def _record(self, ready: Ready) -> None:
        self.journal.extend(ready.events)
        for event in ready.events:
            self.trace.append(f"{self._clock()} < {_show_event(event)}")
        self.more = ready.more
        for effect in ready.effects:
            self._carry_out(effect)
        if ready.finished is not None:
            self.finished = ready.finished

    def _clock(self) -> str:
        return f"+{self.now - self.start}ms"

    def _carry_out(self, effect: Effect) -> None:
        self.trace.append(f"{self._clock()} > {_show_effect(effect)}")
        if isinstance(effect, CallOut):
            self._call(effect)
        elif isinstance(effect, CallDrop):
            self.live.pop(("call", effect.path, effect.n), None)
            self.queue = [
                e for e in self.queue
                if not (isinstance(e, CallDone | CallFailed) and e[1:3] == (effect.path, effect.n))
            ]
        elif isinstance(effect, TimerSet):
            self._later(effect.due, "timer", TimerFired(0, effect.path, effect.m))
        elif isinstance(effect, TimerDrop):
            self.live.pop(("timer", effect.path, effect.m), None)
        elif isinstance(effect, ListenSet):
            self.listeners[(effect.path, effect.m)] = (effect.topic, effect.key)
        elif isinstance(effect, ListenDrop):
            self.listeners.pop((effect.path, effect.m), None)
        elif isinstance(effect, MessageOut):
            self.sent.append(effect)
            self.messages.append((effect.topic, effect.key, effect.data))
        elif isinstance(effect, ChildOut):
            self._child(effect)
        elif isinstance(effect, ChildDrop):
            pass  # children of a simulation have ended by then
        else:
            self.logs.append(effect.text)

    def _later(self, at: int, kind: str, event: Any) -> None:
        self.order += 1
        number = event.m if isinstance(event, TimerFired) else event.n
        self.live[(kind, event.path, number)] = self.order
        heapq.heappush(self.timers, _Due(at, self.order, event))

    def _call(self, call: CallOut) -> None:
        base = (call.path, call.n, call.step, call.attempt)
        mock = self.handlers.get(call.handler)
        try:
            if mock is None:
                raise StepError("handler.missing", f"no mock for handler {call.handler!r}")
            result = mock(copy_value(call.params))
            delay = 0
            if isinstance(result, After):
                delay, result = result.ms, result.result
            if call.timeout is not None and (result is HANG or delay > call.timeout):
                error = {"type": "timeout", "message": "timed out", "data": None}
                self._later(self.now + call.timeout, "call", CallFailed(0, *base, error))
            elif result is not HANG:
                done = CallDone(0, *base, normalise(result))
                if delay:
                    self._later(self.now + delay, "call", done)
                else:
                    self.queue.append(done)
        except StepError as exc:
            error = {
                "type": exc.type, "message": exc.message, "data": exc.data,
                "retryable": exc.retryable,
            }
            self.queue.append(CallFailed(0, *base, error))
        except NotAValueError as exc:
            error = {"type": "result", "message": exc.message, "data": None}
            self.queue.append(CallFailed(0, *base, error))

    def _child(self, child: ChildOut) -> None:
        if child.detach:
            return
        program = self.children.get(child.digest or child.name) or self.children.get(child.name)
        base = (child.path, child.n, child.step)
        if program is None:
            error: dict[str, Value] = {
                "code": "RUNE-6005", "type": "skript.unknown", "message": f"no skript {child.name}",
                "step": None, "attempts": 0, "data": None, "cause": None,
            }
            self.queue.append(ChildDone(0, *base, "Failed", None, error))
            return
        inner = Simulation(
            program, self.handlers, child.input, children=self.children, start_ms=self.now,
            job={"id": child.id},
        ).run()
        self.trace.extend(f"    {line}" for line in inner.trace)
        status: Any = inner.status
        self.queue.append(ChildDone(0, *base, status, inner.output, inner.error))

    def _deliver(self) -> bool:
        for position, (topic, key, data) in enumerate(self.messages):
            for (path, m), (wanted, wanted_key) in self.listeners.items():
                if (topic, key) == (wanted, wanted_key):
                    del self.messages[position]
                    message = {"id": f"m{position}", "topic": topic, "key": key, "data": data}
                    self.feed(MessageIn(self.now, path, m, message))
                    return True
        return False


def simulate(
    program: Program | Blueprint,
    handlers: Mapping[str, Mock] | None = None,
    input: Value = None,  # noqa: A002 - the language's word
    **options: Any,
) -> Outcome:
    """Simulate a run to its end; options as for :class:`Simulation`."""
    return Simulation(program, handlers, input, **options).run()


# --- the trace ----------------------------------------------------------------------------------
def _json(value: Any) -> str:
    """Values as JSON; what is none (secret references in parameters) by its own text."""
    return json.dumps(value, ensure_ascii=False, default=str)


def _path(path: Path) -> str:
    return "/".join(map(str, path)) or "."


def _show_event(event: Event) -> str:
    if isinstance(event, Started):
        return f"started input={_json(event.input)}"
    if isinstance(event, CallDone):
        return f"done {event.step} [{_path(event.path)}#{event.n}] {_json(event.result)}"
    if isinstance(event, CallFailed):
        return (
            f"failed {event.step} [{_path(event.path)}#{event.n}] attempt {event.attempt}: "
            f"{event.error.get('type')}"
        )
    if isinstance(event, TimerFired):
        return f"timer [{_path(event.path)}@{event.m}]"
    if isinstance(event, MessageIn):
        return f"message [{_path(event.path)}@{event.m}] {_json(event.message)}"
    if isinstance(event, ChildDone):
        return f"child {event.step} [{_path(event.path)}#{event.n}] {event.status} {_json(event.output)}"
    if isinstance(event, CancelRequested):
        return f"cancel {_json(event.reason)}"
    error = event.error and f" error={event.error['type']}: {event.error['message']}"
    return f"finished {event.status} output={_json(event.output)}{error or ''}"


def _show_effect(effect: Effect) -> str:
    if isinstance(effect, CallOut):
        extra = f" timeout={effect.timeout}ms" if effect.timeout is not None else ""
        return (
            f"call {effect.handler} for {effect.step} [{_path(effect.path)}#{effect.n}] "
            f"attempt {effect.attempt} with {_json(effect.params)}{extra}"
        )
    if isinstance(effect, LogOut):
        return f"log {effect.level}: {effect.text}"
    if isinstance(effect, MessageOut):
        return f"emit {effect.topic} key={_json(effect.key)} to={_json(effect.to)} {_json(effect.data)}"
    if isinstance(effect, ChildOut):
        return f"run {effect.name} [{_path(effect.path)}#{effect.n}] with {_json(effect.input)}"
    name = type(effect).__name__
    number = effect.m if hasattr(effect, "m") else effect.n
    mark = "@" if hasattr(effect, "m") else "#"
    detail = ""
    if isinstance(effect, TimerSet):
        detail = f" {effect.kind} for {effect.step}"
    elif isinstance(effect, ListenSet):
        detail = f" {effect.topic} key={_json(effect.key)} for {effect.step}"
    return f"{name} [{_path(effect.path)}{mark}{number}]{detail}"
