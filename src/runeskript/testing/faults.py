"""Things that go wrong between a program and its store, for tests.

``FaultyStore`` stands before any store and lets operations fail before they happen, or after they
happened ("written, but the reply was lost"), or delivers them twice. ``HandClock`` is a clock that
goes where a test puts it, back and forth.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, Final, Literal

from ..errors import StoreError
from ..stores.base import Store

#: ``before``: nothing happens, and it fails. ``after``: it happens, and the reply is lost.
#: ``twice``: it is delivered twice; what the second delivery says is the reply.
Fault = Literal["before", "after", "twice"]
FAULTS: Final[tuple[Fault, ...]] = ("before", "after", "twice")


class InjectedError(StoreError):
    """A failure that a test asked for."""


class HandClock:
    """Milliseconds since 1970, as a test has set them."""

    def __init__(self, ms: int = 1_700_000_000_000) -> None:
        self.ms = ms

    def __call__(self) -> int:
        """What it shows."""
        return self.ms

    def pass_ms(self, ms: int) -> None:
        """Let time pass (negative: set the clock back)."""
        self.ms += ms


class FaultyStore:
    """A store before which things go wrong.

    ``plan`` is asked before each operation, with its name, and says what is to happen to it. All
    that a store has besides operations (``now``, attributes) is the inner store's.
    """

    def __init__(self, inner: Store, plan: Callable[[str], Fault | None]) -> None:
        self.inner = inner
        self.plan = plan
        #: What was done, in order: (operation, fault).
        self.log: list[tuple[str, Fault | None]] = []

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.inner, name)
        if name in _OPERATIONS:
            return partial(self._call, name, found)
        return found

    async def _call(
        self, name: str, operation: Callable[..., Coroutine[Any, Any, Any]], *args: Any, **more: Any
    ) -> Any:
        fault = self.plan(name)
        self.log.append((name, fault))
        if fault == "before":
            raise InjectedError(f"injected before {name}")
        result = await operation(*args, **more)
        if fault == "after":
            raise InjectedError(f"injected after {name}")
        if fault == "twice":
            result = await operation(*args, **more)
        return result


_OPERATIONS: Final = frozenset(
    (
        "put_blob",
        "get_blob",
        "submit",
        "post",
        "commit",
        "get",
        "load",
        "load_many",
        "journal",
        "inbox",
        "heartbeat",
        "claim",
        "release",
        "workers",
        "query",
        "tally",
        "changes",
        "get_record",
        "put_record",
        "drop_record",
        "drop_records",
        "list_records",
        "prune",
        "erase",
    )
)


class Once:
    """A plan: one operation, the ``number``-th (from 0) of its name, meets a fault."""

    def __init__(self, name: str, fault: Fault, number: int = 0) -> None:
        self._name = name
        self._fault: Fault = fault
        self._left = number

    def __call__(self, name: str) -> Fault | None:
        """What is to happen to an operation of this name."""
        if name != self._name:
            return None
        self._left -= 1
        return self._fault if self._left == -1 else None
