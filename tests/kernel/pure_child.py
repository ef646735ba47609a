"""Runs a Blueprint with clock, randomness, IO, threads and asyncio out of reach.

A process of its own, because what it takes away is not given back. The Blueprint comes on standard
input, the outcome goes to standard output as JSON. Not a test module: ``test_pure.py`` starts it.
"""

from __future__ import annotations

import json
import sys
from collections import deque
from typing import Any

from runeskript.kernel import Program, advance, load, new_run, replay
from runeskript.model import effects as ef
from runeskript.model import events as ev
from runeskript.model.batches import unfold_effects
from runeskript.model.blueprint_codec import decode

#: Audit events of what the kernel does need: making functions, looking at tracebacks, and telling
#: whether two parts of a schema are one object.
NEEDED = {
    "compile",
    "exec",
    "code.__new__",
    "function.__new__",
    "object.__getattr__",
    "builtins.id",
}
MODULES = (
    "time",
    "random",
    "secrets",
    "socket",
    "select",
    "ssl",
    "threading",
    "_thread",
    "asyncio",
    "subprocess",
    "multiprocessing",
    "concurrent.futures",
    "tempfile",
    "uuid",
)
OS = ("urandom", "getrandom", "open", "read", "stat", "listdir", "getpid", "fork", "times",
      "system")  # fmt: skip


class Forbidden(BaseException):
    """Something out of reach was touched; no ``except Exception`` hides it."""


def refuse(*args: Any, **kwargs: Any) -> Any:
    raise Forbidden(f"{args[:1]!r}")


def lock() -> None:
    """From here on nothing of the world can be reached."""
    import builtins
    import importlib
    import os

    for module in [importlib.import_module(name) for name in MODULES]:
        for key, value in list(vars(module).items()):
            if callable(value) and not key.startswith("__"):
                setattr(module, key, refuse)
    for name in OS:
        if hasattr(os, name):
            setattr(os, name, refuse)
    builtins.open = builtins.input = refuse

    def audit(event: str, args: tuple[Any, ...]) -> None:
        if event not in NEEDED:
            raise Forbidden(event)

    sys.addaudithook(audit)


def answer(effect: Any) -> Any:
    """The event that an effect brings about; time and results come from here alone."""
    if isinstance(effect, ef.CallOut):
        base = (0, effect.path, effect.n, effect.step, effect.attempt)
        if effect.handler == "flaky" and effect.attempt < 3:
            return ev.CallFailed(*base, {"type": "http.503", "message": "busy"})
        if effect.handler == "bad":
            return ev.CallFailed(*base, {"type": "boom", "message": "no"})
        return ev.CallDone(*base, dict(effect.params))
    if isinstance(effect, ef.TimerSet):
        return ev.TimerFired(effect.due, effect.path, effect.m)
    if isinstance(effect, ef.ListenSet):
        message = {"id": "m", "topic": effect.topic, "key": effect.key, "data": {"n": 7}}
        return ev.MessageIn(0, effect.path, effect.m, message)
    if isinstance(effect, ef.ChildOut) and not effect.detach:
        base = (0, effect.path, effect.n, effect.step)
        return ev.ChildDone(*base, "Completed", effect.input, None)
    return None


def drive(program: Program) -> dict[str, Any]:
    run = new_run(program)
    journal: list[Any] = []
    kinds: set[str] = set()
    now = 1_700_000_000_000
    job = {"id": "j", "key": None, "created_at": now, "labels": {}}
    pending: deque[Any] = deque([ev.Started(now, program.digest, job, {"n": 3}, {}, "07" * 16)])
    while run.finished is None:
        event = pending.popleft()
        now = max(now, event.at)
        ready = advance(program, run, [event._replace(at=now)], turns=50)
        journal += ready.events
        effects = list(ready.effects)
        while ready.more:
            ready = advance(program, run, turns=50)
            journal += ready.events
            effects += ready.effects
        kinds.update(type(effect).__name__ for effect in effects)
        # Timers come last: what can be answered without waiting is.
        found = [e for e in map(answer, unfold_effects(effects)) if e is not None]
        timers = [e for e in found if isinstance(e, ev.TimerFired)]
        pending.extendleft(e for e in reversed(found) if not isinstance(e, ev.TimerFired))
        pending.extend(sorted(timers, key=lambda e: e.at))
    again = replay(program, journal)
    return {
        "status": run.finished.status,
        "output": run.finished.output,
        "error": run.finished.error,
        "replayed": again.finished == run.finished,
        "effects": sorted(kinds),
    }


def main() -> None:
    loaded = [name for name in ("asyncio", "socket", "random", "select") if name in sys.modules]
    data = sys.stdin.buffer.read()
    program = load(decode(data))
    lock()
    outcome = drive(program)
    sys.stdout.write(json.dumps({**outcome, "imported": loaded}))


if __name__ == "__main__":
    main()
