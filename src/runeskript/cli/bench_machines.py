"""What the ``transitions`` scenarios of ``rune bench`` run: a machine and the events it is sent.

In memory the floor is the same machine in the library ``transitions``: a guard and an action on
each event, nothing kept but the state. Ours makes the records of a journal, too. Both run with the
collector off: the engine pauses it for a slice, and so the floor may have it as well.

Where they are durable, the floor is what a program could do that keeps each event by itself: a
commit for each, on the same disk.
"""

from __future__ import annotations

import asyncio
import gc
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any, Final, Literal

from ..compiler.pipeline import compile_text
from ..engine.runtime import Runtime
from ..engine.sending import EventFor
from ..errors import RuneskriptError
from ..kernel import advance, load, new_run
from ..model.events import Moved, Sent, Started
from .bench_measure import Figure, alternate, pair

#: Events of one measurement; half of them are coins.
EVENTS: Final = 2_000
MACHINE: Final = """\
machine: turnstile
initial: locked
states: {locked: {}, open: {}}
transitions:
  - from: locked
    event: coin
    to: open
    guard: event.data >= 1
    do: [{set: {data.coins: "${data.coins + event.data}"}}]
  - from: open
    event: push
    to: locked
    guard: data.coins > 0
    do: [{set: {data.pushed: "${data.pushed + 1}"}}]
"""
_EMPTY: Final = {"coins": 0, "pushed": 0}
_FULL: Final = {"coins": EVENTS // 2, "pushed": EVENTS // 2}


def transitions(rounds: int) -> list[Figure]:
    """Events through the kernel, in one batch, against the library ``transitions``."""
    program = load(compile_text(MACHINE, "turnstile.yaml").blueprint)
    floor = _library()

    async def timed(work: Callable[[], float]) -> float:
        gc.disable()
        try:
            return work()
        finally:
            gc.enable()

    def ours() -> float:
        run = new_run(program)
        seed = "00" * 16
        advance(program, run, [Started(1, program.digest, {"id": "j"}, dict(_EMPTY), {}, seed)])
        actor: dict[str, Any] = {"id": "ada", "roles": []}
        names = ("coin", "push")
        sent = [Sent(2, str(n), names[n % 2], 1, actor, None) for n in range(EVENTS)]
        began = perf_counter()
        said = advance(program, run, sent, turns=2 * EVENTS + 1_000).events
        seconds = perf_counter() - began
        frame = [] if run.root is None else run.root.frame
        if sum(type(one) is Moved for one in said) != EVENTS or _FULL not in frame:
            raise RuneskriptError("the machine is not where it has to be")
        return seconds

    timings = asyncio.run(alternate(rounds, lambda: timed(ours), lambda: timed(floor)))
    return [pair("transitions", "events", EVENTS, "the library transitions", *timings)]


def _library() -> Callable[[], float]:
    """The same machine there."""
    try:
        from transitions import Machine
    except ImportError:
        text = "the floor of this scenario is the library transitions: pip install transitions"
        raise RuneskriptError(text, code="RUNE-8011") from None

    class Turnstile:
        def __init__(self) -> None:
            self.coins = self.pushed = 0

        def enough(self, value: int) -> bool:
            return value >= 1

        def paid(self, value: int) -> bool:
            return self.coins > 0

        def add(self, value: int) -> None:
            self.coins += value

        def count(self, value: int) -> None:
            self.pushed += 1

    rows = [
        {"trigger": "coin", "source": "locked", "dest": "open"}
        | {"conditions": "enough", "before": "add"},
        {"trigger": "push", "source": "open", "dest": "locked"}
        | {"conditions": "paid", "before": "count"},
    ]

    def floor() -> float:
        one: Any = Turnstile()
        Machine(
            one,
            states=["locked", "open"],
            initial="locked",
            transitions=rows,
            auto_transitions=False,
        )
        began = perf_counter()
        for _ in range(EVENTS // 2):
            one.coin(1)
            one.push(1)
        seconds = perf_counter() - began
        if {"coins": one.coins, "pushed": one.pushed} != _FULL:
            raise RuneskriptError("the library is not where it has to be")
        return seconds

    return floor


def transitions_durable(rounds: int) -> list[Figure]:
    """Events sent in one go to one machine in a SQLite file, against a commit for each."""
    return [_durable(rounds, sync) for sync in ("full", "normal")]


def _durable(rounds: int, sync: Literal["full", "normal"]) -> Figure:
    from . import bench_durable  # it loads the database's library

    skript = compile_text(MACHINE, "turnstile.yaml")
    with tempfile.TemporaryDirectory(prefix="rune-bench-") as folder:
        path = Path(folder) / "jobs.db"

        async def ours() -> float:
            url = f"sqlite:///{path}?sync={sync}"
            async with Runtime(store=url, discover_handlers=False) as runtime:
                job = await runtime.submit_job(skript, dict(_EMPTY))
                names = ("coin", "push")
                events = [EventFor(job.id, names[n % 2], 1) for n in range(EVENTS)]
                gc.collect()
                began = perf_counter()
                answers = await runtime.send_many(events)
                seconds = perf_counter() - began
                data = (await runtime.get_job(job.id)).data
            if data != _FULL or any(answer.error for answer in answers):
                raise RuneskriptError("the machine is not where it has to be")
            return seconds

        async def floor() -> float:
            return bench_durable.commits(path, sync, EVENTS)

        async def both() -> tuple[list[float], list[float]]:
            await ours()  # makes the file
            return await alternate(rounds, ours, floor)

        timings = asyncio.run(both())
    figure = pair("transitions-durable", "events", EVENTS, "a commit for each", *timings)
    return replace(figure, extra={"sync": sync.upper()})
