"""Patterns from text: globs, and a safe subset of regular expressions."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from .faults import bad_value
from .pattern import Chars, Node, Pattern, PatternError, Ranges
from .runtime import Context, burn

#: Characters of one pattern.
LENGTH: Final = 1_000
#: Nesting of groups.
GROUPS: Final = 20

_DIGIT: Ranges = (("0", "9"),)
_WORD: Ranges = (("0", "9"), ("A", "Z"), ("_", "_"), ("a", "z"))
# ECMA-262 white space and line terminators.
_SPACE: Ranges = (
    ("\t", "\r"), (" ", " "), ("\xa0", "\xa0"), ("\u1680", "\u1680"), ("\u2000", "\u200a"),
    ("\u2028", "\u2029"), ("\u202f", "\u202f"), ("\u205f", "\u205f"), ("\u3000", "\u3000"),
    ("\ufeff", "\ufeff"),
)  # fmt: skip
_CLASSES: Final = {"d": _DIGIT, "w": _WORD, "s": _SPACE}
_ESCAPES: Final = {"n": "\n", "t": "\t", "r": "\r", "f": "\f", "v": "\v"}
_NEWLINE: Ranges = (("\n", "\n"), ("\r", "\r"), ("\u2028", "\u2029"))
_ANY: Final = Chars((), negated=True)
_ANY_BUT_NEWLINE: Final = Chars(((False, _NEWLINE),), negated=True)


def _char(char: str) -> Node:
    return ("set", Chars(((False, ((char, char),)),)))


def _single(part: tuple[bool, Ranges]) -> bool:
    """Whether a member of a bracket is one character."""
    negated, ranges = part
    return not negated and len(ranges) == 1 and ranges[0][0] == ranges[0][1]


class _Reader:
    """Reads a regular expression into nodes."""

    __slots__ = ("groups", "i", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.i = 0
        self.groups = 0

    def peek(self) -> str:
        return self.text[self.i] if self.i < len(self.text) else ""

    def alternatives(self) -> Node:
        options = [self.sequence()]
        while self.peek() == "|":
            self.i += 1
            options.append(self.sequence())
        return ("alt", options) if len(options) > 1 else options[0]

    def sequence(self) -> Node:
        nodes: list[Node] = []
        while (char := self.peek()) and char not in "|)":
            nodes.append(self.quantified(self.atom()))
        return ("cat", nodes)

    def atom(self) -> Node:
        char = self.peek()
        self.i += 1
        if char == "(":
            return self.group()
        if char == "[":
            return self.bracket()
        if char == ".":
            return ("set", _ANY_BUT_NEWLINE)
        if char == "\\":
            return ("set", Chars((self.escape(),)))
        if char in "*+?{":
            raise PatternError(f"`{char}` at {self.i - 1} has nothing to repeat")
        if char in "^$":
            end = "start" if char == "^" else "end"
            raise PatternError(f"`{char}` may only stand at the {end}")
        return _char(char)

    def group(self) -> Node:
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

    def escape(self) -> tuple[bool, Ranges]:
        char = self.peek()
        self.i += 1
        if char.lower() in _CLASSES:
            return char.isupper(), _CLASSES[char.lower()]
        char = _ESCAPES.get(char, char)
        if not char or (char.isalnum() and char.isascii()):
            raise PatternError(f"`\\{char}` is not allowed")
        return False, ((char, char),)

    def bracket(self, negation: str = "^") -> Node:
        negated = self.peek() == negation
        if negated:
            self.i += 1
        parts: list[tuple[bool, Ranges]] = []
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
        return ("set", Chars(tuple(parts), negated))

    def member(self) -> tuple[bool, Ranges]:
        char = self.peek()
        self.i += 1
        if char == "\\":
            return self.escape()
        if not char:
            raise PatternError("a `[` is not closed")
        return False, ((char, char),)

    def quantified(self, node: Node) -> Node:
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
    nodes: list[Node] = []
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
