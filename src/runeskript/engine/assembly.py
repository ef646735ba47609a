"""Puts together what runs the jobs of one runtime: driver, lanes, outlet, recovery.

With telemetry these are the observed kinds of the same; without it nothing of it is imported, and
none of them asks whether somebody listens.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from ..model.rows import NamedTuple
from ..model.values import Value
from ..stores import Store
from ..stores.memory import MemoryStore
from .children import Children
from .clock import Clock
from .driver import Driver
from .effects import Outlet
from .executors.lanes import Lanes
from .handlers.limits import CallLimit
from .handlers.registry import HandlerRegistry
from .ids import Ids
from .lease import Lease
from .placing import Placing
from .recovery import Recovery
from .resources import Resources
from .secrets import Vault
from .skripts import Skripts


class Kinds(NamedTuple):
    """The classes of what is put together."""

    driver: type[Driver] = Driver
    lanes: type[Lanes] = Lanes
    outlet: type[Outlet] = Outlet
    recovery: type[Recovery] = Recovery


class Observer(Protocol):
    """Who tells of a runtime from outside, as the runtime sees it: see ``telemetry``."""

    def kinds(self) -> Kinds:
        """What is put together in place of what nobody listens to."""

    def watched(self, store: Store) -> Store:
        """The store that the driver writes to. Raises RuntimeOptionError for a second runtime."""

    def watch(self, driver: Driver) -> None:
        """The driver is there: nothing has arrived in it yet."""

    def submitting(self, id_: str, skript: str, labels: dict[str, str]) -> dict[str, str]:
        """The labels of a job that is about to be submitted."""

    def closed(self) -> None:
        """The runtime is closed."""


class Given(NamedTuple):
    """What a runtime has when it is entered."""

    store: Store
    lease: Lease
    clock: Clock
    ids: Ids
    vault: Vault
    env: Callable[[Sequence[str]], dict[str, Value]]
    resources: Resources
    registry: HandlerRegistry
    skripts: Skripts
    sizes: tuple[int, int, int]
    limits: Mapping[str, tuple[CallLimit, ...]]
    queues: tuple[str, ...] | None
    observer: Observer | None


def assemble(given: Given) -> tuple[Driver, Lanes, Recovery]:
    """The driver with all it needs, its lanes, and who goes on with jobs that others began."""
    store, lease, skripts, observer = given.store, given.lease, given.skripts, given.observer
    kinds = Kinds()
    if observer is not None:
        store, kinds = observer.watched(store), observer.kinds()
    driver = kinds.driver(
        store, lease, given.clock, given.ids, given.vault, given.env, given.resources.shared
    )
    if observer is not None:
        observer.watch(driver)
    lanes = kinds.lanes(driver, given.registry, given.sizes, given.limits)
    driver.tasks = lanes.tasks
    driver.lanes = lanes
    children = Children(store, skripts, given.clock, lease, driver.full)
    placing = Placing(
        driver, store, skripts, given.registry, given.clock, lease, given.queues is None
    )
    driver.outlet = kinds.outlet(driver, lanes, children, placing)
    driver.on_slot = driver.outlet.granted
    driver.snapshots = not isinstance(given.store, MemoryStore)
    return driver, lanes, kinds.recovery(driver, skripts, given.registry)
