"""Nearest matches under a budget.

Comparing a name with thousands of others takes tens of milliseconds, and a document may misspell
thousands: past the budget findings come without a hint.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from ...model.nearest import did_you_mean

#: Names that may be compared for one document.
BUDGET: Final = 20_000


class Hints:
    """Finds nearest matches until its budget is spent; the same question costs once."""

    __slots__ = ("_known", "_left")

    def __init__(self) -> None:
        self._left = BUDGET
        self._known: dict[tuple[str, str], str | None] = {}

    def near(self, name: str, kind: str, candidates: Collection[str]) -> str | None:
        """The sentence for a hint, or None. ``kind`` says which candidates these are."""
        key = (name, kind)
        if key not in self._known:
            if self._left < len(candidates):
                return None
            self._left -= len(candidates)
            self._known[key] = did_you_mean(name, candidates)
        return self._known[key]
