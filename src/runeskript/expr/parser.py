"""Text -> IR: expressions in Python's syntax, and texts with ``${...}`` inserts.

Nearly all expressions are simple ones, which ``simple.py`` reads. The others are read by Python's
own parser, after ``lexer.prepare`` has made sure that it can neither be crashed nor blocked by
them; ``reader.py`` translates what it gives.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Collection
from functools import partial
from typing import Any, Final

from ..model.parsed import IR, Name, Parsed, constant
from .faults import ExpressionError, Problem
from .ir import walk
from .lexer import prepare, too_deep
from .reader import read_tree
from .simple import read_simple

__all__ = [
    "ExpressionError",
    "Parsed",
    "looks_like_expression",
    "parse_any_expression",
    "parse_expression",
    "parse_template",
]


def parse_expression(text: str, *, locals_: tuple[str, ...] = (), graph: bool = False) -> Parsed:
    """Read one expression. ``locals_``: names that are locals 0, 1, ... (parameters, ``event``).

    ``graph``: as the graph form writes it: ``${...}`` may stand around any operand, like brackets,
    and ``+`` with a text joins text. Raises :class:`ExpressionError` with every finding; offsets
    are characters of ``text``.
    """
    # It knows neither inserts nor another meaning of `+`.
    simple = None if graph and ("+" in text or "$" in text) else read_simple(text, locals_)
    if simple is not None:
        return simple
    return parse_any_expression(text, locals_=locals_, graph=graph)


def parse_any_expression(
    text: str, *, locals_: tuple[str, ...] = (), graph: bool = False
) -> Parsed:
    """What :func:`parse_expression` gives, always by way of Python's parser."""
    prepared = prepare(text, inserts=graph)
    if prepared.problems:
        raise ExpressionError(tuple(prepared.problems))
    skipped = len(text) - len(prepared.source.lstrip())
    source = prepared.source[skipped:]
    try:
        tree = ast.parse(source, mode="eval")
    except SyntaxError as error:
        raise ExpressionError((_syntax_problem(error, text, source, skipped),)) from None
    except (RecursionError, MemoryError):
        raise ExpressionError((too_deep(0),)) from None
    ir, names, bound, problems = read_tree(tree, prepared, skipped, locals_, joins=graph)
    if problems:
        raise ExpressionError(problems)
    return Parsed(ir, names, bound)


def _syntax_problem(error: SyntaxError, text: str, source: str, skipped: int) -> Problem:
    """Our words for what Python's parser refused; brackets, texts and numbers are sound here."""
    at = 0
    if error.offset is not None and error.lineno == 1:
        # CPython counts characters here, from 1.
        at = min(max(error.offset - 1, 0), max(len(source) - 1, 0))
    message = str(error.msg)
    hint: str | None = None
    if "expected 'else'" in message:
        what = "a condition needs an `else`: `a if condition else b`"
    elif "forgot a comma" in message:
        what, hint = "an operator or a comma is missing here", None
    elif "nested parentheses" in message or "recursion" in message:
        return too_deep(0)
    elif "cannot assign" in message or "'=='" in message:
        what, hint = "`=` is no operator of the language", "to compare, write `==`"
    elif "unparenthesized" in message or "parenthesized" in message:
        what, hint = "a comprehension must stand alone in its brackets", None
    elif at >= len(source.rstrip()) or "unexpected EOF" in message:
        what, at = "the expression ends too early", max(len(source.rstrip()) - 1, 0)
    else:
        word = re.match(r"\w+|\S", source[at:])
        what = f"this is no expression: unexpected `{word[0] if word else source[at : at + 1]}`"
    return "RUNE-2001", what, at + skipped, 1, hint


# --- texts with inserts -----------------------------------------------------------------------

_new: Final = object.__new__
#: An insert in which braces stand in no text; greedy without a way back, hence linear.
_INSERT: Final = re.compile(r"""\$\{((?:[^{}'"]++|'[^'\\{}]*+'|"[^"\\{}]*+")*+)\}""", re.DOTALL)
#: Inside an insert: a whole text in quotes, or one bracket of the kind that matters.
_INSIDE: Final = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[{}'"]""", re.DOTALL)


def parse_template(
    text: str, *, read: Callable[[str], Parsed] | None = None, graph: bool = False
) -> Parsed:
    """Read a text with ``${...}`` inserts; ``$${`` is a literal ``${``.

    A text that is exactly one insert is that expression and keeps its type; a text without inserts
    is a constant. ``read`` reads the expressions (:func:`parse_expression` if it is not given);
    ``graph``: ``+`` inside an insert joins text. Raises :class:`ExpressionError`; offsets are
    characters of the whole ``text``.
    """
    if "${" not in text:
        return constant(text)
    if read is None:
        read = partial(parse_expression, graph=graph)
    if text.startswith("${") and text.find("}") == len(text) - 1:  # one insert and nothing else
        simple = None if graph else read_simple(text, (), insert=True)
        if simple is not None:
            return simple
        try:
            only = read(text[2:-1])
        except ExpressionError:
            return _parse_any_template(text, read)
        return Parsed(only.ir, _shifted(only.names, 2), _shifted(only.bound, 2))
    pieces = _INSERT.split(text)
    if "$$" in text or "${" in "".join(pieces[::2]):
        return _parse_any_template(text, read)
    parts: list[IR] = []
    inserts: list[Parsed] = []
    used: tuple[str, ...] = ()
    binds = is_insert = False
    for piece in pieces:
        if not is_insert:
            is_insert = True
            if piece:
                parts.append(("const", piece))
            continue
        is_insert = False
        try:
            part = read(piece)
        except ExpressionError:
            return _parse_any_template(text, read)  # which reports those of all inserts
        parts.append(part.ir)
        inserts.append(part)
        used += part.used
        binds = binds or bool(part.bound)
    made: Any = _new(Parsed)
    made.ir = _joined(parts, whole=len(pieces) == 3)
    made.mould, made.operands = None, ()
    made.used = used
    made.inserts = tuple(inserts)
    made.later = _names_of_inserts
    made.given = text
    made.bound = _names_of_inserts(made, "bound") if binds else ()
    return made  # type: ignore[no-any-return]


def _names_of_inserts(parsed: Parsed, field: str = "names") -> tuple[Name, ...]:
    """The names in the inserts of a text, which are all second pieces of it."""
    out: list[Name] = []
    pieces = _INSERT.split(parsed.given)
    at = 0
    for plain, piece, insert in zip(pieces[::2], pieces[1::2], parsed.inserts, strict=False):
        at += len(plain) + 2  # behind the `${`
        out += _shifted(getattr(insert, field), at)
        at += len(piece) + 1
    return tuple(out)


def _shifted(names: tuple[Name, ...], by: int) -> tuple[Name, ...]:
    return tuple([Name(n.name, n.offset + by, n.kind) for n in names]) if names else ()


def _joined(parts: list[IR], *, whole: bool) -> IR:
    """The IR of a text from its parts. ``whole``: there is one insert, perhaps all there is."""
    if whole and len(parts) == 1:
        return parts[0]
    for part in parts:
        if part[0] != "const" or type(part[1]) is not str:
            return ("text", tuple(parts))
    return ("const", "".join([part[1] for part in parts]))


def _parse_any_template(text: str, read: Callable[[str], Parsed]) -> Parsed:
    """The same for a text with escapes, with braces in texts, or with errors."""
    parts: list[IR] = []
    names: list[Name] = []
    bound: list[Name] = []
    problems: list[Problem] = []
    literal: list[str] = []
    i = 0
    while (start := text.find("${", i)) >= 0:
        if text[start - 1 : start] == "$" and start > i:
            literal.append(text[i : start - 1] + "${")
            i = start + 2
            continue
        literal.append(text[i:start])
        end = _insert_end(text, start + 2)
        if end < 0:
            hint = "a literal `${` is written `$${`"
            problems.append(("RUNE-2008", "`${` is never closed", start, 2, hint))
            i = len(text)
            break
        if plain := "".join(literal):
            parts.append(("const", plain))
        literal.clear()
        try:
            part = read(text[start + 2 : end])
        except ExpressionError as error:
            problems += [(c, m, o + start + 2, n, h) for c, m, o, n, h in error.problems]
        else:
            parts.append(part.ir)
            names += _shifted(part.names, start + 2)
            bound += _shifted(part.bound, start + 2)
        i = end + 1
    if problems:
        raise ExpressionError(tuple(problems))
    literal.append(text[i:])
    if plain := "".join(literal):
        parts.append(("const", plain))
    return Parsed(_joined(parts, whole=not plain), tuple(names), tuple(bound))


def _insert_end(text: str, start: int) -> int:
    """Where the ``}`` stands that closes an insert beginning at ``start``, or -1."""
    depth = 0
    for match in _INSIDE.finditer(text, start):
        mark = match[0]
        if mark == "{":
            depth += 1
        elif mark == "}":
            if depth == 0:
                return match.start()
            depth -= 1
    return -1


_ARITHMETIC: Final = frozenset(
    ("add", "sub", "mul", "div", "floordiv", "mod", "pow", "concat", "compare", "and", "or", "not",
     "ifelse", "call", "neg")
)  # fmt: skip
_HINTS: Final = re.compile(r"[-+*/%<>=(]|\b(?:and|or|not|if|in)\b")


def looks_like_expression(text: str, known: Collection[str]) -> bool:
    """Whether a plain text was probably meant as an expression: it parses as a computation over at
    least one name, and all its names are ``known``."""
    if len(text) > 200 or "${" in text or not _HINTS.search(text):
        return False
    try:
        found = parse_expression(text)
    except ExpressionError:
        return False
    if found.ir[0] not in _ARITHMETIC or not found.names:
        return False
    if any(name.kind != "variable" or name.name not in known for name in found.names):
        return False
    return all(node[0] != "secret" for node in walk(found.ir))
