"""Expressions, texts with inserts and whole values of the native form: node -> ``Expr``.

Every method takes a node and its JSON pointer, reports what is wrong with it, and always returns
something the rest of the compiler can go on with: an expression that could not be read becomes
:data:`BROKEN`, whose type is unknown and which uses no names: one mistake draws one message.
"""

from __future__ import annotations

import re
from typing import Any, Final

from ...expr.faults import ExpressionError
from ...expr.parser import parse_expression, parse_template
from ...model.ast import IR, Args, Expr, Name
from ...model.diagnostics import Diagnostics
from ...model.parsed import Parsed, constant, parsed
from ...model.spans import Span
from ..kinds import KINDS, Kind
from ..nodes import (
    UNREAD,
    Map,
    Node,
    Scalar,
    bare_text,
    clip,
    describe,
    place_of,
    span_of,
    to_value,
)
from ..read import Source
from .places import Places, ScalarSpan, compact, escape, place
from .seen import Seen

#: What an expression that could not be read is replaced by: nothing is known about its value.
BROKEN: Final[IR] = ("call", "parse_json", (("const", "null"),))

#: An operator between two operands, in a text without spaces in its names: a first sieve.
SUSPECT: Final = re.compile(r"[\w)\]'\"] ?(?:[-+*/%]|[=!<>]=|[<>]|\b(?:and|or|in)\b) ?[\w(\['\"]")
#: A text that is nothing but one insert.
ONE_INSERT: Final = re.compile(r"\$\{(.*)\}\Z", re.DOTALL)


#: Makes an expression without its ``__init__``, for those of which there are many.
_new: Final = object.__new__


class Expressions:
    """Reads the expressions of one document."""

    #: Whether they are written as in the graph form: see ``parse_expression``.
    graph = False

    def __init__(self, source: Source, diagnostics: Diagnostics) -> None:
        self.source = source
        #: Of the file that is read: a part made in Python may stand in another.
        self.places = Places(source, source.file)
        self.diagnostics = diagnostics
        self.seen = Seen()
        self._expressions: dict[tuple[str, tuple[str, ...]], Parsed] = {}
        #: The same of texts that are bare expressions, where there is nothing to say of them.
        self.bare: dict[Any, Parsed] = {}
        #: Texts that are values -> what they are read as; those that there is nothing to say of,
        #: wherever they stand; and of these, those that are a text whatever is inserted.
        self.texts: dict[Any, Parsed] = {}
        self.wholly_text: dict[Any, Parsed] = {}
        #: The same of numbers, bools and null as they are written.
        self._plain: dict[str, Parsed] = {}

    @property
    def file(self) -> str:
        """The file that is read."""
        return self.places.file

    @file.setter
    def file(self, file: str) -> None:
        self.places = Places(self.source, file)

    # --- findings --------------------------------------------------------------------------------

    def add(
        self,
        code: str,
        message: str,
        node: Node,
        pointer: str,
        hint: str | None = None,
        related: tuple[tuple[Span, str], ...] = (),
    ) -> None:
        """Report something about a node."""
        if type(node) is Scalar and node.style == UNREAD:
            return
        self.diagnostics.add(
            code, message, span_of(node, self.file), pointer, hint, related=related
        )

    def wrong_kind(
        self, kind: Kind, node: Node, pointer: str, field: str, hint: str | None = None
    ) -> None:
        """Report "expected ..., found ..."."""
        where = f" for `{field}`" if field else ""
        self.add(
            "RUNE-1102",
            f"expected {KINDS[kind]}{where}, found {describe(node)}",
            node,
            pointer,
            hint,
        )

    # --- expressions -----------------------------------------------------------------------------

    def expr(self, node: Node, pointer: str, field: str, locals_: tuple[str, ...] = ()) -> Expr:
        """A bare expression; numbers, bools and null stand for themselves."""
        if type(node) is not Scalar:
            return self._literal_list(node, pointer, field)
        value = node.value
        if not isinstance(value, str):
            if value is None and not node.text:
                self.add("RUNE-1121", f"`{field}` has no expression", node, pointer)
                return self.broken(node, pointer)
            return self._at(node, pointer, constant(value))
        text = value
        if not text.strip():
            self.add("RUNE-1121", f"the expression of `{field}` is empty", node, pointer)
            return self.broken(node, pointer)
        if "${" in text and not self.graph:
            return self._insert_in_expression(node, text, pointer, field, locals_)
        return self._expression(node, text, 0, pointer, locals_)

    def _expression(
        self, node: Scalar, text: str, shift: int, pointer: str, locals_: tuple[str, ...]
    ) -> Expr:
        """Parse ``text``, which begins ``shift`` characters into the scalar."""
        try:
            known = self._parsed(text, locals_)
        except ExpressionError as error:
            self._problems(error, node, shift, pointer)
            return self.broken(node, pointer)
        if known.bound:
            self.seen.bound.append((node, shift, known.bound, pointer))
        if not shift:
            if not locals_ and not known.bound:
                self.bare[text] = known
            return self._at(node, pointer, known)
        names = tuple(Name(n.name, n.offset + shift, n.kind) for n in known.names)
        return Expr(text, known.ir, ScalarSpan(node, self.places), pointer, names)

    def _at(self, node: Node, pointer: str, known: Parsed, key: bool | None = None) -> Expr:
        """The expression that is all of a node. ``key``: see ``Places``."""
        made: Any = _new(Expr)
        made.ir = known.ir
        made.parsed = known
        made.later = self.places
        made.node = node
        made.at = pointer
        made.key = key
        return made  # type: ignore[no-any-return]

    def _parsed(self, text: str, locals_: tuple[str, ...] = ()) -> Parsed:
        """Each text is parsed once. Raises ExpressionError."""
        known = self._expressions.get((text, locals_))
        if known is None:
            known = parse_expression(text, locals_=locals_, graph=self.graph)
            self._expressions[text, locals_] = known
        return known

    def _insert_in_expression(
        self, node: Scalar, text: str, pointer: str, field: str, locals_: tuple[str, ...]
    ) -> Expr:
        """``${`` in a bare expression; where it is plain what was meant, reading goes on."""
        whole = ONE_INSERT.match(text.strip())
        inner = whole[1].strip() if whole is not None and "${" not in whole[1] else None
        self.diagnostics.add(
            "RUNE-1111",
            f"`{field}` is an expression already: no `${{` inside it",
            place(node, self.source, text.index("${"), 2),
            pointer,
            f"write `{field}: {clip(inner)}`" if inner else "write the names without `${` and `}`",
        )
        if not inner:
            return self.broken(node, pointer)
        return self._expression(node, inner, text.index(inner), pointer, locals_)

    def _literal_list(self, node: Node, pointer: str, field: str) -> Expr:
        """A list in an expression field: fine where both readings of it agree."""
        if type(node) is Map:
            self.add(
                "RUNE-1102",
                f"`{field}` takes an expression, found an object",
                node,
                pointer,
                f"write it as text: {field}: \"{{'key': value}}\"",
            )
            return self.broken(node, pointer)
        bare = bare_text(node)
        if bare is not None:
            self.add(
                "RUNE-1102",
                f"`{field}` takes an expression; in a YAML list `{clip(bare.text)}` is a text",
                bare,
                pointer,
                f'quote the whole list: {field}: "[…]"; or quote the texts in it',
            )
            return self.broken(node, pointer)
        value = to_value(node)
        return Expr(compact(value), ("const", value), span_of(node, self.file), pointer)

    def _problems(self, error: ExpressionError, node: Scalar, shift: int, pointer: str) -> None:
        for code, message, offset, length, hint in error.problems:
            span = place(node, self.source, shift + offset, length)
            self.diagnostics.add(code, message, span, pointer, hint)

    def broken(self, node: Node, pointer: str) -> Expr:
        """Stands for an expression that could not be read."""
        text = node.text if type(node) is Scalar else ""
        return Expr(text, BROKEN, span_of(node, self.file), pointer)

    # --- templates -------------------------------------------------------------------------------

    def template(self, node: Node, pointer: str, _: str = "") -> Expr:
        """Any value, with ``${...}`` in its texts at any depth."""
        if type(node) is Scalar:
            return self._scalar_template(node, pointer)
        found: list[tuple[Parsed, int]] = []
        ir = self._container(node, pointer, found, [0])
        known: Any = _new(Parsed)
        known.ir = ir
        known.later = _names_in
        known.given = found
        known.used = tuple([name for part, _ in found for name in part.used])
        return self._at(node, pointer, known, bool(found))

    def entries(self, node: Map, pointer: str) -> dict[str, Expr]:
        """The values of an object by their keys; see :meth:`template`."""
        get, places = self.texts.get, self.places
        out = {}
        for key, child in node.entries.items():
            if type(child) is not Scalar:
                out[key] = self.template(child, f"{pointer}/{escape(key)}")
                continue
            known = get(child.value) or self._read_value(child, pointer, key)
            if known is None:
                out[key] = self.broken(child, f"{pointer}/{escape(key)}")
                continue
            made: Any = _new(Expr)
            made.ir = known.ir
            made.parsed = known
            made.later = places
            made.node = child
            made.at = pointer
            made.key = key
            out[key] = made
        return out

    def _scalar_template(self, node: Scalar, pointer: str) -> Expr:
        known = self.texts.get(node.value) or self._read_value(node, pointer)
        if known is None:
            return self.broken(node, pointer)
        return self._at(node, pointer, known)

    def _read_value(self, node: Scalar, pointer: str, key: str | None = None) -> Parsed | None:
        """What a value means; None where that cannot be said.

        ``pointer``: its own, or (with a ``key``) that of the object it stands in.
        """
        value = node.value
        known: Parsed | None
        if type(value) is not str:
            # By its text: 1, 1.0 and true are one key of a dict, and not the same.
            known = self._plain.get(node.text)
            if known is not None:
                return known
        if key is not None:
            pointer = f"{pointer}/{escape(key)}"
        if type(value) is not str:
            known = constant(value)
            if not self._constant(node, pointer):
                self._plain[node.text] = known
            return known
        if "${" not in value:
            known = constant(value)
            if not self._constant(node, pointer):
                self.texts[value] = known
            return known
        try:
            known = parse_template(value, read=self._parsed, graph=self.graph)
        except ExpressionError as error:
            self._problems(error, node, 0, pointer)
            return None
        if known.bound:
            self.seen.bound.append((node, 0, known.bound, pointer))
        else:
            self.texts[value] = known
        return known

    def _constant(self, node: Scalar, pointer: str) -> bool:
        """Note what a written-out value was perhaps not meant to be; whether there was anything."""
        text = node.text
        if type(node.value) is str:
            if not SUSPECT.search(text):
                return False
            if not node.style or self.source.is_json:
                self.seen.suspects.setdefault(text, []).append((node, pointer))
            return True
        if type(node.value) is not int or text[0] not in "+-0":
            return False
        digits = text.lstrip("+-")
        if digits[0] == "0" and len(digits) > 1 and digits.isdigit():
            self.add(
                "RUNE-1125",
                f"`{clip(text)}` is the number {node.value}: its leading zeros are lost",
                node,
                pointer,
                f'quote it to keep them: "{clip(text)}"; octal is written 0o17',
            )
        return True

    def _container(
        self, node: Node, pointer: str, found: list[tuple[Parsed, int]], base: list[int]
    ) -> IR:
        """The IR of a value that may hold inserts; constant wherever it holds none.

        ``found``: the leaves with names so far, and the offset of each; ``base``: that of the next
        leaf, as ``places.TextSpan`` counts them.
        """
        if type(node) is Scalar:
            part = self.texts.get(node.value) or self._read_value(node, pointer)
            if part is None:
                part = Parsed(BROKEN, ())
            if part.used:
                found.append((part, base[0]))
            base[0] += len(node.text) + 1
            return part.ir
        is_const = True
        if type(node) is Map:
            values: dict[str, IR] = {}
            for key, child in node.entries.items():
                ir = values[key] = self._container(child, f"{pointer}/{escape(key)}", found, base)
                is_const = is_const and ir[0] == "const"
            if is_const:
                return ("const", {key: ir[1] for key, ir in values.items()})
            return ("object", tuple([(("const", key), ir) for key, ir in values.items()]))
        items: list[IR] = []
        for i, child in enumerate(node.items):
            ir = self._container(child, f"{pointer}/{i}", found, base)
            is_const = is_const and ir[0] == "const"
            items.append(ir)
        return ("const", [ir[1] for ir in items]) if is_const else ("list", tuple(items))

    def text(self, node: Node, pointer: str, field: str) -> Expr:
        """A text with inserts; numbers and bools are taken as they were written."""
        if type(node) is not Scalar or node.value is None:
            self.wrong_kind("text", node, pointer, field)
            return self.broken(node, pointer)
        if not isinstance(node.value, str):
            return self._at(node, pointer, constant(node.text))
        out = self._scalar_template(node, pointer)
        if out.ir[0] in ("text", "const"):
            if node.value in self.texts:
                self.wholly_text[node.value] = self.texts[node.value]
            return out
        # One insert alone would keep its type; here its value goes into a text.
        if out.ir is BROKEN:
            return Expr(out.source, ("text", (out.ir,)), out.span, pointer)
        return self._at(node, pointer, parsed(("text", (out.ir,)), out.names))

    def args(self, node: Node, pointer: str, field: str) -> Args:
        """``with``: an object, or one ``${...}``."""
        if type(node) is Map:
            made: Any = _new(Args)  # nearly all calls have some
            made.entries = self.entries(node, pointer)
            made.whole = None
            made.place = place_of(node, self.places.file)
            made.pointer = pointer
            return made  # type: ignore[no-any-return]
        span = span_of(node, self.file)
        if type(node) is Scalar and isinstance(node.value, str):
            whole = self._scalar_template(node, pointer)
            if whole.ir[0] not in ("text", "const"):
                return Args({}, whole, span, pointer)
        self.wrong_kind(
            "args",
            node,
            pointer,
            field,
            f"write `{field}: {{name: value}}` or `{field}: ${{params}}`",
        )
        return Args({}, None, span, pointer)


def _names_in(parsed: Parsed) -> tuple[Name, ...]:
    """The names in the leaves of a value, each with its offset."""
    return tuple(
        [Name(n.name, n.offset + at, n.kind) for part, at in parsed.given for n in part.names]
    )
