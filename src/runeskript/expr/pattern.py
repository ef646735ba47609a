"""Patterns that match in linear time, whatever they were written as (``read_pattern.py``).

A pattern becomes a position automaton (Glushkov 1961) whose set of states is one int; transitions
are remembered, which makes it a lazily built DFA. There is no backtracking, so no pattern can be
made slow by the text it meets.
"""

from __future__ import annotations

import sys
from bisect import bisect_right
from collections.abc import Iterator
from typing import Any, Final

from ..model.records import record

#: Character positions of one pattern after repetitions are written out.
POSITIONS: Final = 500
#: Parts of one pattern after repetitions are written out, those that take no character included.
PARTS: Final = 10_000
#: Remembered transitions of one pattern.
_MEMO: Final = 4_096

Ranges = tuple[tuple[str, str], ...]


class PatternError(ValueError):
    """A pattern outside the subset; the text says what is not allowed."""


@record
class Chars:
    """A set of characters; ``parts`` are (negated, ranges), united."""

    parts: tuple[tuple[bool, Ranges], ...]
    negated: bool = False

    def __contains__(self, char: str) -> bool:
        for negated, ranges in self.parts:
            if any(low <= char <= high for low, high in ranges) != negated:
                return not self.negated
        return self.negated

    def cuts(self) -> Iterator[str]:
        """The characters at which a stretch of members, or of others, begins."""
        for _, ranges in self.parts:
            for low, high in ranges:
                yield low
                if ord(high) < sys.maxunicode:
                    yield chr(ord(high) + 1)


# A node: ("set", Chars) | ("cat", nodes) | ("alt", nodes) | ("repeat", node, low, high | None)
Node = tuple[Any, ...]


class Pattern:
    """A compiled pattern; ``matches`` looks for it in a text."""

    __slots__ = ("_accept", "_cuts", "_first", "_follow", "_members", "_memo", "_open", "_parts",
                 "_sets", "_tail", "size")  # fmt: skip

    def __init__(self, node: Node, *, start: bool, end: bool) -> None:
        #: Nodes visited while building; a repetition of nothing makes no position, yet takes time.
        self._parts = 0
        self._sets: list[Chars] = []
        self._follow: list[int] = []
        empty, self._first, self._accept = self._build(node)
        #: Whether the empty text matches, whether a match may begin or end anywhere.
        self._tail = end
        self._open = not start
        # State -1 stands for "nothing read yet", so that it differs from the dead state 0.
        self._memo: dict[tuple[int, str], int] = {}
        if empty:
            self._accept |= 1 << len(self._sets)
        self.size = len(self._sets)
        #: Between two cuts all characters are alike; their number -> the positions they fit.
        self._cuts = sorted({cut for one in self._sets for cut in one.cuts()})
        self._members: dict[int, int] = {}

    def matches(self, text: str) -> bool:
        """Whether the pattern is found in ``text`` (in the whole of it where it is anchored)."""
        before = 1 << self.size
        accept, memo, tail = self._accept, self._memo, self._tail
        state = before
        for char in text:
            if not tail and state & accept:
                return True
            key = (state, char)
            known = memo.get(key)
            if known is None:
                if len(memo) >= _MEMO:
                    memo.clear()
                known = memo[key] = self._next(state, char)
            state = known
            if not state:
                return False
        return bool(state & accept)

    def _next(self, state: int, char: str) -> int:
        before = 1 << self.size
        reach = self._first if state & before else 0
        rest = state & ~before
        while rest:
            low = rest & -rest
            reach |= self._follow[low.bit_length() - 1]
            rest ^= low
        kind = bisect_right(self._cuts, char)
        members = self._members.get(kind)
        if members is None:
            members = sum([1 << i for i, one in enumerate(self._sets) if char in one])
            self._members[kind] = members
        return (before if self._open else 0) | reach & members

    def _build(self, node: Node) -> tuple[bool, int, int]:
        """(matches the empty text, first positions, last positions); fills ``_follow``."""
        self._parts += 1
        if self._parts > PARTS:
            raise PatternError("the repetitions are too many")
        tag = node[0]
        if tag == "set":
            if len(self._sets) >= POSITIONS:
                raise PatternError(f"a pattern may have at most {POSITIONS} characters")
            self._sets.append(node[1])
            self._follow.append(0)
            bit = 1 << (len(self._sets) - 1)
            return False, bit, bit
        if tag == "alt":
            parts = [self._build(n) for n in node[1]]
            empty = any(p[0] for p in parts)
            first = last = 0
            for part in parts:
                first |= part[1]
                last |= part[2]
            return empty, first, last
        if tag == "cat":
            total = (True, 0, 0)
            for n in node[1]:
                total = self._join(total, self._build(n))
            return total
        return self._repeat(node[1], node[2], node[3])

    def _repeat(self, node: Node, low: int, high: int | None) -> tuple[bool, int, int]:
        total = (True, 0, 0)
        if high == 0:
            return total
        for i in range(low if high is None else high):
            part = self._build(node)
            optional = i >= low
            if high is None and i == low - 1:
                self._link(part[2], part[1])
            total = self._join(total, (part[0] or optional, part[1], part[2]))
        if high is None and low == 0:
            _, first, last = self._build(node)
            self._link(last, first)
            total = (True, first, last)
        return total

    def _join(
        self, left: tuple[bool, int, int], right: tuple[bool, int, int]
    ) -> tuple[bool, int, int]:
        self._link(left[2], right[1])
        first = left[1] | right[1] if left[0] else left[1]
        last = left[2] | right[2] if right[0] else right[2]
        return left[0] and right[0], first, last

    def _link(self, lasts: int, first: int) -> None:
        while lasts:
            low = lasts & -lasts
            self._follow[low.bit_length() - 1] |= first
            lasts ^= low
