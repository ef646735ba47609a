"""A simulated process: an event loop, the production runtime, and a store that lets it down."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Final, Protocol

from ...engine.handlers import HandlerContext, handler
from ...engine.ids import SeededIds
from ...engine.runtime import Runtime
from ...errors import StoreError
from ...model.blueprint import HandlerRef
from ...model.values import copy_value
from ...stores.base import Committed, JobRow, Store, Unit
from ..faults import InjectedError
from ..mocks import HANG, After, Mock
from .fate import Fate
from .ledger import Ledger
from .loop import SteppedLoop, VirtualClock, VirtualTime, close

#: What nothing happens to: a clock, what is no operation, and waiting.
_SAFE: Final = frozenset(("now", "locked", "be_for_many", "wait", "close"))
#: Seconds for which a handler goes on at least that a cancel means nothing to.
DEAF: Final = 0.4
#: Seconds after which what ``broken="effects"`` has promised is written.
LATE: Final = 0.02


class World(Protocol):
    """The cluster, as its processes see it; see ``world.py``."""

    seed: int
    time: VirtualTime
    fate: Fate
    ledger: Ledger
    lease: int
    env: dict[str, str]
    patience: float
    broken: Any

    def open_store(self) -> Store: ...  # noqa: D102 - see Cluster
    def mocks(self) -> Iterator[tuple[HandlerRef, Mock]]: ...  # noqa: D102
    def row(self, job: str) -> JobRow | None: ...  # noqa: D102
    def note(self, who: str, text: str) -> None: ...  # noqa: D102
    def began(self, process: Any, name: str, params: Any, ctx: HandlerContext) -> None: ...  # noqa: D102
    def acted(self, process: Any, name: str, ctx: HandlerContext) -> None: ...  # noqa: D102
    def left(self, token: str, result: Any, seconds: float) -> None: ...  # noqa: D102


class Process:
    """One process of the cluster; killed by ``loop.die()``."""

    def __init__(self, world: World, name: str, number: int) -> None:
        self.world = world
        self.name = name
        # The type checker knows sockets and signals as abstract; asyncio does not.
        self.loop = SteppedLoop(world.time)  # type: ignore[abstract]
        self.inner: Store = world.open_store()
        self.store: Any = SimulatedStore(self)
        #: Ids differ from process to process, and are the same for the same seed.
        self.ids = ProcessIds(world.seed * 1_000 + number, f"{name}.{number}")

    def start(self, main: Callable[[Process], Coroutine[Any, Any, None]]) -> None:
        """Have the process begin."""
        self.loop.create_task(self._main(main))

    async def _main(self, main: Callable[[Process], Coroutine[Any, Any, None]]) -> None:
        body = main(self)
        try:
            await body
        except StoreError as exc:
            self.world.note(self.name, f"ends: {exc}")
        except Exception as exc:
            if self.loop.dead:
                close(body)
            else:
                self.world.ledger.find("defect", f"{self.name}: {type(exc).__name__}: {exc}")
        self.loop.die()

    async def die(self) -> None:
        """End here and now, without a word."""
        self.world.note(self.name, "dies")
        self.loop.die()
        await asyncio.Future(loop=self.loop)

    def runtime(self) -> Runtime:
        """The production runtime of this process."""
        return Runtime(
            store=self.store,
            handlers=[self._handler(*row) for row in self.world.mocks()],
            clock=VirtualClock(self.world.time, self.loop, self.world.patience),
            ids=self.ids,
            discover_handlers=False,
            lease=self.world.lease,
            grace=self.world.fate.grace,
            env=self.world.env,
        )

    # --- handlers -------------------------------------------------------------------------------
    def _handler(self, ref: HandlerRef, mock: Mock) -> Any:
        async def call(params: dict[str, Any], ctx: HandlerContext) -> Any:
            return await self._call(ref.name, mock, params, ctx)

        declare = handler(ref.name, pure=ref.pure, idempotent=ref.idempotent, mode="async")
        return declare(call)

    async def _call(
        self, name: str, mock: Mock, params: dict[str, Any], ctx: HandlerContext
    ) -> Any:
        world, fate = self.world, self.world.fate
        world.began(self, name, copy_value(params), ctx)
        if fate.handler("start"):
            await self.die()
        result = mock(params)
        delay = 0.0
        if isinstance(result, After):
            delay, result = result.ms / 1000, result.result
        elif not fate.over:
            delay = fate.faults.choice((0.0, 0.0, 0.0, 0.002, 0.02, 0.3))
        if result is HANG:
            await asyncio.Future()
        if fate.leaves(ctx.token) and not isinstance(result, Exception):
            world.acted(self, name, ctx)
            world.left(ctx.token, result, delay)
            return ctx.pending()
        if fate.ignores(ctx.token):
            await _go_on(delay + DEAF)
        elif delay:
            await asyncio.sleep(delay)
        if isinstance(result, Exception):
            if fate.handler("end"):
                await self.die()
            raise result
        world.acted(self, name, ctx)
        if fate.handler("end"):
            await self.die()
        return result


async def _go_on(seconds: float) -> None:
    """Sleep, whoever asks this to stop."""
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    while (left := until - loop.time()) > 0:
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(left)


class ProcessIds(SeededIds):
    """Ids that no other process of the cluster uses."""

    __slots__ = ("_name",)

    def __init__(self, seed: int, name: str) -> None:
        super().__init__(seed)
        self._name = name

    def job_id(self) -> str:
        """``WORKER-job-1`` ..."""
        return f"{self._name}-{super().job_id()}"

    def message_id(self) -> str:
        """``WORKER-message-1`` ..."""
        return f"{self._name}-{super().message_id()}"

    def worker_id(self) -> str:
        """The process's name."""
        return self._name


class SimulatedStore:
    """The store as one process sees it: slow, failing, and witnessed by the ledger."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._inner = process.inner
        self._order = asyncio.Lock()

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if name in _SAFE or name.startswith("_"):
            return found
        return partial(self._call, name, self._commit if name == "commit" else found)

    async def close(self) -> None:
        """The world closes it."""

    async def _call(
        self, name: str, operation: Callable[..., Coroutine[Any, Any, Any]], *args: Any, **more: Any
    ) -> Any:
        process, fate = self._process, self._process.world.fate
        if process.loop.dead:
            raise StoreError("this process is dead")
        fault = fate.operation(name)
        if fault is not None:
            process.world.note(process.name, f"{name}: {fault}")
        delay = fate.delay()
        if delay:
            await asyncio.sleep(delay)
        if fault == "die before":
            await process.die()
        if fault == "before":
            raise InjectedError(f"injected before {name}")
        result = await operation(*args, **more)
        if fault == "die after":
            await process.die()
        if fault == "twice":
            again = await operation(*args, **more)
            result = again if name == "commit" else result
        delay = fate.delay()
        if delay:
            await asyncio.sleep(delay)
        if fault == "after":
            raise InjectedError(f"injected after {name}")
        if name == "commit":
            self._told(args[0], result)
        return result

    # --- commits --------------------------------------------------------------------------------
    async def _commit(self, units: Sequence[Unit]) -> list[Committed]:
        world = self._process.world
        if world.broken == "effects":
            self._process.loop.create_task(self._later(units))
            return [Committed("ok") for _ in units]
        if world.broken == "fencing":
            units = [self._unfenced(unit) for unit in units]
        return await self._apply(units)

    async def _apply(self, units: Sequence[Unit]) -> list[Committed]:
        world = self._process.world
        outcomes = await self._inner.commit(units)
        for unit, committed in zip(units, outcomes, strict=True):
            world.note(self._process.name, f"{committed.outcome} {_shown(unit)}")
            if committed.outcome in ("ok", "already", "limited"):
                world.ledger.written(unit)
        return outcomes

    async def _later(self, units: Sequence[Unit]) -> None:
        """What a store does that says `durable` too early."""
        async with self._order:
            await asyncio.sleep(LATE)
            await self._apply(units)

    def _unfenced(self, unit: Unit) -> Unit:
        """The unit as a store would take it that asks neither who owns the job nor what is new."""
        row = self._process.world.row(unit.job)
        if row is None or row.owner is None:
            return unit
        return unit._replace(epoch=row.epoch, first=row.seq) if unit.events else unit

    def _told(self, units: Sequence[Unit], outcomes: Sequence[Committed]) -> None:
        for unit, committed in zip(units, outcomes, strict=True):
            if committed.outcome in ("ok", "already", "limited"):
                self._process.world.ledger.promised(unit)


def _shown(unit: Unit) -> str:
    kinds = " ".join(type(event).__name__ for event in unit.events)
    status = "" if unit.row is None else f" -> {unit.row.status}"
    return f"{unit.job} epoch {unit.epoch} at {unit.first}.{unit.part}: {kinds}{status}"
