"""What comes one by one is done in groups, and whoever waits is told, whatever happens."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable
from typing import Any

import pytest

from runeskript.stores.gathering import Gathering, Waiting


class Doing:
    """Does groups of numbers, each as soon as it may; tells each its number."""

    def __init__(self, most: int = 3, turns: int = 0) -> None:
        self.gathering: Gathering[int, str] = Gathering(self.do, most, self.drop, turns)
        self.groups: list[list[int]] = []
        self.dropped: list[int] = []
        self.go = asyncio.Event()
        self.go.set()
        self.begun = asyncio.Event()
        #: What is done with a group before each is told.
        self.first: Callable[[list[Waiting[int, str]]], None] = lambda group: None

    async def do(self, group: list[Waiting[int, str]]) -> None:
        self.groups.append([item for item, _ in group])
        self.begun.set()
        await self.go.wait()
        self.first(group)
        for item, told in group:
            if not told.done():
                told.set_result(f"did {item}")

    def drop(self, item: int) -> None:
        self.dropped.append(item)

    def add(self, *items: int) -> list[asyncio.Future[str]]:
        return [self.gathering.add(item) for item in items]

    async def held(self, *items: int) -> list[asyncio.Future[str]]:
        """Add some, and have the first group begun and not done."""
        self.go.clear()
        told = self.add(*items)
        await self.begun.wait()
        return told

    def cancel(self) -> None:
        """All of it, from outside."""
        assert self.gathering.task is not None
        self.gathering.task.cancel()


async def said(told: list[asyncio.Future[str]]) -> list[Any]:
    """What each was told, or what it raised."""
    return await asyncio.gather(*told, return_exceptions=True)


def is_cancelled(told: list[asyncio.Future[str]]) -> list[bool]:
    return [one.cancelled() for one in told]


# --- groups -----------------------------------------------------------------------------------
async def test_what_comes_meanwhile_is_the_next_group() -> None:
    doing = Doing()
    first = await doing.held(1)
    later = doing.add(2, 3)
    assert doing.gathering.busy
    doing.go.set()
    assert await said(first + later) == ["did 1", "did 2", "did 3"]
    assert doing.groups == [[1], [2, 3]]
    await doing.gathering.done()
    assert not doing.gathering.busy
    assert await said(doing.add(4)) == ["did 4"]


async def test_a_group_is_bounded_and_in_order() -> None:
    doing = Doing(3)
    assert await said(doing.add(*range(7))) == [f"did {n}" for n in range(7)]
    assert doing.groups == [[0, 1, 2], [3, 4, 5], [6]]


async def test_what_a_group_adds_is_in_the_next() -> None:
    doing = Doing()
    more: list[asyncio.Future[str]] = []

    def first(group: list[Waiting[int, str]]) -> None:
        if len(doing.groups) == 1:
            more.extend(doing.add(7))

    doing.first = first
    assert await said(doing.add(1)) == ["did 1"]
    assert await said(more) == ["did 7"]
    assert doing.groups == [[1], [7]]


# --- what fails -------------------------------------------------------------------------------
async def test_an_exception_is_told_to_all_that_are_not_told_yet() -> None:
    doing = Doing()

    def first(group: list[Waiting[int, str]]) -> None:
        if len(doing.groups) == 1:
            group[0][1].set_result("early")
            raise ValueError("injected")

    doing.first = first
    early, *failed, later = await said(doing.add(1, 2, 3, 4))
    assert (early, later) == ("early", "did 4")
    assert [str(one) for one in failed] == ["injected"] * 2


async def test_nobody_is_left_waiting_for_what_was_not_told() -> None:
    gathering: Gathering[int, str] = Gathering(lambda group: asyncio.sleep(0), 3)
    told = gathering.add(1)
    await gathering.done()
    assert told.cancelled()


async def test_it_is_done_even_if_nobody_waits() -> None:
    doing = Doing()
    gone, stays = await doing.held(1, 2)
    late = doing.add(3)
    gone.cancel()
    late[0].cancel()
    doing.go.set()
    assert await stays == "did 2"
    await doing.gathering.done()
    assert doing.groups == [[1, 2], [3]]
    assert not doing.dropped


async def test_an_exception_that_nobody_waits_for_any_more_is_not_complained_of() -> None:
    complaints: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, what: complaints.append(what))
    doing = Doing()

    def first(group: list[Waiting[int, str]]) -> None:
        raise ValueError("injected")

    async def wait() -> None:
        await doing.gathering.add(1)

    doing.first = first
    waiting = asyncio.ensure_future(wait())
    (stays,) = await doing.held(2)
    waiting.cancel()
    doing.go.set()
    assert [str(one) for one in await said([stays])] == ["injected"]
    assert waiting.cancelled() and doing.groups == [[2, 1]]
    del stays
    gc.collect()
    assert complaints == []


# --- cancelled from outside -------------------------------------------------------------------
async def test_cancelled_before_it_began() -> None:
    doing = Doing()
    told = doing.add(1, 2)
    doing.cancel()
    late = doing.add(3)  # it is not known yet
    await doing.gathering.done()
    assert is_cancelled(told + late) == [True] * 3
    assert (doing.groups, doing.dropped) == ([], [1, 2, 3])
    assert await said(doing.add(4)) == ["did 4"]


async def test_who_comes_before_that_is_known_has_it_done_all_the_same() -> None:
    doing = Doing()
    told = doing.add(1, 2)
    cancelled = doing.gathering.task
    assert cancelled is not None
    cancelled.cancel()
    await asyncio.sleep(0)
    assert cancelled.done() and not is_cancelled(told)[0]
    told += doing.add(3)
    assert await said(told) == ["did 1", "did 2", "did 3"]
    assert doing.groups == [[1, 2, 3]] and not doing.dropped


async def test_cancelled_in_the_middle() -> None:
    """The group is told by whoever does it, or cancelled; what comes behind it is dropped."""
    doing = Doing(2)
    told = await doing.held(1, 2, 3, 4, 5)
    told[0].set_result("early")
    doing.cancel()
    await doing.gathering.done()
    assert is_cancelled(told) == [False, True, True, True, True]
    assert (doing.groups, doing.dropped) == ([[1, 2]], [3, 4, 5])
    doing.go.set()
    assert await said(doing.add(6)) == ["did 6"]


async def test_what_is_dropped_may_be_added_anew() -> None:
    doing = Doing()
    anew: list[asyncio.Future[str]] = []
    doing.gathering = Gathering(doing.do, 3, lambda item: anew.extend(doing.add(item)))
    told = doing.add(1, 2)
    doing.cancel()
    await doing.gathering.done()
    assert is_cancelled(told) == [True, True]
    assert doing.groups == [[1, 2]]  # that was waited for as well
    assert await said(anew) == ["did 1", "did 2"]


async def test_without_a_listener_they_are_cancelled_as_well() -> None:
    doing = Doing()
    doing.gathering = Gathering(doing.do, 3)
    told = doing.add(1)
    doing.cancel()
    await doing.gathering.done()
    assert is_cancelled(told) == [True]


# --- what is put back -------------------------------------------------------------------------
@pytest.mark.parametrize("fails", [False, True])
async def test_what_is_put_back_comes_first_in_the_next_group(*, fails: bool) -> None:
    """Those in front of it are told; it is not, and waits for its turn."""
    doing = Doing(3)

    def first(group: list[Waiting[int, str]]) -> None:
        if len(doing.groups) < 3:
            doing.gathering.put_back(group, 1)
            if fails:
                raise ValueError("injected")

    doing.first = first
    told = await doing.held(1, 2, 3, 4)
    done = asyncio.ensure_future(doing.gathering.done())
    doing.go.set()
    await done
    assert all(one.done() for one in told)
    assert doing.groups == [[1, 2, 3], [2, 3, 4], [3, 4]]
    assert [str(one) for one in await said(told)] == [
        *(["injected"] * 2 if fails else ["did 1", "did 2"]), "did 3", "did 4",
    ]  # fmt: skip


async def test_nothing_may_be_put_back_and_all() -> None:
    doing = Doing()
    places = iter((2, 0))
    doing.first = lambda group: doing.gathering.put_back(group, next(places, len(group)))
    assert await said(doing.add(1, 2)) == ["did 1", "did 2"]
    assert doing.groups == [[1, 2]]
    assert await said(doing.add(3, 4)) == ["did 3", "did 4"]
    assert doing.groups == [[1, 2], [3, 4], [3, 4]]


# --- the end ----------------------------------------------------------------------------------
async def test_who_waits_for_the_end_may_give_up() -> None:
    doing = Doing()
    await doing.gathering.done()  # nothing was ever added
    (told,) = await doing.held(1)
    done = asyncio.ensure_future(doing.gathering.done())
    await asyncio.sleep(0)
    done.cancel()
    with pytest.raises(asyncio.CancelledError):
        await done
    doing.go.set()
    assert await told == "did 1"


def test_a_loop_that_is_closed_holds_up_nobody() -> None:
    """As where a program stops its loop in the middle of something, and begins another one."""
    doing = Doing(1)
    loop = asyncio.new_event_loop()
    loop.set_exception_handler(lambda *_: None)  # of the task that is never ended
    left = loop.run_until_complete(doing.held(1, 2))
    loop.close()

    async def main() -> None:
        assert not doing.gathering.busy
        await doing.gathering.done()
        doing.go = asyncio.Event()
        doing.go.set()
        assert await said(doing.add(3)) == ["did 3"]

    asyncio.run(main())
    assert (doing.groups, doing.dropped) == ([[1], [3]], [2])
    assert not any(one.done() for one in left)


@pytest.mark.skipif(not hasattr(asyncio, "eager_task_factory"), reason="since Python 3.12")
async def test_a_loop_whose_tasks_begin_at_once_drops_nothing() -> None:
    loop, eager = asyncio.get_running_loop(), getattr(asyncio, "eager_task_factory", None)
    doing = Doing()
    loop.set_task_factory(eager)
    try:
        assert [await one for one in doing.add(1)] == ["did 1"]
        assert [await one for one in doing.add(2, 3)] == ["did 2", "did 3"]
    finally:
        loop.set_task_factory(None)
    assert not doing.dropped


async def test_a_group_waits_as_long_as_each_turn_brings_more() -> None:
    """And so many turns at most; what comes after a turn that brought nothing is the next group."""
    doing = Doing(100, turns=3)
    told = doing.add(0)
    for item in range(1, 8):
        await asyncio.sleep(0)
        told += doing.add(item)
    assert await said(told) == [f"did {item}" for item in range(8)]
    assert doing.groups == [[0, 1, 2, 3], [4, 5, 6, 7]]
    told = doing.add(8)
    for _ in range(3):
        await asyncio.sleep(0)
    told += doing.add(9)
    assert await said(told) == ["did 8", "did 9"]
    assert doing.groups[2:] == [[8], [9]]


async def test_a_full_group_waits_for_nobody() -> None:
    doing = Doing(2, turns=3)
    told = doing.add(0, 1)
    await asyncio.sleep(0)
    told += doing.add(2)
    await asyncio.sleep(0)
    assert doing.groups == [[0, 1]]
    assert await said(told) == ["did 0", "did 1", "did 2"]
