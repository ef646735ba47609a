"""Values of the graph form: expressions in which ``${...}`` may stand, ``+`` that joins text.

The rest is read as in the native form, with the same findings.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final

from ....expr.faults import ExpressionError
from ....expr.parser import looks_like_expression, parse_expression
from ....model.ast import IR, Expr, Name, Target
from ....model.diagnostics import Diagnostics
from ....model.spans import Span
from ...nodes import Node, Scalar, clip, span_of
from ...read import Source
from ..expressions import BROKEN
from ..fields import Fields
from ..places import beside, place
from ..seen import Seen

#: ``=`` that assigns: not part of a comparison.
_ASSIGNS: Final = re.compile(r"(?<![=!<>])=(?!=)")
#: Operators that stand between spaces, as hardly a text for people has them.
_SPACED: Final = re.compile(r" (?:[+*]|[=!<>]=|[<>]) ")
_COMPUTES: Final = ("concat", "sub", "mul", "div", "floordiv", "mod", "pow", "compare", "and", "or")
_WORD: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_INSERT: Final = re.compile(r"\$\{([^{}]*)\}")


class GraphFields(Fields):
    """Reads the values of the nodes of one document, or of one step ``graph``."""

    graph = True

    def __init__(self, source: Source, diagnostics: Diagnostics, seen: Seen | None = None) -> None:
        super().__init__(source, diagnostics)
        if seen is not None:
            self.seen = seen
        #: Names that expressions use.
        self.used: set[str] = set()
        #: Texts that may have been meant as expressions.
        self._suspects: list[tuple[Scalar, str]] = []

    def place(self, node: Node) -> Span:
        """Where a node of the tree stands."""
        return span_of(node, self.file)

    def assignment(self, node: Node, pointer: str) -> tuple[Target, Expr] | None:
        """``total = price * quantity``."""
        if type(node) is not Scalar or not isinstance(node.value, str):
            self.wrong_kind("assignment", node, pointer, "expression")
            return None
        found = _ASSIGNS.search(node.text)
        left = node.text[: found.start()] if found else ""
        if found is None or not left.strip() or left.rstrip()[-1:] in "+-*/%:":
            hint = "write `NAME = EXPRESSION`"
            if found is not None and left.strip():
                name = left.rstrip()[:-1].strip()
                hint = f"write `{name} = {name} …`"
            self.add(
                "RUNE-1115", f"`{clip(node.text)}` assigns nothing", node, pointer, hint
            )  # fmt: skip
            return None
        target = self._left(node, left, pointer)
        text = node.text[found.end() :]
        if not text.strip():
            self.add("RUNE-1121", "nothing stands behind the `=`", node, pointer)
            return None
        value = self._right(node, text, found.end(), pointer)
        return None if target is None else (target, value)

    def _right(self, node: Scalar, text: str, start: int, pointer: str) -> Expr:
        """The expression behind the ``=``, with its own place where one line holds it as it is."""
        value = self._expression(node, text, start, pointer, ())
        if not beside(node):
            return value
        start += len(text) - len(text.lstrip())
        names = tuple(Name(n.name, n.offset - start, n.kind) for n in value.names)
        span = value.span.shift(start, len(text.strip()))
        return Expr(value.source.strip(), value.ir, span, pointer, names)

    def _left(self, node: Scalar, left: str, pointer: str) -> Target | None:
        """What stands before the ``=``: a variable, or a path below one."""
        if "${" in left:
            inner = _INSERT.sub(r"\1", left).strip()
            hint = f"write `{clip(inner)} = …`"
            self.add("RUNE-1115", "the left side takes a name, no `${…}`", node, pointer, hint)
            return None
        text = left.rstrip()
        start = len(text) - len(text.lstrip())
        root = re.split(r"[\[.]", text[start:], maxsplit=1)[0]
        name = self.check_name(root.strip(), node, pointer, "expression")
        if name is None:
            return None
        self.seen.variables.add(name)
        span = place(node, self.source, start, len(text) - start)
        if start + len(root) == len(text):
            return Target(name, (), span, pointer)
        path = self._path(node, text, start + len(root), pointer)
        return None if path is None else Target(name, path, span, pointer)

    def result(self, node: Node, pointer: str) -> Expr | None:
        """``output`` of an End: a variable, or a path into one; ``${...}`` may stand around it."""
        if type(node) is not Scalar or not isinstance(node.value, str) or not node.text.strip():
            self.wrong_kind("result", node, pointer, "output")
            return None
        value = self.expr(node, pointer, "output")
        at: IR = value.ir
        while at[0] == "item" and at[2][0] == "const":
            at = at[1]
        if at[0] == "name" or value.ir is BROKEN:
            return value
        self.add(
            "RUNE-1115",
            f"`output` names a variable; `{clip(node.text)}` is more than that",
            node,
            pointer,
            "compute it in an Assign node before",
        )
        return None

    def _expression(
        self, node: Scalar, text: str, shift: int, pointer: str, locals_: tuple[str, ...]
    ) -> Expr:
        out = super()._expression(node, text, shift, pointer, locals_)
        self.used.update(name.name for name in out.names)
        return out

    # --- texts that look like expressions ---------------------------------------------------------

    def _constant(self, node: Scalar, pointer: str) -> bool:
        if not isinstance(node.value, str):
            return super()._constant(node, pointer)
        self._suspects.append((node, pointer))
        return True

    def _scalar_template(self, node: Scalar, pointer: str) -> Expr:
        out = super()._scalar_template(node, pointer)
        if out.ir[0] == "text":
            self._suspects.append((node, pointer))
        self.used.update(name.name for name in out.names)
        return out

    def check_suspects(self, known: Collection[str]) -> None:
        """Warn about texts that were probably meant as expressions over ``known`` names.

        Old documents hold many of them, and any name may be a field of the input: what has an
        operator between spaces is taken for one whatever its names are.
        """
        for node, pointer in self._suspects:
            text = node.text
            if len(text) > 200 or not self._looks(text, known):
                continue
            inner = clip(_INSERT.sub(r"\1", text))
            self.diagnostics.add(
                "RUNE-1124",
                f"`{clip(text)}` is a text here, not an expression",
                self.place(node),
                pointer,
                f"write `${{{inner}}}` to compute it",
            )

    def _looks(self, text: str, known: Collection[str]) -> bool:
        words = _WORD.findall(text)
        plain = "${" not in text and any(word in known for word in words)
        if plain and looks_like_expression(text, known):
            return True
        if not _SPACED.search(text):
            return False
        try:
            parsed = parse_expression(text, graph=True)
        except ExpressionError:
            return False
        return parsed.ir[0] in _COMPUTES and bool(parsed.names)
