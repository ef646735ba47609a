"""Values of the native form that are written out: words, numbers, joins, schemas, references.

As in ``fields.py`` every method reports what is wrong and returns something to go on with.
"""

from __future__ import annotations

import re
from typing import Final

from ...expr.schema import check_schema
from ...model.ast import Expr, JoinPolicy, Target
from ...model.limits import BRANCHES
from ...model.nearest import did_you_mean
from ...model.rows import NamedTuple
from ...model.spans import Span
from ...model.values import Value
from ..kinds import KINDS, Key
from ..nodes import Map, Node, Scalar, Seq, clip, describe, find_node, span_of, to_value
from ..tables import RESERVED_ERRORS
from .fields import Fields
from .places import content_span, escape

_ERROR_TYPE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)*\Z")
_PATH: Final = re.compile(r"\.{0,2}/|.*\.(ya?ml|json)\Z")
_SKRIPT: Final = re.compile(r"([A-Za-z0-9_][A-Za-z0-9_.-]{0,127})(?:@([0-9]{1,10}))?\Z")

#: The ``backoff`` that holds where none is given, in ms: first pause, longest pause.
BACKOFF: Final = (1_000, 60_000)


class SkriptName(NamedTuple):
    """What ``run`` names: a path, or a name and perhaps a version."""

    name: str | None
    version: int | None
    path: str | None


class Literals:
    """Reads written-out values of one document."""

    def __init__(self, fields: Fields) -> None:
        self.fields = fields
        self.file = fields.file
        #: Texts of ``backoff`` -> what they say, and types of errors, that were found good.
        self.backoffs: dict[str, tuple[int, int]] = {}
        self._errors: set[str] = set()

    def word(self, row: Key, node: Node, pointer: str) -> str | None:
        """One of the row's words."""
        if type(node) is Scalar and node.value in row.words:
            return str(node.value)
        found = describe(node)
        hint = f"one of {', '.join(row.words)}"
        if type(node) is Scalar and isinstance(node.value, str):
            hint = did_you_mean(node.value, row.words) or hint
        self.fields.add("RUNE-1113", f"`{row.name}` cannot be {found}", node, pointer, hint)
        return None

    def count(self, row: Key, node: Node, pointer: str) -> int | None:
        """A whole number in the row's range."""
        if type(node) is not Scalar or type(node.value) is not int:
            hint = None
            if type(node) is Scalar and "${" in node.text:
                hint = "this is fixed when the document is compiled"
            self.fields.wrong_kind("count", node, pointer, row.name, hint)
            return None
        if not row.minimum <= node.value <= row.maximum:
            self.fields.add(
                "RUNE-1114",
                f"`{row.name}` must be between {row.minimum} and {row.maximum}",
                node,
                pointer,
            )
            return None
        return node.value

    def flag(self, row: Key, node: Node, pointer: str) -> bool:
        """True or false."""
        if type(node) is Scalar and type(node.value) is bool:
            return node.value
        self.fields.wrong_kind("flag", node, pointer, row.name, _bool_hint(node))
        return False

    def switchable(self, node: Node, pointer: str, field: str) -> Expr:
        """True, false or one ``${...}``."""
        if type(node) is Scalar:
            if type(node.value) is bool:
                span = span_of(node, self.file)
                return Expr(node.text, ("const", node.value), span, pointer)
            if isinstance(node.value, str) and "${" in node.value:
                expr = self.fields.template(node, pointer)
                if expr.ir[0] not in ("text", "const"):
                    return expr
        self.fields.wrong_kind("switchable", node, pointer, field, _bool_hint(node))
        return self.fields.broken(node, pointer)

    def nothing(self, row: Key, node: Node, pointer: str) -> None:
        """The empty value of `break` and `continue`."""
        if type(node) is Scalar and (node.value is None or node.value is True):
            return
        self.fields.add(
            "RUNE-1102",
            f"`{row.name}` takes no value, found {describe(node)}",
            node,
            pointer,
            f"write `{row.name}:`; a condition goes into `if` beside it",
        )

    def limit(self, node: Node, pointer: str, _: str = "") -> Expr | None:
        """``parallel`` of a ``for``: None is sequential, 0 has no limit."""
        if type(node) is Scalar:
            span = span_of(node, self.file)
            if node.value is True:
                return Expr(node.text, ("const", 0), span, pointer)
            if node.value is False:
                return None
            if type(node.value) is int:
                if 1 <= node.value <= BRANCHES:
                    return Expr(node.text, ("const", node.value), span, pointer)
                self.fields.add(
                    "RUNE-1114",
                    f"`parallel` must be between 1 and {BRANCHES:,}",
                    node,
                    pointer,
                    "`parallel: true` sets no limit; leave it out for a sequential loop",
                )
                return self.fields.broken(node, pointer)
            if isinstance(node.value, str) and "${" in node.value:
                expr = self.fields.template(node, pointer)
                if expr.ir[0] not in ("text", "const"):
                    return expr
        self.fields.wrong_kind("limit", node, pointer, "parallel", _bool_hint(node))
        return self.fields.broken(node, pointer)

    def join(self, node: Node, pointer: str, _: str = "") -> JoinPolicy | None:
        """``all``, ``any`` or a number."""
        if type(node) is Scalar:
            if node.value == "all" or node.value == "any":
                return "all" if node.value == "all" else "any"
            if type(node.value) is int:
                if 1 <= node.value <= BRANCHES:
                    return node.value
                self.fields.add(
                    "RUNE-1114",
                    f"`join` must be between 1 and {BRANCHES:,}",
                    node,
                    pointer,
                    "`all`, `any`, or how many branches must succeed",
                )
                return None
        hint = None
        if type(node) is Scalar and isinstance(node.value, str):
            hint = did_you_mean(node.value, ("all", "any"))
        found = describe(node)
        self.fields.add("RUNE-1113", f"`join` is {KINDS['join']}, not {found}", node, pointer, hint)
        return None

    def backoff(self, node: Node, pointer: str, _: str = "") -> tuple[int, int]:
        """``200ms`` or ``200ms..10s``: first and longest pause in ms."""
        if type(node) is not Scalar or not node.text:
            self.fields.wrong_kind("backoff", node, pointer, "backoff")
            return BACKOFF
        known = self.backoffs.get(node.text)
        if known is not None:
            return known
        first, dots, last = node.text.partition("..")
        low = self.fields.milliseconds(node, first.strip(), pointer, "backoff", positive=False)
        if low is None:
            return BACKOFF
        if not dots:
            return low, max(low, BACKOFF[1])
        high = self.fields.milliseconds(node, last.strip(), pointer, "backoff", positive=False)
        if high is None:
            return BACKOFF
        if high < low:
            self.fields.add(
                "RUNE-1112",
                f"the range `{clip(node.text)}` ends before it begins",
                node,
                pointer,
                f"write `{last.strip()}..{first.strip()}`",
            )
            return BACKOFF
        self.backoffs[node.text] = low, high
        return low, high

    def error_types(self, node: Node, pointer: str, _: str = "") -> tuple[str, ...]:
        """The ``on`` of a ``retry``."""
        items = node.items if type(node) is Seq else [node]
        if type(node) is Seq and not items:
            self.fields.add(
                "RUNE-1123", "`on` names no error type", node, pointer,
                "leave `on` out for the usual ones",
            )  # fmt: skip
        out = []
        for i, item in enumerate(items):
            at = f"{pointer}/{i}" if type(node) is Seq else pointer
            if type(item) is not Scalar or not isinstance(item.value, str):
                self.fields.wrong_kind("errors", item, at, "on")
            elif self.error_type(item, item.value, at, "be retried on"):
                out.append(item.value)
        return tuple(out)

    def error_type(self, node: Node, text: str, pointer: str, verb: str) -> bool:
        """Whether a text is a type of error a document may use."""
        if text in self._errors:
            return True
        if not _ERROR_TYPE.match(text):
            self.fields.add(
                "RUNE-1120",
                f"`{clip(text)}` is no error type",
                node,
                pointer,
                "dotted names such as `timeout`, `http.503`, `http.5xx` or `order.stuck`",
            )
            return False
        if text.split(".")[0] in RESERVED_ERRORS:
            self.fields.add(
                "RUNE-1117",
                f"`{clip(text)}` is reserved and cannot {verb}",
                node,
                pointer,
                "`cancel` and `limit.*` belong to the runtime; choose a type of your own",
            )
            return False
        self._errors.add(text)
        return True

    def skript(self, node: Node, pointer: str, _: str = "") -> SkriptName | None:
        """What ``run`` runs."""
        if type(node) is not Scalar or node.value is None:
            self.fields.wrong_kind("skript", node, pointer, "run")
            return None
        text = node.text
        if "${" not in text:
            if _PATH.match(text) and "\x00" not in text:
                return SkriptName(None, None, text)
            found = _SKRIPT.match(text)
            if found is not None and found[2] != "0":
                version = int(found[2]) if found[2] else None
                return SkriptName(found[1], version, None)
        hint = "a name (`settle`), a name and version (`settle@3`) or a path (`./settle.yaml`)"
        if "${" in text:
            hint = "the skript is fixed when the document is compiled: no `${…}` in it"
        code = "RUNE-1107" if not text else "RUNE-1119"
        what = f"`{clip(text)}` names no skript" if text else "the skript's name is empty"
        self.fields.add(code, what, node, pointer, hint)
        return None

    def literals(self, node: Node, pointer: str, _: str = "") -> tuple[Expr, ...]:
        """The ``is`` of a case: one value, or a list of values."""
        items = node.items if type(node) is Seq else [node]
        if not items:
            self.fields.add("RUNE-1123", "`is` lists no value", node, pointer)
        out = []
        for i, item in enumerate(items):
            at = f"{pointer}/{i}" if type(node) is Seq else pointer
            expr = self.fields.template(item, at)
            if not expr.is_const:
                self.fields.add(
                    "RUNE-1122",
                    "the values of a case are written out: no `${…}` in them",
                    item,
                    at,
                    "compare with `if`/`elif` instead",
                )
                expr = Expr(expr.source, ("const", None), expr.span, at)
            out.append(expr)
        return tuple(out)

    def targets(self, node: Node, pointer: str, _: str = "") -> tuple[tuple[Target, Expr], ...]:
        """The assignments of ``set``."""
        if type(node) is not Map:
            self.fields.wrong_kind("targets", node, pointer, "set", "write `set: {name: value}`")
            return ()
        if not node.entries:
            self.fields.add("RUNE-1123", "`set` sets nothing", node, pointer)
        out = []
        for key, value in self.fields.entries(node, pointer).items():
            target = self.fields.target_key(node, key, pointer, "set")
            if target is not None:
                out.append((target, value))
        return tuple(out)

    def schema(self, node: Node, pointer: str, field: str) -> Value:
        """A JSON Schema, checked here because its places are known here."""
        if type(node) is not Map:
            self.fields.wrong_kind("schema", node, pointer, field)
            return None
        value = to_value(node)
        findings = check_schema(value)
        for at, message, hint in findings:
            self.fields.add("RUNE-2020", message, find_node(node, at), pointer + at, hint)
        return None if findings else value

    def labels(self, node: Node, pointer: str) -> dict[str, str]:
        """The document's labels."""
        out: dict[str, str] = {}
        if type(node) is not Map:
            self.fields.wrong_kind("labels", node, pointer, "labels")
            return out
        for key, child in node.entries.items():
            at = f"{pointer}/{escape(key)}"
            if type(child) is Scalar and isinstance(child.value, str):
                out[key] = child.value
                continue
            hint = f'quote it: "{clip(child.text)}"' if type(child) is Scalar else None
            self.fields.wrong_kind("text", child, at, key, hint)
        return out

    def names(self, node: Node, pointer: str, field: str) -> tuple[str, ...]:
        """A list of names, each once."""
        if type(node) is not Seq:
            hint = (
                "write `env: [NAME]`"
                if type(node) is not Map
                else "`env` lists names; their values come from outside"
            )
            self.fields.wrong_kind("names", node, pointer, field, hint)
            return ()
        seen: dict[str, Span] = {}
        for i, item in enumerate(node.items):
            at = f"{pointer}/{i}"
            name = self.fields.name(item, at, field)
            if name is not None and name in seen:
                self.fields.add(
                    "RUNE-1118", f"`{name}` is listed twice", item, at, None,
                    ((seen[name], "the first one"),),
                )  # fmt: skip
            elif name is not None:
                seen[name] = content_span(item, self.file)
        return tuple(seen)


def _bool_hint(node: Node) -> str | None:
    """YAML 1.1 habits: `yes` and `on` are texts now."""
    if type(node) is Scalar and isinstance(node.value, str):
        word = node.value.lower()
        if word in ("yes", "on", "y"):
            return "write true; in YAML 1.2 this is a text"
        if word in ("no", "off", "n"):
            return "write false; in YAML 1.2 this is a text"
        if word in ("true", "false"):
            return "leave out the quotes"
    return None
