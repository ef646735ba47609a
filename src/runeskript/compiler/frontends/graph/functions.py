"""Function nodes: calls of handlers, and the names that mean something else."""

from __future__ import annotations

from typing import Any, Final

from ....model.ast import Args, Call, Expr, Log, Run, Set, Site, Step, Target
from ....model.nearest import did_you_mean
from ...nodes import Map, Node, Scalar, clip, key_of, pairs_of, span_of
from ..literals import Literals
from ..places import escape
from .fields import GraphFields
from .tables import LOG_PARAMS, RUN_INPUTS, RUN_NAMES

_LEVEL: Final = next(key for key in LOG_PARAMS if key.name == "level")

Entries = list[tuple[str, tuple[Scalar, Node]]]


class Functions:
    """Makes the steps of Function nodes."""

    def __init__(self, fields: GraphFields, literals: Literals) -> None:
        self.fields = fields
        self.literals = literals

    def steps(self, site: Site, title: str, read: dict[str, Any], node: Map) -> list[Step]:
        """What a Function node does; nothing (and a finding) where it names no function."""
        named = self._name(site, title, node)
        if named is None:
            return []
        name, at = named
        params, into = read.get("params"), read.get("output")
        if name == "log":
            return self._log(site, title, at, params, into)
        if name == "run_workflow":
            return self._run(site, title, at, params, into)
        args = Args({}, None, span_of(at, self.fields.file), f"{site.pointer}/params")
        if params is not None:
            args = self.fields.args(params[0], params[1], "params")
        handler = "http.request" if name == "http_request" else name
        span = span_of(at, self.fields.file)
        return [Call(site, None, None, handler, span, args, into, None, None)]

    def _name(self, site: Site, title: str, node: Map) -> tuple[str, Node] | None:
        """The function's name and where it stands. `name` is a title beside the other keys."""
        given = [key for key in ("function", "action", "name") if key in node.entries]
        if not given:
            message = f"{title} needs `function`, the name of a handler"
            self.fields.add("RUNE-1101", message, node, site.pointer)
            return None
        if given[:2] == ["function", "action"]:
            one, two = node.entries["function"], node.entries["action"]
            key = key_of(node, "action")
            if not (type(one) is Scalar and type(two) is Scalar and one.text == two.text):
                self.fields.add(
                    "RUNE-1116", f"{title} has `function` and `action`", key,
                    f"{site.pointer}/action", "both name what is called; one of them is enough",
                )  # fmt: skip
        at = node.entries[given[0]]
        pointer = f"{site.pointer}/{given[0]}"
        name = self.fields.label(at, pointer, "handler", "function's name")
        return None if name is None else (name, at)

    # --- log --------------------------------------------------------------------------------------

    def _log(
        self, site: Site, title: str, at: Node, params: tuple[Node, str] | None,
        into: Target | None,
    ) -> list[Step]:  # fmt: skip
        text: Expr | None = None
        level: Any = None
        for key, (key_node, value) in self._entries(params):
            pointer = f"{site.pointer}/params/{escape(key)}"
            if key == "message":
                text = self.fields.text(value, pointer, key)
            elif key == "level":
                level = self.literals.word(_LEVEL, value, pointer)
            else:
                self._unknown("log", key, key_node, pointer, ("message", "level"))
        if text is None:
            message = f"{title}: `log` needs the parameter `message`"
            self.fields.add("RUNE-1101", message, params[0] if params else at, site.pointer)
            text = self.fields.broken(at, site.pointer)
        steps: list[Step] = [Log(site, None, None, text, level or "info")]
        if into is not None:
            nothing = Expr("null", ("const", None), into.span, into.pointer)
            steps.append(Set(Site(site.pointer, site.span), None, None, ((into, nothing),)))
        return steps

    # --- run_workflow -----------------------------------------------------------------------------

    def _run(
        self, site: Site, title: str, at: Node, params: tuple[Node, str] | None,
        into: Target | None,
    ) -> list[Step]:  # fmt: skip
        skript = None
        given: Args | None = None
        rest: list[tuple[str, Node]] = []
        entries = self._entries(params)
        present = {key for key, _ in entries}
        named = next((key for key in RUN_NAMES if key in present), None)
        filled = next((key for key in RUN_INPUTS if key in present), None)
        for key, (key_node, value) in entries:
            pointer = f"{site.pointer}/params/{escape(key)}"
            if key == named:
                skript = self.literals.skript(value, pointer)
                at = value
            elif key == filled:
                given = self.fields.args(value, pointer, key)
            elif filled is not None:
                known = ("workflow", "input")
                self._unknown("run_workflow", key, key_node, pointer, known)
            else:
                rest.append((key, value))
        if named is None:
            message = f"{title}: `run_workflow` needs the parameter `workflow`, a skript's name"
            self.fields.add("RUNE-1101", message, params[0] if params else at, site.pointer)
        span = span_of(at, self.fields.file)
        if given is None:
            pointer = f"{site.pointer}/params"
            values = [(k, self.fields.template(v, f"{pointer}/{escape(k)}")) for k, v in rest]
            given = Args(dict(values), None, span, pointer)
        if skript is None:
            if into is None:
                return []
            return [Set(site, None, None, ((into, self.fields.broken(at, site.pointer)),))]
        name, version, path = skript
        return [Run(site, None, None, name, version, path, span, given, into, None, None)]

    # --- parameters -------------------------------------------------------------------------------

    def _entries(self, params: tuple[Node, str] | None) -> Entries:
        if params is None:
            return []
        node, pointer = params
        if type(node) is Map:
            return list(pairs_of(node).items())
        self.fields.wrong_kind("args", node, pointer, "params", "write `params: {name: value}`")
        return []

    def _unknown(
        self, name: str, key: str, key_node: Scalar, pointer: str, known: tuple[str, ...]
    ) -> None:
        hint = did_you_mean(key, known) or f"its parameters are {', '.join(known)}"
        message = f"`{name}` has no parameter `{clip(key)}`"
        self.fields.add("RUNE-1100", message, key_node, pointer, hint)
