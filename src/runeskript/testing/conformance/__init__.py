"""The conformance suite: what every store has to do, as checks that run against yours.

With pytest, derive a class from ``StoreConformance`` and say how a store is opened::

    class TestMyStore(StoreConformance):
        @pytest.fixture(autouse=True)
        def place(self, tmp_path):
            self.path = tmp_path / "jobs"

        def open_store(self, now):
            return MyStore(self.path, now)

Each check is a test of its own with a fresh instance, and so a fresh place. Without pytest,
``run_check`` runs one. A store that keeps nothing says ``durable = False``.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Final

from ...stores.base import Store
from . import begun, jobs, keeping, limits, messages, replies, units, workers
from .world import Check, Opener, World

__all__ = ["CHECKS", "StoreConformance", "run_check"]

#: All checks by name.
CHECKS: Final[dict[str, Check]] = {
    name: check
    for module in (jobs, begun, units, messages, workers, limits, keeping, replies)
    for name, check in module.CHECKS.items()
}


def run_check(name: str, opener: Opener, durable: bool = True) -> None:
    """Run one check against a fresh store. Raises AssertionError where the store is wrong."""

    async def run() -> None:
        world = World(opener, durable)
        try:
            await CHECKS[name](world)
        finally:
            await world.close()

    asyncio.run(run())


class StoreConformance(ABC):
    """Base of a test class for pytest; see the package's text."""

    #: Whether what was committed is there when the store is opened again.
    durable = True

    @abstractmethod
    def open_store(self, now: Callable[[], int]) -> Store:
        """The store under test, at the place of this instance; opened again after a close."""

    def pytest_generate_tests(self, metafunc: Any) -> None:
        """Make a test of each check."""
        if "conformance_check" in metafunc.fixturenames:
            metafunc.parametrize("conformance_check", sorted(CHECKS))

    def test_conformance(self, conformance_check: str) -> None:
        """The store does what every store has to do."""
        run_check(conformance_check, self.open_store, self.durable)
