"""Cheap checks of an expression's text before Python's parser sees it.

They make sure that no input can crash, block or warn in the host's parser, and they give the errors
that people make most (an open bracket, ``&&``, an unclosed text) the same words and place on every
version of Python. One pass, one regular expression.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from keyword import iskeyword
from typing import Final

from ..model.limits import EXPRESSION, EXPRESSION_DEPTH, INT_DIGITS, NAME
from ..model.values import is_text
from .faults import Problem

_TOKEN: Final = re.compile(
    r"""(?P<space>[ \t\r\n]+)
    |(?P<name>[A-Za-z_][A-Za-z0-9_]*)
    |(?P<number>0[xX][0-9A-Fa-f_]+|0[oO][0-7_]+|0[bB][01_]+
        |(?:[0-9][0-9_]*\.?[0-9_]*|\.[0-9][0-9_]*)(?:[eE][+-]?[0-9_]+)?)
    |(?P<literal>'(?:[^'\\\n\r]|\\[^\n\r])*'|"(?:[^"\\\n\r]|\\[^\n\r])*")
    |(?P<bad>&&|\|\||===|!==|<>|\+\+|--(?=\s*$)|\?\?|\?|=>|->|:=|<<|>>|[+\-*/%]=)
    |(?P<op>\*\*|//|==|!=|<=|>=|[-+*/%<>=.,:])
    |(?P<open>[\[({])
    |(?P<close>[\])}])
    |(?P<other>.)""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPE: Final = re.compile(
    r"""\\(?:[\\'"nrtabfv]|x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|(.?))""", re.DOTALL
)
_PAIRS: Final = {")": "(", "]": "[", "}": "{"}
#: An insert in an expression of the graph form: a bracket that is written ``${`` and ``}``.
_INSERT: Final = "${"

#: What people write who come from other languages -> what it is called here.
_FOREIGN: Final = {
    "&&": "write `and`",
    "||": "write `or`",
    "===": "write `==`",
    "!==": "write `!=`",
    "<>": "write `!=`",
    "?": "write `a if condition else b`",
    "??": "write `coalesce(a, b)`",
    "++": "write `x + 1`",
    "--": "write `x - 1`",
    "=>": "functions are declared under `functions:`",
    "->": "functions are declared under `functions:`",
    ":=": "values are assigned by the step `set:`",
    "<<": "bit operators do not exist; multiply by a power of 2",
    ">>": "bit operators do not exist; divide with // by a power of 2",
    "+=": "values are assigned by the step `set:`",
    "-=": "values are assigned by the step `set:`",
    "*=": "values are assigned by the step `set:`",
    "/=": "values are assigned by the step `set:`",
    "%=": "values are assigned by the step `set:`",
    "!": "write `not`",
    "&": "bit operators do not exist; write `and`",
    "|": "bit operators do not exist; write `or`",
    "^": "bit operators do not exist; a power is `**`",
    "~": "bit operators do not exist",
    "@": "there is no operator `@`",
    "#": "comments stand outside expressions",
    ";": "an expression is one expression",
    "$": "names are written without `$`",
    "`": "texts stand in ' or \"",
    "\\": "an expression is not continued by a backslash",
}

#: Python keywords that are no part of the language: readable only as keys (``event.from``).
_KEYWORDS_READ: Final = frozenset(
    ("and", "or", "not", "in", "is", "if", "else", "for", "True", "False", "None", "lambda")
)


class Prepared:
    """A text that Python's parser can be given, and what it takes to read its answer.

    ``source`` has exactly as many characters as ``text``. ``keys`` maps the offset of a name after
    a dot that Python would refuse (``event.from``) to the name meant.
    """

    __slots__ = ("ascii", "keys", "problems", "source")

    def __init__(self, source: str, problems: list[Problem], keys: dict[int, str]) -> None:
        self.source = source
        self.problems = problems
        self.keys = keys
        self.ascii = source.isascii()


def prepare(text: str, *, inserts: bool = False) -> Prepared:
    """Check ``text`` and make it one logical line; every finding is in ``problems``.

    ``inserts``: ``${...}`` may stand around any operand, like brackets.
    """
    if len(text) > EXPRESSION:
        message = f"an expression may have at most {EXPRESSION} characters, this has {len(text)}"
        return Prepared("", [("RUNE-2002", message, 0, 1, "split it into several `set` steps")], {})
    if not is_text(text):
        return Prepared("", [("RUNE-2001", "a lone surrogate is no character", 0, 1, None)], {})
    if not text.strip():
        problem = ("RUNE-2001", "the expression is empty", 0, max(len(text), 1), None)
        return Prepared("", [problem], {})
    scan = _Scan(text, inserts)
    scan.run()
    source = text
    if scan.holes:
        chars = list(text)
        for start, replacement in scan.holes:
            chars[start : start + len(replacement)] = replacement
        source = "".join(chars)
    return Prepared(source, scan.problems, scan.keys)


class _Scan:
    """The state of one pass over the tokens."""

    __slots__ = ("chain", "end", "holes", "inserts", "keys", "last", "nested", "opened", "problems",
                 "text", "word")  # fmt: skip

    def __init__(self, text: str, inserts: bool) -> None:
        self.text = text
        self.inserts = inserts
        self.problems: list[Problem] = []
        self.keys: dict[int, str] = {}
        #: (offset, characters) to put over the text, of the same length.
        self.holes: list[tuple[int, str]] = []
        #: Brackets not yet closed: (bracket, offset, counts outside it).
        self.opened: list[tuple[str, int, int, int]] = []
        #: Operators in a row that Python nests to the left (a comma, `and` or `or` ends the row)
        #: and to the right (a comma ends it), within the innermost bracket.
        self.chain = 0
        self.nested = 0
        #: Kind, text and end of the word before.
        self.last = ""
        self.word = ""
        self.end = 0

    def report(self, message: str, at: int, length: int = 1, hint: str | None = None) -> None:
        self.problems.append(("RUNE-2001", message, at, length, hint))

    def run(self) -> None:
        for match in _TOKEN.finditer(self.text):
            kind = match.lastgroup or ""
            word, at = match[0], match.start()
            if kind == "space":
                if "\n" in word or "\r" in word:
                    self.holes.append((at, " " * len(word)))
                continue
            _HANDLERS[kind](self, word, at)
            if kind == "other" and word in "'\"":
                return
            self.last, self.word, self.end = kind, word, match.end()
            if self.chain > _CHAIN or self.nested > _NESTED or len(self.opened) > EXPRESSION_DEPTH:
                self.problems.append(too_deep(at))
                return
            if len(self.problems) > 8:
                return
        for bracket, at, _, _ in self.opened:
            self.report(f"`{bracket}` is never closed", at)

    def name(self, word: str, at: int) -> None:
        if len(word) > NAME:
            self.report(f"a name may have at most {NAME} characters", at, len(word))
        if at == self.end and self.last == "number":
            hint = f"a duration is a text: '{self.word}{word}'" if word in _UNITS else None
            self.report(f"`{self.word}{word}` is no number", at, len(word), hint)
        elif not iskeyword(word):
            return
        elif self.word == ".":
            # Python refuses a keyword after a dot; a stand-in of the same length is harmless.
            self.keys[at] = word
            self.holes.append((at, "k" * len(word)))
        elif word not in _KEYWORDS_READ:
            hint = f"a key of that name is read with ['{word}']"
            self.report(f"`{word}` is a reserved word", at, len(word), hint)
        elif word in ("and", "or"):
            self.chain = 0
        elif word in ("not", "lambda", "if"):
            self.nested += 4 if word == "if" else 1

    def number(self, word: str, at: int) -> None:
        if at == self.end and self.last in ("name", "number", "text", "close"):
            hint = "elements of a list are read with [0]" if word.startswith(".") else None
            self.report("a number cannot stand here", at, len(word), hint)
        elif word.endswith("_") or "__" in word or "_." in word or "._" in word:
            self.report(f"`{word[:40]}` is no number", at, len(word))
        elif word.replace("_", "").isdigit():
            digits = word.replace("_", "")
            if len(digits) > INT_DIGITS:
                message = f"an integer of {len(digits)} digits does not fit 64 bits"
                self.problems.append(("RUNE-2003", message, at, len(word), None))
                self.holes.append((at, "1" * len(word)))
            elif len(digits) > 1 and digits[0] == "0" and digits.strip("0"):
                hint = f"write {digits.lstrip('0')}"
                self.report("a number does not begin with 0", at, len(word), hint)
        elif len(word) > 100:
            self.report("the number is too long", at, len(word))
            self.holes.append((at, "1" * len(word)))

    def literal(self, word: str, at: int) -> None:
        if self.inserts and _INSERT in word:
            where = at + word.index(_INSERT)
            hint = "leave the quotes away: the value is compared or joined as it is"
            message = "`${` inside quotes is text, not a value"
            self.problems.append(("RUNE-1111", message, where, 2, hint))
        if at == self.end and self.last == "name":
            hint = "a text with inserts is written ${...}, outside an expression"
            self.report(f"`{self.word}` before a text is not allowed", at, 1, hint)
        elif self.last == "literal":
            hint = "a comma or `+` is missing, or a backslash before a quote"
            self.report("two texts follow each other", at, len(word), hint)
        if "\\" in word:
            for escape in _ESCAPE.finditer(word):
                if escape[1] is not None:
                    hint = "a backslash is written \\\\"
                    self.report(f"`{escape[0]}` is no escape", at + escape.start(), 2, hint)
        if "\0" in word:
            self.report("a NUL character", at + word.index("\0"), 1, "write \\x00")

    def bad(self, word: str, at: int) -> None:
        self.report(f"`{word}` is no operator of the language", at, len(word), _FOREIGN[word])

    def op(self, word: str, at: int) -> None:
        if word == "=":
            keyword = bool(self.opened) and self.opened[-1][0] == "(" and self.last == "name"
            if not keyword:
                self.report("`=` is no operator of the language", at, 1, "to compare, write `==`")
        elif word == "," or word == ":":
            self.chain = self.nested = 0
        else:
            self.chain += 1
            if self.last in ("op", "open", "") or word == "**":
                self.nested += 1

    def open(self, word: str, at: int) -> None:
        if self.inserts and self.word == "$" and word == "{":
            # The host's parser is given brackets instead.
            self.holes.append((at - 1, " ("))
            word, at = _INSERT, at - 1
        self.opened.append((word, at, self.chain + 1, self.nested))
        self.chain = self.nested = 0

    def close(self, word: str, at: int) -> None:
        if not self.opened:
            self.report(f"`{word}` closes nothing", at)
            return
        bracket, where, self.chain, self.nested = self.opened.pop()
        if bracket == _INSERT and word == "}":
            self.holes.append((at, ")"))
            if self.word == "{":
                self.report("the insert is empty", where, at + 1 - where)
        elif bracket != _PAIRS[word]:
            self.report(f"`{word}` does not close the `{bracket}` at {where + 1}", at)

    def other(self, word: str, at: int) -> None:
        if word in "'\"":
            self.report("the text is never closed", at, len(self.text) - at)
        elif word == "$" and self.inserts and self.text[at + 1 : at + 2] == "{":
            if self.last in ("number", "literal", "close") or (
                self.last == "name" and not iskeyword(self.word)
            ):
                self.report("an operator is missing before `${`", at, 2)
        elif word in _FOREIGN:
            self.bad(word, at)
        elif word == "\0":
            self.report("a NUL character", at)
        elif word.isalpha() or word.isdigit():
            hint = "a key of that name is read with ['...']"
            self.report(f"`{word}` is not ASCII, as names must be", at, 1, hint)
        else:
            self.report(f"`{ascii(word)[1:-1]}` cannot stand in an expression", at)


_UNITS: Final = frozenset(("ms", "s", "m", "h", "d"))
#: Bounds on what the host's parser is given; a real expression hits EXPRESSION_DEPTH before.
_CHAIN: Final = 400
_NESTED: Final = 400

_HANDLERS: Final[dict[str, Callable[[_Scan, str, int], None]]] = {
    "name": _Scan.name,
    "number": _Scan.number,
    "literal": _Scan.literal,
    "bad": _Scan.bad,
    "op": _Scan.op,
    "open": _Scan.open,
    "close": _Scan.close,
    "other": _Scan.other,
}


def too_deep(at: int) -> Problem:
    """The finding that an expression is nested too deep."""
    message = f"the expression is nested deeper than {EXPRESSION_DEPTH} levels"
    return "RUNE-2002", message, at, 1, "split it into several `set` steps"
