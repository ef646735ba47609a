"""The small parts: clock, timers, ids, reports, watches."""

from __future__ import annotations

import asyncio
import os
import random
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from runeskript.engine.clock import LONGEST_SLEEP, SystemClock
from runeskript.engine.ids import SeededIds, SystemIds
from runeskript.engine.reports import Reports, locate
from runeskript.engine.timers import SLACK, Timers


class TestTimers:
    def test_they_fire_when_due_in_order(self, clock: Any) -> None:
        fired: list[str] = []
        timers = Timers(clock)
        now = clock.now_ms()
        for name, due in (("c", 30), ("a", 10), ("b", 10), ("past", -5)):
            timers.set(now + due, lambda name=name: fired.append(name))  # type: ignore[misc]
        clock.pass_ms(0)
        assert fired == ["past"]
        clock.pass_ms(9)
        assert fired == ["past"]
        clock.pass_ms(1)
        assert fired == ["past", "a", "b"]
        clock.pass_ms(100)
        assert fired == ["past", "a", "b", "c"]
        assert len(timers) == 0

    def test_dropped_ones_do_not_and_do_not_pile_up(self, clock: Any) -> None:
        fired: list[int] = []
        timers = Timers(clock)
        far = clock.now_ms() + 1_000_000
        kept = timers.set(far, lambda: fired.append(0))
        for _ in range(10_000):
            timer = timers.set(far, lambda: fired.append(1))
            timer.cancel()
            timer.cancel()
        assert len(timers) == 1
        assert len(timers._heap) <= 2 * SLACK + 2
        clock.pass_ms(1_000_000)
        assert fired == [0]
        kept.cancel()
        assert len(timers) == 0

    def test_a_timer_may_set_and_drop_others(self, clock: Any) -> None:
        fired: list[str] = []
        timers = Timers(clock)
        now = clock.now_ms()

        def first() -> None:
            fired.append("first")
            second.cancel()
            timers.set(now, lambda: fired.append("third"))

        timers.set(now + 5, first)
        second = timers.set(now + 5, lambda: fired.append("second"))
        clock.pass_ms(5)
        clock.pass_ms(0)
        assert fired == ["first", "third"]

    def test_an_earlier_one_moves_the_alarm(self, clock: Any) -> None:
        timers = Timers(clock)
        fired: list[int] = []
        timers.set(clock.now_ms() + 100, lambda: fired.append(100))
        timers.set(clock.now_ms() + 10, lambda: fired.append(10))
        clock.pass_ms(10)
        assert fired == [10]
        timers.close()
        clock.pass_ms(1_000)
        timers.set(clock.now_ms(), lambda: fired.append(0))
        clock.pass_ms(1_000)
        assert fired == [10]

    @settings(max_examples=50, deadline=None)
    @given(st.lists(st.tuples(st.integers(0, 50), st.booleans()), max_size=60), st.randoms())
    def test_against_a_sorted_list(self, rows: list[tuple[int, bool]], rng: random.Random) -> None:
        from tests.engine.conftest import ManualClock

        clock = ManualClock()
        timers = Timers(clock)
        fired: list[int] = []
        wanted: list[tuple[int, int]] = []
        made = []
        for i, (due, keep) in enumerate(rows):
            made.append((timers.set(clock.ms + due, lambda i=i: fired.append(i)), keep))
            if keep:
                wanted.append((due, i))
        rng.shuffle(made)
        for timer, keep in made:
            if not keep:
                timer.cancel()
        clock.pass_ms(60)
        assert fired == [i for _, i in sorted(wanted)]


async def test_the_system_clock_looks_again() -> None:
    clock = SystemClock()
    called = asyncio.Event()
    clock.call_at(clock.now_ms(), called.set)
    await called.wait()
    alarm = clock.call_at(clock.now_ms() + 10**12, called.clear)
    loop = asyncio.get_running_loop()
    assert alarm.when() <= loop.time() + LONGEST_SLEEP  # type: ignore[attr-defined]
    alarm.cancel()
    assert clock.monotonic() <= clock.monotonic()


def test_no_two_are_given_the_same_id() -> None:
    """Neither threads nor processes, though random bytes are asked for ahead."""
    ids = SystemIds()
    with ThreadPoolExecutor(4) as threads:
        made = list(threads.map(lambda _: [ids.seed() for _ in range(1_000)], range(8)))
    known = {one for some in made for one in some}
    assert len(known) == 8_000
    ids.seed()  # there are some in stock
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(write, "".join(ids.seed() for _ in range(100)).encode())
        os._exit(0)
    os.waitpid(child, 0)
    told = os.read(read, 65_536).decode()
    theirs = {told[at : at + 32] for at in range(0, len(told), 32)}
    assert len(theirs) == 100
    assert theirs.isdisjoint({ids.seed() for _ in range(300)})


def test_ids() -> None:
    ids = SystemIds()
    made = [ids.job_id() for _ in range(50)]
    assert len(set(made)) == 50
    assert all(uuid.UUID(i).version == 7 for i in made)
    assert [i[:13] for i in made] == sorted(i[:13] for i in made)
    assert len(ids.seed()) == 32
    assert int(ids.seed(), 16) != int(ids.seed(), 16)
    assert ids.message_id() != ids.message_id()
    one, two = SeededIds(7), SeededIds(7)
    assert [one.job_id(), one.seed(), one.message_id()] == [
        two.job_id(),
        two.seed(),
        two.message_id(),
    ]
    assert SeededIds(7).seed() != SeededIds(8).seed()


async def test_reports_of_threads_keep_the_latest() -> None:
    got: list[Any] = []
    passed = asyncio.Event()

    def report(context: Any, done: float, total: float | None, message: str) -> None:
        got.append((context, done, total, message))
        if message == "last":
            passed.set()

    reports = Reports(report)
    context: Any = object()
    reports.progress(context, 1, None, "direct")
    assert got == [(context, 1, None, "direct")]

    def many() -> None:
        for i in range(1000):
            reports.progress(context, i, None, "")
        reports.progress(context, 1000, None, "last")

    thread = threading.Thread(target=many)
    thread.start()
    thread.join()  # the loop had no turn meanwhile
    await passed.wait()
    assert got[1:] == [(context, 1000, None, "last")]


def test_an_error_without_a_place() -> None:
    from runeskript.compiler.pipeline import compile_text

    blueprint = compile_text("skript: s\ndo:\n  - return: 1\n", "f.yaml").blueprint
    for step in (None, "nowhere"):
        found = locate(blueprint, {"type": "t", "step": step})
        assert (found["file"], found["line"], found["type"]) == (None, None, "t")
