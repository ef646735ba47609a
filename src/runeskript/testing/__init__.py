"""Shipped for users' own tests: run a skript synchronously, with mocks and a virtual clock.

Names are loaded on first use: pytest imports this package for its plugin in every project that has
Runeskript installed.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .crashes import crash_all
    from .mocks import DEAF, HANG, After
    from .outcome import Outcome
    from .simulation import Simulation, simulate
    from .trials import Trials

_HOME = {
    "DEAF": "mocks",
    "HANG": "mocks",
    "After": "mocks",
    "Outcome": "outcome",
    "Simulation": "simulation",
    "Trials": "trials",
    "crash_all": "crashes",
    "simulate": "simulation",
}

__all__ = ["DEAF", "HANG", "After", "Outcome", "Simulation", "Trials", "crash_all", "simulate"]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(f".{_HOME[name]}", __name__), name)
    return found
