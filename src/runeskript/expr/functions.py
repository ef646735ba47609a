"""The function table: every function an expression can call that no document defines."""

from __future__ import annotations

from .library import lists, numbers, objects, text
from .library.table import REQUIRED, Function, Param

__all__ = ["FUNCTIONS", "REQUIRED", "Function", "Param"]

#: All functions by name, in the order of the reference.
FUNCTIONS: dict[str, Function] = {
    **numbers.ROWS,
    **text.ROWS,
    **lists.ROWS,
    **objects.ROWS,
}
