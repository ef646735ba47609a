"""The native front end: node tree -> ``model.ast.Document``, driven by ``compiler/tables.py``.

All findings of a document are collected. A document comes back even when there were errors, as
long as there is one to speak of, so that later checks can add theirs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from ...expr.functions import FUNCTIONS
from ...model.ast import Document, Function
from ...model.diagnostics import Diagnostics
from ...model.nearest import nearest
from ...model.spans import Span
from ..kinds import Key
from ..nodes import Map, Node, Scalar, clip, describe, key_of, pairs_of, span_of
from ..read import Source
from ..tables import BY_VERB, DOCUMENT
from .allows import read_allows
from .fields import Fields
from .places import escape
from .seen import check_seen
from .steps import Steps
from .variables import read_vars

_FUNCTION: Final = re.compile(r"\s*([^\s(]*)\s*\((.*)\)\s*\Z", re.DOTALL)


def parse_native(
    source: Source, diagnostics: Diagnostics, files: Mapping[int, str] | None = None
) -> Document | None:
    """The document a tree describes; None where it describes none.

    ``files``: identity of a step's node -> the file it stands in, where that is not the source's
    (steps made by Python functions of several modules).
    """
    root = source.root
    if root is None:
        return None
    native = Native(source, diagnostics)
    native.steps.files = files or {}
    return native.document(root)


class Native:
    """One document: a skript, or whatever else has ``rows`` at its top."""

    rows: tuple[Key, ...] = DOCUMENT
    title = "skript's name"
    #: Required key -> the hint where it is missing.
    missing: Mapping[str, str] = {
        "skript": "add `skript: NAME`",
        "do": "add `do:` with its steps",
    }

    def __init__(self, source: Source, diagnostics: Diagnostics) -> None:
        self.known = {row.name: row for row in self.rows}
        self.source = source
        self.file = source.file
        self.fields = Fields(source, diagnostics)
        self.steps = Steps(self.fields)
        self.literals = self.steps.literals

    def document(self, root: Node) -> Document | None:
        """The whole document."""
        if type(root) is not Map:
            self.fields.add(
                "RUNE-1102",
                f"expected a document, found {describe(root)}",
                root,
                "",
                "a document is an object: `skript: NAME` and `do:` with a list of steps",
            )
            return None
        read = self._read(root)
        body = read.get("do", ())
        catches = read.get("catch", ())
        document = Document(
            read.get("skript") or "unnamed",
            read.get("version"),
            read.get("labels", {}),
            read.get("input"),
            read.get("env", ()),
            read.get("vars", ()),
            read.get("functions", ()),
            read.get("timeout"),
            body,
            catches,
            read.get("finally"),
            span_of(root, self.file),
            read.get("allow", ()),
            read.get("on_failure"),
            None,
            read.get("schedule"),
        )
        check_seen(self.fields.seen, self.source, self.fields.diagnostics)
        return document

    def _read(self, root: Map) -> dict[str, Any]:
        """Every top-level key; those that are required must be there."""
        read: dict[str, Any] = {}
        unknown = []
        for key, node in root.entries.items():
            if key not in self.known:
                unknown.append(key)
                continue
            read[key] = self._value(key, node)
        misspelt = set()
        for key in unknown:
            if self.fields.diagnostics.is_hopeless:
                break
            match = nearest(key, [name for name in self.known if name not in root.entries])
            hint = f"did you mean `{match}`?" if match else None
            if match is None:
                hint = self._hint(key)
            misspelt.add(match)
            self.fields.add(
                "RUNE-1100",
                f"a document has no key `{clip(key)}`",
                key_of(root, key),
                f"/{escape(key)}",
                hint or f"its keys are {', '.join(self.known)}",
            )
        for row in self.rows:
            if row.required and row.name not in root.entries and row.name not in misspelt:
                at = Span(self.file, root.line + 1, root.column + 1, root.line + 1, root.column + 2)
                self.fields.diagnostics.add(
                    "RUNE-1101",
                    f"the document needs `{row.name}`",
                    at,
                    "",
                    self.missing[row.name],
                )
        return read

    def _hint(self, key: str) -> str | None:
        """What to do with a key that a document does not have."""
        return f"`{key}` is a step: put it into the list under `do:`" if key in BY_VERB else None

    def _value(self, key: str, node: Node) -> Any:
        """The value of one top-level key."""
        pointer = f"/{key}"
        row = self.known[key]
        if row.kind == "block":
            return self.steps.block(node, pointer, key)
        if row.kind == "clauses":
            return self.steps.catches(node, pointer)
        if row.kind == "object":
            from .schedules import read_schedule

            return read_schedule(self.steps, node, pointer)
        if row.kind == "step":
            from .notices import read_notice  # most documents have none

            return read_notice(self.steps, node, pointer)
        if row.kind == "title":
            return self.fields.label(node, pointer, "title", self.title)
        if row.kind == "count":
            return self.literals.count(row, node, pointer)
        if row.kind == "labels":
            return self.literals.labels(node, pointer)
        if row.kind == "schema":
            return self.literals.schema(node, pointer, key)
        if row.kind == "names":
            return self.literals.names(node, pointer, key)
        if row.kind == "vars":
            return read_vars(self.fields, node, pointer, "vars")
        if row.kind == "functions":
            return self._functions(node, pointer)
        if row.kind == "silences":
            return read_allows(self.fields, node, pointer)
        return self.fields.duration(node, pointer, key)

    # --- functions --------------------------------------------------------------------------------

    def _functions(self, node: Node, pointer: str) -> tuple[Function, ...]:
        if type(node) is not Map:
            self.fields.wrong_kind("functions", node, pointer, "functions")
            return ()
        out = []
        seen: dict[str, Span] = {}
        for key, (key_node, child) in pairs_of(node).items():
            at = f"{pointer}/{escape(key)}"
            header = self._header(key, key_node, at)
            if header is None:
                continue
            name, params = header
            span = span_of(key_node, self.file)
            if name in seen:
                self.fields.add(
                    "RUNE-1118", f"the function `{name}` is defined twice", key_node, at, None,
                    ((seen[name], "the first one"),),
                )  # fmt: skip
                continue
            seen[name] = span
            body = self.fields.expr(child, at, clip(key), params)
            out.append(Function(name, params, body, span, at))
        return tuple(out)

    def _header(self, text: str, node: Scalar, pointer: str) -> tuple[str, tuple[str, ...]] | None:
        """``name(a, b)``; None (and a finding) if it is no such thing."""
        found = _FUNCTION.match(text)
        if found is None:
            self.fields.add(
                "RUNE-1108",
                f"`{clip(text)}` does not define a function",
                node,
                pointer,
                "write `name(parameter, …): EXPRESSION`; in braces quote the part before the `:`",
            )
            return None
        name = self.fields.check_name(found[1], node, pointer, "functions")
        if name in FUNCTIONS:
            self.fields.add(
                "RUNE-1109",
                f"`{name}` is a function of the language and cannot be defined again",
                node,
                pointer,
                f"call it `{name}_` or `my_{name}`",
            )
            return None
        params: list[str] = []
        for part in found[2].split(",") if found[2].strip() else ():
            param = self.fields.check_name(part.strip(), node, pointer, "parameter")
            if param is not None and param in params:
                self.fields.add("RUNE-1118", f"the parameter `{param}` stands twice", node, pointer)
            params.append(param or "_")
        return None if name is None else (name, tuple(params))
