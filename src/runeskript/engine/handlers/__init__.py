"""Handlers: the plugins that ``call`` runs. Declaring, registering, finding and describing them.

Names are loaded on first use: the context of a call is a msgspec struct, and a run that calls
nothing must not pay for that library.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .context import HandlerContext
    from .decorator import FunctionHandler, Handler, handler
    from .limits import concurrency, rate
    from .registry import HandlerRegistry

__all__ = [
    "FunctionHandler",
    "Handler",
    "HandlerContext",
    "HandlerRegistry",
    "concurrency",
    "handler",
    "rate",
]

_HOME = {
    "FunctionHandler": "decorator",
    "Handler": "decorator",
    "HandlerContext": "context",
    "HandlerRegistry": "registry",
    "concurrency": "limits",
    "handler": "decorator",
    "rate": "limits",
}


def __getattr__(name: str) -> Any:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f".{home}", __name__), name)
    globals()[name] = value
    return value
