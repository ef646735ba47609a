"""Durations, names, ids and the left sides of assignments in the native form.

With ``expressions.py`` (expressions and texts) and ``literals.py`` (what is written out) this reads
every value a table row can ask for; the same rules about findings hold.
"""

from __future__ import annotations

import re
from collections import defaultdict
from typing import Any, Final

from ...model.ast import Expr, Target
from ...model.diagnostics import Diagnostics
from ...model.durations import UNITS, parse_duration
from ...model.limits import NAME
from ...model.nearest import did_you_mean
from ...model.parsed import Parsed, constant, parsed
from ..kinds import Kind
from ..nodes import Map, Node, Scalar, clip, key_of
from ..read import Source
from ..tables import KEYWORDS, ROOTS
from .expressions import BROKEN, ONE_INSERT, Expressions
from .places import ScalarSpan, escape, place

_ID: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*\Z")
_HANDLER: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*(\.[A-Za-z_][A-Za-z0-9_-]*)*\Z")
_DOT_KEY: Final = re.compile(r"\.([A-Za-z_][A-Za-z0-9_]*)")
#: A quoted string, or a bracket outside of one.
_BRACKET: Final = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|[\[\]]")
#: Names that have a meaning already.
_TAKEN: Final = frozenset((*ROOTS, *KEYWORDS))
_new: Final = object.__new__


class Fields(Expressions):
    """Reads the values of one document."""

    #: Names with a meaning of their own that may be set all the same: a machine's `data`.
    settable: frozenset[str] = frozenset()

    def __init__(self, source: Source, diagnostics: Diagnostics) -> None:
        super().__init__(source, diagnostics)
        #: Names, ids of any kind and texts of durations that were found good.
        self._names: set[str] = set()
        self.labels: defaultdict[Kind, dict[str, str]] = defaultdict(dict)
        self.durations: dict[str, Parsed] = {}

    # --- durations -------------------------------------------------------------------------------

    def duration(self, node: Node, pointer: str, field: str, *, positive: bool = True) -> Expr:
        """``5m``, or a text with inserts that yields such a text (or a number of ms)."""
        if type(node) is not Scalar:
            self.wrong_kind("duration", node, pointer, field)
            return self.broken(node, pointer)
        known = self.durations.get(node.text)
        if known is not None:
            return self._at(node, pointer, known)
        if isinstance(node.value, str) and "${" in node.value:
            inner = self._scalar_template(node, pointer)
            if inner.ir is BROKEN:
                return inner
            return self._at(node, pointer, parsed(("duration", inner.ir), inner.names))
        ms = self.milliseconds(node, node.text, pointer, field, positive=positive)
        if ms is None:
            return self.broken(node, pointer)
        known = constant(ms)
        if ms:  # whether nothing is allowed depends on the field
            self.durations[node.text] = known
        return self._at(node, pointer, known)

    def milliseconds(
        self, node: Scalar, text: str, pointer: str, field: str, *, positive: bool = True
    ) -> int | None:
        """A duration that is written out; None (and a finding) if it is none."""
        hint: str | None = "a number and a unit: 200ms, 1.5s, 5m, 72h, 2d"
        try:
            ms = parse_duration(text)
        except ValueError as error:
            self.add("RUNE-1112", f"`{clip(text)}` is {error}", node, pointer)
            return None
        if ms is None:
            shown = f"`{clip(text)}` is no duration" if text else "the duration is missing"
            if type(node.value) in (int, float) or text.isdigit():
                shown = f"the duration `{clip(text)}` has no unit"
                hint = f"write {text}s or {text}ms" if len(text) < 16 else hint
            elif hint is not None:
                unit = text.lstrip("0123456789. ").strip()
                guess = did_you_mean(unit, UNITS) if unit and unit != text else None
                hint = f"{hint}; units are {' '.join(UNITS)}" if guess is None else hint
            self.add("RUNE-1112", f"{shown} (`{field}`)", node, pointer, hint)
            return None
        if positive and ms == 0:
            self.add("RUNE-1112", f"`{field}` must be longer than nothing", node, pointer)
            return None
        return ms

    # --- names -----------------------------------------------------------------------------------

    def name(self, node: Node, pointer: str, what: str) -> str | None:
        """An identifier that may be declared; None (and a finding) if it may not."""
        if type(node) is not Scalar or not isinstance(node.value, str):
            if type(node) is Scalar and node.value is not None:
                return self.check_name(node.text, node, pointer, what)
            self.wrong_kind("name", node, pointer, what)
            return None
        return self.check_name(node.value, node, pointer, what)

    def check_name(self, name: str, node: Node, pointer: str, what: str) -> str | None:
        """Whether a text may name a variable, function or parameter."""
        if self._may_be_declared(name):
            return name
        if not name:
            self.add("RUNE-1107", f"the name for `{what}` is empty", node, pointer)
        elif name in ROOTS or name in KEYWORDS:
            why = "has a meaning of its own" if name in ROOTS else "is a word of the syntax"
            self.add(
                "RUNE-1109",
                f"`{name}` {why} and cannot be declared",
                node,
                pointer,
                f"call it `{name}_` or `my_{name}`",
            )
        else:
            self.add("RUNE-1108", f"`{clip(name)}` is no name", node, pointer, _name_hint(name))
        return None

    def _may_be_declared(self, name: str) -> bool:
        if name in self._names:
            return True
        if name in _TAKEN or len(name) > NAME or not (name.isidentifier() and name.isascii()):
            return False
        self._names.add(name)
        return True

    def label(self, node: Node, pointer: str, kind: Kind, what: str) -> str | None:
        """An id, a skript's or queue's name: identifiers, also with `.` and `-`."""
        if type(node) is Scalar and node.text in self.labels[kind] and node.value is not None:
            return node.text
        pattern = _HANDLER if kind == "handler" else _ID
        if type(node) is not Scalar or node.value is None:
            self.wrong_kind(kind, node, pointer, what)
            return None
        name = node.text
        if not name.strip():
            self.add("RUNE-1107", f"the {what} is empty", node, pointer)
        elif not pattern.match(name) or len(name) > NAME:
            hint = f"ASCII letters, digits, `_`, `-` and `.`; at most {NAME} characters"
            if "${" in name:
                hint = f"the {what} is fixed when the document is compiled: no `${{…}}` in it"
            self.add("RUNE-1108", f"`{clip(name)}` cannot be the {what}", node, pointer, hint)
        else:
            self.labels[kind][name] = name
            return name
        return None

    # --- targets ---------------------------------------------------------------------------------

    def target(self, node: Node, pointer: str, field: str) -> Target | None:
        """A variable, or a path into one: ``a``, ``a.b``, ``a['x y']``, ``a[0].c``."""
        if type(node) is not Scalar or node.value is None:
            self.wrong_kind("target", node, pointer, field)
            return None
        text = node.text
        if text.isidentifier():  # nearly all
            if self._may_be_declared(text) or text in self.settable:
                return self._variable(text, node, pointer, None)
            self.check_name(text, node, pointer, field)  # which says why not
            return None
        if "${" in text:
            inner = ONE_INSERT.match(text)
            hint = f"write `{clip(inner[1])}`" if inner else "name the variable itself"
            self.add("RUNE-1115", f"`{field}` takes a name, no `${{…}}`", node, pointer, hint)
            return None
        root, bracket, _ = text.partition("[")
        root, dot, _ = root.partition(".")
        name: str | None = root.strip()
        if name not in self.settable:
            name = self.check_name(root.strip(), node, pointer, field)
        if name is None:
            return None
        self.seen.variables.add(name)
        span = ScalarSpan(node, self.places)
        if not dot and not bracket:
            return Target(name, (), span, pointer)
        path = self._path(node, text, len(root), pointer)
        return None if path is None else Target(name, path, span, pointer)

    def target_key(self, node: Map, key: str, pointer: str, field: str) -> Target | None:
        """The same of a key. ``pointer``: that of the object."""
        if not self._may_be_declared(key):
            return self.target(key_of(node, key), f"{pointer}/{escape(key)}", field)
        return self._variable(key, node, pointer, key)

    def _variable(self, name: str, node: Node, at: str, key: str | None) -> Target:
        """The target that is all of a variable, as nearly all are: hence no ``__init__``."""
        self.seen.variables.add(name)
        made: Any = _new(Target)
        made.name = name
        made.path = ()
        made.later = self.places
        made.node = node
        made.at = at
        made.key = key
        return made  # type: ignore[no-any-return]

    def _path(self, node: Scalar, text: str, start: int, pointer: str) -> tuple[Expr, ...] | None:
        """The keys of ``.b['x y'][0]`` from ``start`` on."""
        out: list[Expr] = []
        while start < len(text):
            step = _DOT_KEY.match(text, start)
            if step is not None:
                span = place(node, self.source, step.start(1), len(step[1]))
                out.append(Expr(step[1], ("const", step[1]), span, pointer))
                start = step.end()
                continue
            end = _closing(text, start) if text[start] == "[" else None
            inner = text[start + 1 : end].strip() if end is not None else ""
            if end is None or not inner:
                self.diagnostics.add(
                    "RUNE-1115",
                    f"`{clip(text)}` cannot be assigned to",
                    place(node, self.source, start, len(text) - start),
                    pointer,
                    "a variable, or a path such as `order.total`, `a['x y']` or `a[0]`",
                )
                return None
            shift = text.index(inner, start + 1)
            out.append(self._expression(node, inner, shift, pointer, ()))
            start = end + 1
        return tuple(out)


def _closing(text: str, start: int) -> int | None:
    """The index of the bracket that closes the one at ``start``; strings are understood."""
    depth = 0
    for found in _BRACKET.finditer(text, start):
        if found[0] == "[":
            depth += 1
        elif found[0] == "]":
            depth -= 1
            if depth == 0:
                return found.start()
    return None


def _name_hint(name: str) -> str:
    if len(name) > NAME:
        return f"names have at most {NAME} characters"
    fixed = re.sub(r"[^A-Za-z0-9_]", "_", name).strip("_")
    if fixed and fixed.isascii() and not fixed[0].isdigit():
        return f"names are ASCII letters, digits and `_`: `{clip(fixed)}`"
    return "names are ASCII letters, digits and `_`, and begin with a letter or `_`"
