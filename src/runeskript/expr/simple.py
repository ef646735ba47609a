"""The expressions that nearly all are: read in one pass, without Python's parser.

Names, keys, numbers, texts without escapes, lists, operators, conditions, calls and a comprehension
of one clause. What comes out
is what ``parser.parse_expression`` makes of the same text, in a fifth of the time; a document of
ten thousand steps has as many expressions. Whatever else there is in a text (and whatever is wrong
with it) is left to the full reader, which has the words for it.
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import accumulate
from keyword import kwlist
from string import ascii_letters, digits
from typing import Final, Literal

from ..model.ast import IR, Name
from ..model.limits import EXPRESSION_DEPTH, NAME
from ..model.values import is_text
from .functions import FUNCTIONS

#: The words of the simple language; a name with its keys is one. Neither a name before a quote nor
#: a number before a letter is one: both are mistakes with messages of their own.
_WORD: Final = re.compile(
    r"""([A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*(?!['"])
    |(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,15})?(?![A-Za-z0-9_.])
    |'[^'\\\x00-\x1f]*'|"[^"\\\x00-\x1f]*"
    |\.[A-Za-z_][A-Za-z0-9_]*
    |\*\*|//|[=!<>]=|[-+*/%<>(),\[\]])""",
    re.VERBOSE,
)
#: Stands behind the last word; nothing begins with it.
_END: Final = "$"
#: Longer texts may nest deeper than expressions are allowed to, and are rare.
_LENGTH: Final = 240

_NAME, _NUMBER, _TEXT, _OPEN, _LIST, _SIGNED = range(6)
#: What an operand is, by its first character.
_KINDS: Final = {
    **dict.fromkeys(ascii_letters + "_", _NAME),
    **dict.fromkeys(digits, _NUMBER),
    **dict.fromkeys("'\"", _TEXT),
    "(": _OPEN,
    "[": _LIST,
    "-": _SIGNED,
    "+": _SIGNED,
}
_CONSTANTS: Final[dict[str, IR]] = {
    "true": ("const", True),
    "True": ("const", True),
    "false": ("const", False),
    "False": ("const", False),
    "null": ("const", None),
    "None": ("const", None),
}
#: What makes an operand of the word before it more than that word.
_BEHIND: Final = frozenset("([")
#: Words that are no variable, for one reason or another.
_RESERVED: Final = frozenset((*kwlist, *_CONSTANTS, "secrets"))

_TERNARY, _OR, _AND, _NOT, _COMPARE, _SUM, _PRODUCT, _SIGN, _POWER = range(9)
#: How tightly an operator binds.
_BINDS: Final = {
    "if": _TERNARY,
    "or": _OR,
    "and": _AND,
    **dict.fromkeys(("==", "!=", "<", "<=", ">", ">=", "in", "not"), _COMPARE),
    **dict.fromkeys("+-", _SUM),
    **dict.fromkeys(("*", "/", "//", "%"), _PRODUCT),
    "**": _POWER,
}
_BINARY: Final = frozenset((_SUM, _PRODUCT))
_TAGS: Final = {
    "+": "add", "-": "sub", "*": "mul", "/": "div", "//": "floordiv", "%": "mod",
}  # fmt: skip


class _OtherError(Exception):
    """The text holds something that is not simple, or is wrong."""


def read_simple(
    text: str, locals_: tuple[str, ...]
) -> tuple[IR, tuple[Name, ...], tuple[Name, ...]] | None:
    """The IR of an expression, the names in it and the name that a comprehension binds; None where
    the full reader has to look."""
    if len(text) > _LENGTH or not (text.isascii() or is_text(text)):
        return None
    parts = _WORD.split(text)
    # Words stand at the odd places; between them there may be blanks and nothing else.
    if "".join(parts[::2]).strip(" ") or "++" in text:  # `++` is a mistake of its own
        return None
    words = parts[1::2]
    if len(words) + text.count(".") >= EXPRESSION_DEPTH:
        return None
    words.append(_END)
    reader = _Reader(words, locals_)
    try:
        ir = reader.read(_TERNARY)
    except _OtherError:
        return None
    if reader.at != len(words) - 1:
        return None
    names, bound = reader.names, reader.bound
    if not names and not bound:
        return ir, (), ()
    if len(parts) == 3:
        return ir, (Name(names[0][0], len(parts[0]), names[0][2]),), ()
    ends = list(accumulate(map(len, parts)))
    binds = (Name(words[bound], ends[2 * bound], "variable"),) if bound else ()
    return ir, tuple([Name(name, ends[2 * at], kind) for name, at, kind in names]), binds


@lru_cache(8192)
def _plain(word: str) -> tuple[IR, str] | None:
    """What a word means that is an operand by itself: its IR, and the variable in it ("": none).

    Kept, because the words of a document come up again and again; None for all other words.
    """
    kind = _KINDS.get(word[0])
    if kind == _NAME:
        name, *keys = word.split(".")
        if name in _RESERVED:
            constant = _CONSTANTS.get(word)
            return None if constant is None else (constant, "")
        if len(word) > NAME:
            return None
        out: IR = ("name", name)
        for key in keys:
            out = ("item", out, ("const", key))
        return out, name
    if kind == _NUMBER:
        return ("const", float(word) if "." in word else int(word)), ""
    if kind == _TEXT:
        return ("const", word[1:-1]), ""
    return None


class _Reader:
    """Precedence climbing over the words of one text."""

    __slots__ = ("at", "bound", "locals", "names", "words")

    def __init__(self, words: list[str], locals_: tuple[str, ...]) -> None:
        self.words = words
        self.at = 0
        self.locals = locals_
        #: The number of the word that a comprehension binds; 0, which is no such word: none does.
        self.bound = 0
        #: (name, number of its word, kind).
        self.names: list[tuple[str, int, Literal["variable", "function"]]] = []

    def read(self, least: int) -> IR:
        """An operand, and all operators behind it that bind as tightly as ``least`` at least."""
        words = self.words
        left = self.operand(least)
        while True:
            word = words[self.at]
            binds = _BINDS.get(word, -1)
            if binds < least:
                return left
            if binds in _BINARY:
                self.at += 1
                left = (_TAGS[word], left, self.read(binds + 1))
            elif binds == _COMPARE:
                left = self.compare(left)
            elif binds == _POWER:
                self.at += 1
                left = ("pow", left, self.read(_SIGN))
            elif binds == _TERNARY:
                self.at += 1
                condition = self.read(_OR)
                self.expect("else")
                return ("ifelse", condition, left, self.read(_TERNARY))
            else:
                parts = [left]
                while words[self.at] == word:
                    self.at += 1
                    parts.append(self.read(binds + 1))
                left = (word, tuple(parts))

    def compare(self, left: IR) -> IR:
        """A chain of comparisons."""
        words = self.words
        rest = []
        while _BINDS.get(word := words[self.at]) == _COMPARE:
            self.at += 1
            if word == "not":
                self.expect("in")
                word = "not-in"
            rest.append((word, self.read(_SUM)))
        return ("compare", left, tuple(rest))

    def expect(self, word: str) -> None:
        """Pass a word that has to stand here."""
        if self.words[self.at] != word:
            raise _OtherError
        self.at += 1

    # --- operands ------------------------------------------------------------------------------
    def operand(self, least: int) -> IR:
        """A name, a constant, a list, a call or what stands in brackets, and the keys behind it."""
        words, at = self.words, self.at
        word = words[at]
        plain = _plain(word)
        if plain is not None:
            out, name = plain
            after = words[at + 1]
            # Nearly all operands end here.
            if after not in _BEHIND and after[0] != "." and name not in self.locals:
                if name:
                    self.names.append((name, at, "variable"))
                self.at += 1
                return out
        kind = _KINDS.get(word[0])
        if kind == _NAME:
            if word == "not":
                if least > _NOT:
                    raise _OtherError
                self.at += 1
                return ("not", self.read(_NOT))
            out = self.name(word)
        elif kind in (_NUMBER, _TEXT):
            if plain is None:
                raise _OtherError
            self.at += 1
            out = plain[0]
        elif kind == _OPEN:
            self.at += 1
            out = self.read(_TERNARY)
            self.expect(")")
        elif kind == _LIST:
            out = self.list()
        elif kind == _SIGNED:
            return self.sign("neg" if word == "-" else "pos")
        else:
            raise _OtherError
        word = self.words[self.at]
        return self.keys(out) if word == "[" or word[0] == "." else out

    def list(self) -> IR:
        """A list, or a list comprehension."""
        self.at += 1
        start, kept = self.at, len(self.names)
        parts = self.several("]")
        if parts is None:
            return self.comprehension(start, kept)
        if all(part[0] == "const" for part in parts):
            return ("const", [part[1] for part in parts])
        return ("list", parts)

    def comprehension(self, start: int, kept: int) -> IR:
        """``[... for x in ... if ...]``; what stands before its ``for`` is read a second time, when
        it is known what it binds. ``kept``: the names that stand before it all."""
        words, outer = self.words, self.locals
        target = words[self.at + 1]
        taken = target in _RESERVED or target in outer or "." in target or len(target) > NAME
        if self.bound or taken or _KINDS.get(target[0]) != _NAME:
            raise _OtherError
        self.bound = self.at + 1
        self.at += 2
        del self.names[kept:]
        self.expect("in")
        over = self.read(_OR)
        self.locals = (*outer, target)
        conditions = []
        while words[self.at] == "if":
            self.at += 1
            conditions.append(self.read(_OR))
        self.expect("]")
        end, clauses = self.at, self.names[kept:]
        del self.names[kept:]
        self.at = start
        value = self.read(_TERNARY)
        self.names += clauses
        self.at, self.locals = end, outer
        return ("listcomp", value, (((len(outer),), over, tuple(conditions)),))

    def sign(self, tag: str) -> IR:
        """A sign; before a number it is a part of it."""
        self.at += 1
        is_number = _KINDS.get(self.words[self.at][0]) == _NUMBER
        value = self.read(_SIGN)
        if value[0] != "const" or tag == "pos":
            return (tag, value)
        if not is_number:  # -(1) and -true: rare, and not the same
            raise _OtherError
        return ("const", -value[1])

    def keys(self, value: IR) -> IR:
        """``[...]`` and ``.key`` behind a value."""
        while True:
            word = self.words[self.at]
            if word == "[":
                self.at += 1
                value = ("item", value, self.read(_TERNARY))
                self.expect("]")
            elif word[0] == ".":
                self.at += 1
                value = ("item", value, ("const", word[1:]))
            elif word == "(":  # a method, or a call of what a call gave
                raise _OtherError
            else:
                return value

    def several(self, close: str) -> tuple[IR, ...] | None:
        """Expressions between commas, up to the closing bracket; None where there is a ``for``
        behind the first."""
        words = self.words
        parts: list[IR] = []
        while words[self.at] != close:
            parts.append(self.read(_TERNARY))
            word = words[self.at]
            if word == "for" and len(parts) == 1 and close == "]":
                return None
            if word != close:
                self.expect(",")
        self.at += 1
        return tuple(parts)

    def name(self, word: str) -> IR:
        """A name with its keys, a constant, or a call."""
        at = self.at
        self.at += 1
        name, *keys = word.split(".")
        if name in _RESERVED:
            constant = _CONSTANTS.get(word)
            if constant is None or self.words[self.at] == "(":
                raise _OtherError
            return constant
        if len(word) > NAME:
            raise _OtherError
        if self.words[self.at] == "(":
            if keys:
                raise _OtherError
            return self.call(name, at)
        if name in self.locals:
            out: IR = ("local", self.locals.index(name))
        else:
            self.names.append((name, at, "variable"))
            out = ("name", name)
        for key in keys:
            out = ("item", out, ("const", key))
        return out

    def call(self, name: str, at: int) -> IR:
        """A call of a function of the language or of the document."""
        row = FUNCTIONS.get(name)
        if row is None:
            self.names.append((name, at, "function"))
        self.at += 1
        arguments = self.several(")")
        assert arguments is not None  # noqa: S101 - there are no comprehensions in parentheses
        if self.words[self.at] == "(":
            raise _OtherError
        if row is None:
            return ("ucall", name, arguments)
        if len(arguments) < row.least or (row.most is not None and len(arguments) > row.most):
            raise _OtherError
        return ("call", row.name, arguments)
