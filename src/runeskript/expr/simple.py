"""The expressions that nearly all are: read without Python's parser, by their shape.

Names, keys, numbers, texts without escapes, lists, operators, conditions, calls and a comprehension
of one clause. What comes out is what ``parser.parse_any_expression`` makes of the same text, in a
fraction of the time; a document of ten thousand steps has as many expressions. Whatever else there
is in a text (and whatever is wrong with it) is left to that full reader, which has words for it.

A text is split at its operands. What an operand stands for is looked up, and so is how operands of
these classes belong together with this between them (``moulds.py``): both come up again and again.
Only a shape that was not met before is split into all its words, and gone through.
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import accumulate
from keyword import kwlist
from string import ascii_letters, digits
from typing import Any, Final

from ..model.limits import EXPRESSION_DEPTH, NAME
from ..model.parsed import IR, Name, Parsed
from ..model.values import is_text
from .moulds import (
    BOUND,
    CONSTANT,
    KEY,
    LOCAL,
    NUMBER,
    OTHER,
    TARGET,
    VARIABLE,
    Mould,
    Uses,
    mould_of,
)

#: A name with its keys is one word. Neither a name before a quote nor a number before a letter is
#: one: both are mistakes with messages of their own.
_NAME: Final = r"""[A-Za-z_][A-Za-z0-9_]*+(?:\.[A-Za-z_][A-Za-z0-9_]*+)*+(?!['"]|\ *\()"""
_NUMBER: Final = r"(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,15})?(?![A-Za-z0-9_.])"
_OTHERS: Final = r"""'[^'\\\x00-\x1f]*'|"[^"\\\x00-\x1f]*"|\.[A-Za-z_][A-Za-z0-9_]*+"""
_OPERATOR: Final = r"(?:and|or|not|in|if|else|for)\b"
#: Words that are operands. What is one here is one in ``_WORD``, wherever a text has no other words
#: than those: hence no name or number within another word.
_OPERAND: Final = re.compile(
    rf"((?<![A-Za-z0-9_])(?:(?!{_OPERATOR}){_NAME}|{_NUMBER})|{_OTHERS})", re.VERBOSE
)
#: All words of the simple language; the name of a function and its bracket are one.
_WORD: Final = re.compile(
    rf"""({_NAME}|{_OPERATOR}(?!['"])|[A-Za-z_][A-Za-z0-9_]*+\ *\(|{_NUMBER}|{_OTHERS}
    |\*\*|//|[=!<>]=|[-+*/%<>(),\[\]])""",
    re.VERBOSE,
)
#: Longer texts may nest deeper than expressions are allowed to, and are rare.
_LENGTH: Final = 240
#: How many operands and shapes are kept.
_KEPT: Final = 16_384

_LITERALS: Final[dict[str, IR]] = {
    "true": ("const", True),
    "True": ("const", True),
    "false": ("const", False),
    "False": ("const", False),
    "null": ("const", None),
    "None": ("const", None),
}
#: Words that are no variable, for one reason or another.
_RESERVED: Final = frozenset((*kwlist, *_LITERALS, "secrets"))
_BEGIN_NAMES: Final = frozenset(ascii_letters + "_")
_DIGITS: Final = frozenset(digits)

#: The class of an operand, its IR, and the name that it begins with ("": none does).
_Operand = tuple[str, Any, str]


#: Makes what is read without its ``__init__``: there are tens of thousands.
_new: Final = object.__new__


def _name_of(word: str) -> _Operand:
    """What an operand stands for that begins as a name does."""
    if word in _LITERALS:
        return CONSTANT, _LITERALS[word], ""
    name, *keys = word.split(".")
    if name in _RESERVED or len(word) > NAME:
        return OTHER, None, ""
    return VARIABLE, _below(("name", name), keys), name


def _below(value: IR, keys: list[str]) -> IR:
    for key in keys:
        value = ("item", value, ("const", key))
    return value


@lru_cache(1024)
def _local(word: str, number: int) -> IR:
    """The IR of a name with its keys that is a local."""
    return _below(("local", number), word.split(".")[1:])


class _Operands(dict[str, _Operand]):
    """Word -> what it stands for."""

    def __missing__(self, word: str) -> _Operand:
        if len(self) >= _KEPT:
            self.clear()
        first = word[0]
        made: _Operand
        if first in _BEGIN_NAMES:
            made = _name_of(word)
        elif first in _DIGITS:
            made = NUMBER, ("const", float(word) if "." in word else int(word)), ""
        elif first == ".":
            made = KEY, ("const", word[1:]), ""
        else:
            good = word.isascii() or is_text(word)
            made = (CONSTANT if good else OTHER), ("const", word[1:-1]), ""
        self[word] = made
        return made


_look_up: Final = _Operands().__getitem__
#: What stands before, between and behind the operands, and the classes of those -> the mould; None
#: where there is none.
_moulds: Final[dict[tuple[str, ...], Mould | None]] = {}
#: The same where `${` and `}` stand around.
_insert_moulds: Final[dict[tuple[str, ...], Mould | None]] = {}


def read_simple(text: str, locals_: tuple[str, ...], insert: bool = False) -> Parsed | None:
    """What an expression is read as; None where the full reader has to look.

    ``insert``: it stands between ``${`` and the only ``}`` of the text, from which its names are
    counted then. The brackets become a part of its shape, which takes no more than without.
    """
    if len(text) > _LENGTH:
        return None
    parts = _OPERAND.split(text)  # operands stand at the odd places
    operands = list(map(_look_up, parts[1::2]))
    if locals_ or "for" in text:
        operands = _bind(parts, operands, locals_)
    classes, irs, names = zip(*operands) if operands else ((), (), ())  # noqa: B905 - all have three
    shape = (*parts[::2], *classes)
    moulds = _insert_moulds if insert else _moulds
    mould = moulds.get(shape, _NEW)
    if mould is _NEW:
        if len(moulds) >= _KEPT:
            moulds.clear()
        if insert:
            inner = [parts[0][2:], *parts[1:]]
            inner[-1] = inner[-1][:-1]
            mould = moulds[shape] = _mould(text[2:-1], inner, classes)
        else:
            mould = moulds[shape] = _mould(text, parts, classes)
    if mould is None or mould.words + text.count(".") >= EXPRESSION_DEPTH:
        return None
    made: Any = _new(Parsed)
    made.ir = mould.make(irs)
    made.mould = mould
    made.operands = irs
    made.used = mould.used(names)
    made.inserts = ()
    made.later = _names_in_insert if insert else _names
    made.given = text
    made.bound = () if mould.bound is None else _places(text, insert, _as_uses(mould.bound))
    return made  # type: ignore[no-any-return]


def _names(parsed: Parsed) -> tuple[Name, ...]:
    """Where the names of an expression stand that was read."""
    return _places(parsed.given, False, parsed.mould.uses)


def _names_in_insert(parsed: Parsed) -> tuple[Name, ...]:
    """The same of one that stands between brackets."""
    return _places(parsed.given, True, parsed.mould.uses)


def _as_uses(operand: int) -> Uses:
    """An operand that is a name, as ``Mould.uses`` has it."""
    return ((operand, 0, "", "variable"),)


def _places(text: str, insert: bool, uses: Uses) -> tuple[Name, ...]:
    """Where some names of a text stand."""
    parts = _OPERAND.split(text)
    ends = list(accumulate(map(len, parts)))
    if insert:
        ends[-1] -= 1  # the expression ends before the bracket
    return tuple(
        [
            Name(name or parts[2 * number + 1].split(".")[0], ends[2 * number] + back, kind)
            for number, back, name, kind in uses
        ]
    )


#: Stands for the mould of a shape that was not met before.
_NEW: Final = Mould(lambda irs: None, (), None, 0, lambda names: ())


def _mould(text: str, parts: list[str], classes: tuple[str, ...]) -> Mould | None:
    """The mould of a shape that was not met before, if it is simple."""
    split = _WORD.split(text)
    words, blanks = split[1::2], split[::2]
    if "".join(blanks).strip(" "):
        return None
    rest = iter(zip(parts[1::2], classes, strict=True))
    operand, kind = next(rest, ("", ""))
    shape: list[str] = []
    places: list[int] = []
    at = 0
    for number, word in enumerate(words):
        at += len(blanks[number])
        if word == operand:
            shape.append(kind)
            operand, kind = next(rest, ("", ""))
        elif word == "+" and shape[-1:] == ["+"] and not blanks[number]:
            return None  # `++` is a mistake of its own
        elif word[-1] == "(" and len(word) > 1:
            name = word[:-1].rstrip(" ")
            shape.append(OTHER if name in _RESERVED or len(name) > NAME else f"{name}(")
        else:
            shape.append(word)
        places.append(at)
        at += len(word)
    if operand:
        return None
    # Where an operand begins is known of every text of this shape: the places of functions are
    # counted back from there.
    return mould_of(shape, places, [*accumulate(map(len, parts))][::2])


def _bind(parts: list[str], operands: list[_Operand], locals_: tuple[str, ...]) -> list[_Operand]:
    """The operands where some names are locals: those given, and one that a comprehension binds."""
    at = next((i for i, part in enumerate(parts[:-1:2]) if part.rstrip(" ")[-3:] == "for"), -1)
    target = parts[2 * at + 1] if at >= 0 else ""
    if target in locals_ or "." in target:
        target = ""
    out: list[_Operand] = []
    for number, (kind, ir, name) in enumerate(operands):
        word = parts[2 * number + 1]
        if kind != VARIABLE:
            out.append((kind, ir, name))
        elif name in locals_:
            out.append((LOCAL, _local(word, locals_.index(name)), name))
        elif name != target:
            out.append((kind, ir, name))
        elif number == at:
            out.append((TARGET, len(locals_), name))
        else:
            out.append((BOUND, _local(word, len(locals_)), name))
    return out
