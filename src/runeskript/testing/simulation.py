"""A synchronous simulation of one run: the production kernel under a virtual clock and mocks.

No asyncio, no store, no wall clock: calls complete in dispatch order (or in an order drawn from a
seed), time jumps to the next timer when nothing else can happen, and everything that happened is
in the trace. Messages follow the memory store's own mailbox; child skripts are simulated alongside.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from typing import Any

from ..kernel import Program, Ready, advance, load, new_run
from ..model import limits
from ..model.batches import unfold_effects, unfold_events, weights
from ..model.blueprint import Blueprint
from ..model.effects import (
    CallDrop,
    CallOut,
    CallsOut,
    ChildDrop,
    ChildOut,
    Effect,
    ListenDrop,
    ListenSet,
    LogOut,
    MessageOut,
    TimerDrop,
    TimerSet,
)
from ..model.events import (
    CallDone,
    CallFailed,
    CancelRequested,
    ChildDone,
    Event,
    Finished,
    GraceGiven,
    MessageIn,
    Path,
    Started,
    TimerFired,
)
from ..model.faults import Fault
from ..model.values import Value, normalise
from ..stores.base import Listener, Message
from ..stores.memory import Mailbox
from .agenda import Agenda
from .asked import Asked
from .draw import draw
from .mocks import NEVER, Mock, answer, failed
from .outcome import Outcome
from .trace import show_effect, show_event


class Simulation:
    """One run being simulated; ``step`` lets one thing happen, ``run`` goes on until the end.

    ``handlers`` maps names to mocks taking the parameters (a copy of them); a mock returns a
    result, HANG, DEAF or After, or raises. ``messages``: (topic, key, data), sent before the start
    and kept until a listener takes them. ``children`` are the skripts that ``run`` finds, by name
    or digest; a detached one is traced, not run. ``shuffle``: a seed; what can happen at the same
    time then happens in an order drawn from it, and calls that may complete in batches do so.
    ``turns``: the kernel's slice. ``grace``: ms that a DEAF call has, asked to stop by a deadline.
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
        turns: int = limits.SLICE_TURNS,
        grace: int = limits.CANCEL_GRACE_MS,
        parent: Simulation | None = None,
    ) -> None:
        self.program = program if isinstance(program, Program) else load(program)
        self.handlers = dict(handlers or {})
        self.children = dict(children or {})
        self.now = start_ms
        self.turns = turns
        self.run_state = new_run(self.program)
        self.journal: list[Event] = []
        self.trace: list[str] = []
        self.sent: list[MessageOut] = []
        self.queue: list[Event] = []
        self.agenda = Agenda()
        #: Path and n of calls that left in a batch: they may complete in batches.
        self.forks: set[tuple[Path, int]] = set()
        #: Path and n of calls that no cancel ends.
        self.deaf: set[tuple[Path, int]] = set()
        self.asked = Asked(grace)
        self.random = None if shuffle is None else random.Random(shuffle)  # noqa: S311
        #: What the run listens to now.
        self.listening: dict[tuple[Path, int], ListenSet] = {}
        self.finished: Finished | None = None
        self.more = False
        self.info: dict[str, Value] = {
            "id": "job-1",
            "key": None,
            "created_at": start_ms,
            "labels": {},
            **(job or {}),
        }
        self.running: dict[str, tuple[ChildOut, Simulation]] = {}
        # A child job lives in its parent's world: one clock, one mailbox, one trace, one log.
        self.calls: list[CallOut] = parent.calls if parent else []
        self.logs: list[str] = parent.logs if parent else []
        self.start: int = parent.start if parent else start_ms
        self.depth: int = parent.depth + 1 if parent else 0
        self.family: dict[str, Simulation] = parent.family if parent else {}
        self.mail: Mailbox = parent.mail if parent else Mailbox(lambda: self.now)
        self.family[str(self.info["id"])] = self
        for number, (topic, key, data) in enumerate(messages, 1):
            self._send(Message(f"m{number}", topic, key, None, data, limits.DURATION_MS))
        declared: dict[str, Value] = {**dict.fromkeys(self.program.blueprint.env), **(env or {})}
        digest = self.program.digest
        self.given = normalise(input)
        self.feed(Started(self.now, digest, self.info, self.given, declared, seed))

    # --- driving ------------------------------------------------------------------------------
    def feed(self, *events: Event) -> Ready:
        """Advance the run by events, then carry out what it asks for."""
        self.run_state.length = weights(self.journal) if self.run_state.machine else 0
        self._record(ready := advance(self.program, self.run_state, events, self.turns))
        return ready

    def cancel(
        self, reason: str = "cancelled", grace: int | None = None, *, force: bool = False
    ) -> Ready:
        """Ask for cancellation now. ``grace``: ms after which what was asked to stop is given up
        (None: never), with ``force`` all that is under way then.
        """
        events: list[Event] = [CancelRequested(self.now, reason)]
        if grace is not None or force:
            events.append(GraceGiven(self.now, grace or 0, force))
        return self.feed(*events)

    def due(self) -> int | None:
        """When the next thing happens (ms since 1970); None where nothing can."""
        if self.finished is not None:
            return None
        if self.more or self.queue:
            return self.now
        known = [] if (first := self.agenda.next()) is None else [first]
        known += [over[0]] if (over := self.asked.next(self.run_state)) else []
        known += [at for _, kid in self.running.values() if (at := kid.due()) is not None]
        return max(min(known), self.now) if known else None

    def step(self) -> bool:
        """Let one thing happen; False where nothing can."""
        at = self.due()
        if at is None:
            return False
        self.now = at
        if self.more:
            self.feed()
        elif self.queue:
            if self.random is None:
                event = self.queue.pop(0)
            else:
                event = draw(self.queue, self.forks, self.random)
            self.feed(event._replace(at=self.now))
        elif (over := self.asked.next(self.run_state)) and over[0] <= at:
            self.agenda.drop("call", over[1].path, over[1].n)
            self.feed(over[1]._replace(at=self.now))
        elif not any(self._step_child(*row) for row in list(self.running.values())):
            self.feed(self.agenda.take()._replace(at=self.now))
        return True

    def run(self, limit: int = 1_000_000) -> Outcome:
        """Go on until the run ends, nothing can happen, or ``limit`` steps were made."""
        while limit > 0 and self.step():
            limit -= 1
        return self.outcome()

    def run_until(self, ms: int) -> None:
        """Let all happen that is due by ``ms`` after the start; the clock then stands there."""
        end = self.start + ms
        while (at := self.due()) is not None and at <= end:
            self.step()
        self.now = max(self.now, end)

    def outcome(self) -> Outcome:
        """What is known now."""
        end = self.finished
        status = end.status if end else "Running"
        return Outcome(
            status,
            end.output if end else None,
            end.error if end else None,
            self.journal,
            self.trace,
            self.calls,
            self.logs,
            self.sent,
            self.run_state,
        )

    # --- effects ------------------------------------------------------------------------------
    def _record(self, ready: Ready) -> None:
        self.journal.extend(ready.events)
        clock = f"+{self.now - self.start}ms"
        events = [e for e in unfold_events(ready.events) if e is not ready.finished]
        effects = list(unfold_effects(ready.effects))
        self.trace.extend(f"{clock} < {show_event(event)}" for event in events)
        self.trace.extend(f"{clock} > {show_effect(effect, self.now)}" for effect in effects)
        if ready.finished is not None:
            self.trace.append(f"{clock} < {show_event(ready.finished)}")
        self.more = ready.more
        # As in a store's commit: listeners change before the messages of the same commit arrive.
        for effect in effects:
            self._listen(effect)
        self.forks.update((e.path, e.n) for e in ready.effects if isinstance(e, CallsOut))
        for effect in effects:
            self._carry_out(effect)
        if ready.finished is not None:
            self.finished = ready.finished

    def _listen(self, effect: Effect) -> None:
        job = str(self.info["id"])
        if isinstance(effect, ListenDrop):
            self.listening.pop((effect.path, effect.m), None)
            self.mail.unlisten(job, effect.path, effect.m)
            if effect.consumed is not None:
                self.mail.take(effect.consumed)
        elif isinstance(effect, ListenSet):
            self.listening[effect.path, effect.m] = effect
            listener = Listener(job, effect.path, effect.m, effect.topic, effect.key)
            for message in self.mail.listen(listener):
                self._deliver(listener, message)

    def _carry_out(self, effect: Effect) -> None:
        if isinstance(effect, CallOut):
            self.calls.append(effect)
            self._call(effect)
        elif isinstance(effect, CallDrop) and effect.settle:
            self._settle(effect)
        elif isinstance(effect, CallDrop):
            self.agenda.drop("call", effect.path, effect.n)
            self.queue = [
                e
                for e in self.queue
                if not (isinstance(e, CallDone | CallFailed) and e[1:3] == (effect.path, effect.n))
            ]
        elif isinstance(effect, TimerSet):
            self.agenda.add(effect.due, TimerFired(0, effect.path, effect.m))
        elif isinstance(effect, TimerDrop):
            self.agenda.drop("timer", effect.path, effect.m)
        elif isinstance(effect, MessageOut):
            self.sent.append(effect)
            self._send(Message(effect.id, *effect[2:]))
        elif isinstance(effect, ChildOut):
            self._run_child(effect)
        elif isinstance(effect, ChildDrop):
            if effect.id in self.running:
                self._cancel_child(*self.running[effect.id], effect)
        elif isinstance(effect, LogOut):
            self.logs.append(effect.text)

    def _settle(self, drop: CallDrop) -> None:
        """A call that has not ended by now honours its cancellation, unless it is DEAF."""
        key = (drop.path, drop.n)
        if key in self.deaf:
            self.asked.add(drop, self.now)
            return
        if any(isinstance(e, CallDone | CallFailed) and e[1:3] == key for e in self.queue):
            return
        self.agenda.drop("call", *key)
        error: dict[str, Value] = {"type": "handler.CancelledError", "message": "cancelled"}
        self.queue.append(CallFailed(0, *key, drop.step, drop.attempt, error))

    def _send(self, message: Message) -> None:
        for listener in self.mail.receive(message) or ():
            self._deliver(listener, message)

    def _deliver(self, listener: Listener, message: Message) -> None:
        body = {"id": message.id, "topic": message.topic, "key": message.key, "data": message.data}
        event = MessageIn(self.now, listener.path, listener.m, body)
        self.family[listener.job].queue.append(event)

    # --- calls --------------------------------------------------------------------------------
    def _call(self, call: CallOut) -> None:
        delay, event = answer(self.handlers.get(call.handler), call)
        self.deaf.discard((call.path, call.n))  # it is this attempt's answer that counts
        if delay == NEVER:
            self.deaf.add((call.path, call.n))
        if call.timeout is not None and (event is None or delay > call.timeout):
            error: dict[str, Value] = {"type": "timeout", "message": "timed out", "data": None}
            delay, event = call.timeout, failed(call, error)
        if event is None:
            return
        if delay:
            self.agenda.add(self.now + delay, event)
        else:
            self.queue.append(event)

    # --- child skripts ------------------------------------------------------------------------
    def _run_child(self, child: ChildOut) -> None:
        if child.detach:
            return
        program = self.children.get(child.digest or child.name) or self.children.get(child.name)
        if program is None:
            self._refuse(child, "skript.unknown", f"no skript `{child.name}` is deployed")
        elif self.depth + 1 > limits.RUN_DEPTH:
            self._refuse(child, "limit.depth", f"`run` nests deeper than {limits.RUN_DEPTH} jobs")
        else:
            kid = Simulation(
                program,
                self.handlers,
                child.input,
                children=self.children,
                start_ms=self.now,
                job={"id": child.id},
                turns=self.turns,
                grace=self.asked.grace,
                parent=self,
            )
            self.running[child.id] = (child, kid)
            self._follow(child, kid, 0)

    def _refuse(self, child: ChildOut, type_: str, message: str) -> None:
        error = Fault(type_, message).public()
        self.queue.append(ChildDone(0, child.path, child.n, child.step, "Failed", None, error))

    def _step_child(self, child: ChildOut, kid: Simulation) -> bool:
        """Let something happen in a child that is due by now."""
        at = kid.due()
        if at is None or at > self.now:
            return False
        kid.now = self.now
        seen = len(kid.trace)
        kid.step()
        self._follow(child, kid, seen)
        return True

    def _cancel_child(self, child: ChildOut, kid: Simulation, drop: ChildDrop) -> None:
        kid.now = self.now
        seen = len(kid.trace)
        kid.cancel("the parent cancelled it", drop.grace, force=drop.everything)
        self._follow(child, kid, seen)

    def _follow(self, child: ChildOut, kid: Simulation, seen: int) -> None:
        """Show what is new in a child's trace, and take note of its end."""
        self.trace.extend(f"    {line}" for line in kid.trace[seen:])
        end = kid.finished
        if end is not None:
            del self.running[child.id]
            base = (child.path, child.n, child.step)
            self.queue.append(ChildDone(0, *base, end.status, end.output, end.error))


def simulate(
    program: Program | Blueprint,
    handlers: Mapping[str, Mock] | None = None,
    input: Value = None,  # noqa: A002 - the language's word
    **options: Any,
) -> Outcome:
    """Simulate a run to its end; options as for :class:`Simulation`."""
    return Simulation(program, handlers, input, **options).run()
