"""Patterns that match in linear time: globs, and a safe subset of regular expressions.

A pattern becomes a position automaton (Glushkov 1961) whose set of states is one int; transitions
are remembered, which makes it a lazily built DFA. There is no backtracking, so no pattern can be
made slow by the text it meets.
"""

from __future__ import annotations

import sys
from bisect import bisect_right
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, Final

from ..model.records import record
from .faults import bad_value
from .runtime import Context, burn

#: Character positions of one pattern after repetitions are written out.
POSITIONS: Final = 500
#: Characters of one pattern.
LENGTH: Final = 1_000
#: Parts of one pattern after repetitions are written out, those that take no character included.
PARTS: Final = 10_000
#: Nesting of groups.
GROUPS: Final = 20
#: Remembered transitions of one pattern.
_MEMO: Final = 4_096

_Ranges = tuple[tuple[str, str], ...]
_DIGIT: _Ranges = (("0", "9"),)
_WORD: _Ranges = (("0", "9"), ("A", "Z"), ("_", "_"), ("a", "z"))
# ECMA-262 white space and line terminators.
_SPACE: _Ranges = (
    ("\t", "\r"), (" ", " "), ("\xa0", "\xa0"), ("\u1680", "\u1680"), ("\u2000", "\u200a"),
    ("\u2028", "\u2029"), ("\u202f", "\u202f"), ("\u205f", "\u205f"), ("\u3000", "\u3000"),
    ("\ufeff", "\ufeff"),
)  # fmt: skip
_CLASSES: Final = {"d": _DIGIT, "w": _WORD, "s": _SPACE}
_ESCAPES: Final = {"n": "\n", "t": "\t", "r": "\r", "f": "\f", "v": "\v"}


class PatternError(ValueError):
    """A pattern outside the subset; the text says what is not allowed."""


@record
class _Set:
    """A set of characters; ``parts`` are (negated, ranges), united."""

    parts: tuple[tuple[bool, _Ranges], ...]
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


_ANY: Final = _Set((), negated=True)
_ANY_BUT_NEWLINE: Final = _Set(((False, (("\n", "\n"), ("\r", "\r"), ("\u2028", "\u2029"))),), True)

# A node: ("set", _Set) | ("cat", nodes) | ("alt", nodes) | ("repeat", node, low, high | None)
_Node = tuple[Any, ...]


def _char(char: str) -> _Node:
    return ("set", _Set(((False, ((char, char),)),)))


def _single(part: tuple[bool, _Ranges]) -> bool:
    """Whether a member of a bracket is one character."""
    negated, ranges = part
    return not negated and len(ranges) == 1 and ranges[0][0] == ranges[0][1]


class Pattern:
    """A compiled pattern; ``matches`` looks for it in a text."""

    __slots__ = ("_accept", "_cuts", "_first", "_follow", "_members", "_memo", "_open", "_parts",
                 "_sets", "_tail", "size")  # fmt: skip

    def __init__(self, node: _Node, *, start: bool, end: bool) -> None:
        #: Nodes visited while building; a repetition of nothing makes no position, yet takes time.
        self._parts = 0
        self._sets: list[_Set] = []
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

    def _build(self, node: _Node) -> tuple[bool, int, int]:
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

    def _repeat(self, node: _Node, low: int, high: int | None) -> tuple[bool, int, int]:
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


class _Reader:
    """Reads a regular expression into nodes."""

    __slots__ = ("groups", "i", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.i = 0
        self.groups = 0

    def peek(self) -> str:
        return self.text[self.i] if self.i < len(self.text) else ""

    def alternatives(self) -> _Node:
        options = [self.sequence()]
        while self.peek() == "|":
            self.i += 1
            options.append(self.sequence())
        return ("alt", options) if len(options) > 1 else options[0]

    def sequence(self) -> _Node:
        nodes: list[_Node] = []
        while (char := self.peek()) and char not in "|)":
            nodes.append(self.quantified(self.atom()))
        return ("cat", nodes)

    def atom(self) -> _Node:
        char = self.peek()
        self.i += 1
        if char == "(":
            return self.group()
        if char == "[":
            return self.bracket()
        if char == ".":
            return ("set", _ANY_BUT_NEWLINE)
        if char == "\\":
            return ("set", _Set((self.escape(),)))
        if char in "*+?{":
            raise PatternError(f"`{char}` at {self.i - 1} has nothing to repeat")
        if char in "^$":
            end = "start" if char == "^" else "end"
            raise PatternError(f"`{char}` may only stand at the {end}")
        return _char(char)

    def group(self) -> _Node:
        if self.peek() == "?":
            if self.text[self.i : self.i + 2] != "?:":
                raise PatternError("groups with `(?` other than `(?:` are not allowed")
            self.i += 2
        self.groups += 1
        if self.groups > GROUPS:
            raise PatternError(f"groups are nested deeper than {GROUPS}")
        node = self.alternatives()
        self.groups -= 1
        if self.peek() != ")":
            raise PatternError("a group is not closed")
        self.i += 1
        return node

    def escape(self) -> tuple[bool, _Ranges]:
        char = self.peek()
        self.i += 1
        if char.lower() in _CLASSES:
            return char.isupper(), _CLASSES[char.lower()]
        char = _ESCAPES.get(char, char)
        if not char or (char.isalnum() and char.isascii()):
            raise PatternError(f"`\\{char}` is not allowed")
        return False, ((char, char),)

    def bracket(self, negation: str = "^") -> _Node:
        negated = self.peek() == negation
        if negated:
            self.i += 1
        parts: list[tuple[bool, _Ranges]] = []
        while (char := self.peek()) != "]" or not parts:
            if not char:
                raise PatternError("a `[` is not closed")
            low = self.member()
            if self.peek() == "-" and self.text[self.i + 1 : self.i + 2] not in ("]", ""):
                self.i += 1
                high = self.member()
                if not (_single(low) and _single(high)):
                    raise PatternError("a range goes from one character to another")
                if high[1][0][0] < low[1][0][0]:
                    raise PatternError("a range goes backwards")
                low = (False, ((low[1][0][0], high[1][0][0]),))
            parts.append(low)
        self.i += 1
        return ("set", _Set(tuple(parts), negated))

    def member(self) -> tuple[bool, _Ranges]:
        char = self.peek()
        self.i += 1
        if char == "\\":
            return self.escape()
        if not char:
            raise PatternError("a `[` is not closed")
        return False, ((char, char),)

    def quantified(self, node: _Node) -> _Node:
        char = self.peek()
        if not char or char not in "*+?{":
            return node
        self.i += 1
        low, high = {"*": (0, None), "+": (1, None), "?": (0, 1), "{": (0, 0)}[char]
        if char == "{":
            low, high = self.counts()
        if self.peek() and self.peek() in "*+?{":
            raise PatternError(f"`{char}{self.peek()}` is not allowed")
        return ("repeat", node, low, high)

    def counts(self) -> tuple[int, int | None]:
        end = self.text.find("}", self.i)
        low, comma, high = self.text[self.i : end].partition(",") if end > 0 else ("", "", "")
        for number in (low, high):
            if not (number.isascii() and (number.isdigit() or number == "")) or len(number) > 3:
                raise PatternError("`{` needs counts such as {2}, {2,} or {2,5}")
        if not low:
            raise PatternError("`{` needs counts such as {2}, {2,} or {2,5}")
        self.i = end + 1
        if not comma:
            return int(low), int(low)
        if not high:
            return int(low), None
        if int(high) < int(low):
            raise PatternError("the counts go backwards")
        return int(low), int(high)


@lru_cache(maxsize=256)
def compile_regex(text: str) -> Pattern:
    """A pattern of JSON Schema, found anywhere in a text unless anchored with ``^`` and ``$``.

    Subset: characters, ``.``, classes, ``\\d \\w \\s`` (ASCII digits and words), groups, ``|``, the
    quantifiers ``* + ? {m,n}``; no look-around, back-references or lazy quantifiers. Raises
    :class:`PatternError` for all else.
    """
    if len(text) > LENGTH:
        raise PatternError(f"a pattern may have at most {LENGTH} characters")
    start = text.startswith("^")
    body = text[1:] if start else text
    end = body.endswith("$") and (len(body) - len(body[:-1].rstrip("\\"))) % 2 == 1
    reader = _Reader(body[:-1] if end else body)
    node = reader.alternatives()
    if reader.i < len(reader.text):
        raise PatternError("a `)` closes nothing")
    if node[0] == "alt" and (start or end):
        raise PatternError("put the alternatives between ^ and $ in a group: ^(a|b)$")
    return Pattern(node, start=start, end=end)


@lru_cache(maxsize=256)
def compile_glob(text: str) -> Pattern:
    """``*``, ``?``, ``[...]``, ``[!...]`` and backslash escapes; matches whole texts."""
    if len(text) > LENGTH:
        raise PatternError(f"a pattern may have at most {LENGTH} characters")
    nodes: list[_Node] = []
    reader = _Reader(text)
    while char := reader.peek():
        if char == "*":
            reader.i += 1
            if not nodes or nodes[-1][0] != "repeat":
                nodes.append(("repeat", ("set", _ANY), 0, None))
        elif char == "?":
            reader.i += 1
            nodes.append(("set", _ANY))
        elif char == "[":
            reader.i += 1
            nodes.append(reader.bracket("!"))
        else:
            if char == "\\":
                reader.i += 1
                char = reader.peek()
                if not char:
                    raise PatternError("a backslash at the end stands for nothing")
            reader.i += 1
            nodes.append(_char(char))
    return Pattern(("cat", nodes), start=True, end=True)


def glob_matches(text: str, glob: str, c: Context) -> bool:
    """``match(text, glob)``: an error ``value`` for a pattern that cannot be read."""
    try:
        pattern = compile_glob(glob)
    except PatternError as error:
        raise bad_value(f"match: {error}") from None
    burn(c, (len(text) >> 3) * (1 + (pattern.size >> 4)))
    return pattern.matches(text)
