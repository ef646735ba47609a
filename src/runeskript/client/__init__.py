"""A typed client of the service, for programs that do not share its process.

::

    with Client("http://127.0.0.1:8765", token="rune_...") as client:
        job = client.submit(skript="order", data={"items": 3}, key="order-7")
        print(client.result(job.id))

:class:`AsyncClient` has the same methods, to be awaited. What they send and answer are the types of
``runeskript.service.types``; what the service refuses is raised as the exception it was there.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .aio import AsyncClient
    from .sync import Client

_HOME = {"AsyncClient": "aio", "Client": "sync"}

__all__ = ["AsyncClient", "Client"]


def __getattr__(name: str) -> Any:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f".{home}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
