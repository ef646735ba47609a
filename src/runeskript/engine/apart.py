"""Work that reads a journal from its beginning, beside the loop where it is long."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final, TypeVar

from ..stores.leases import Loaded

#: Events up to which it takes no longer than what others wait for anyway; a thread costs more.
SHORT: Final = 500
T = TypeVar("T")


async def apart(loaded: Loaded, work: Callable[..., T], *args: Any) -> T:
    """What ``work`` makes of a journal, in a thread if that is long."""
    if loaded.row.seq - loaded.first <= SHORT:
        return work(*args)
    return await asyncio.to_thread(work, *args)
