"""The front end of machines: node tree -> ``model.ast.Document`` with a ``Machine`` in it.

Blocks, expressions and what a machine has in common with a skript are read as there. What refers to
a state is looked up when all states are known; a misspelt name is read as its nearest match, so
that what follows from it is not reported besides.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from ...model.ast import Document, Machine, Site, State, Transition
from ...model.diagnostics import Diagnostics
from ...model.limits import STATES, TRANSITIONS
from ...model.machine import DONE, FAILED
from ...model.nearest import nearest
from ..nodes import (
    Map,
    Node,
    Scalar,
    Seq,
    clip,
    describe,
    entry_of,
    find_node,
    key_of,
    pairs_of,
    span_of,
)
from ..read import Source
from ..tables import MACHINE, STATE_FIELDS, TRANSITION_FIELDS
from .machine_values import StateRef, machine_readers
from .native import Native
from .places import escape
from .seen import check_seen

#: What a final state cannot have: (key, why).
_NOT_FINAL: Final = (
    ("do", "a job that is completed has no activity"),
    ("timeout", "a job that is completed raises no event"),
    ("exit", "no transition leaves a final state"),
)


def parse_machine(
    source: Source, diagnostics: Diagnostics, files: Mapping[int, str] | None = None
) -> Document | None:
    """The machine a tree describes; ``files`` as of ``parse_native``."""
    root = source.root
    if root is None:
        return None
    reader = _Reader(source, diagnostics)
    reader.steps.files = files or {}
    return reader.document(root)


class _Reader(Native):
    """One machine."""

    rows = MACHINE
    title = "machine's name"
    missing: Mapping[str, str] = {
        "machine": "add `machine: NAME`",
        "initial": "add `initial: NAME`, the state a job begins in",
        "states": "add `states:`, an object such as `{draft: {}, done: {final: true}}`",
        "transitions": "add `transitions:`, a list such as `- {from: draft, event: submit, to: "
        "done}`",
    }

    def __init__(self, source: Source, diagnostics: Diagnostics) -> None:
        super().__init__(source, diagnostics)
        self.fields.settable = frozenset(("data",))
        # A text that computes with them was probably meant as an expression.
        self.fields.seen.variables.update(("data", "event", "actor"))
        #: Name of a final state -> where that is said.
        self.final: dict[str, Node] = {}

    def document(self, root: Node) -> Document | None:
        """The whole document."""
        if type(root) is not Map:
            self.fields.add(
                "RUNE-1102",
                f"expected a machine, found {describe(root)}",
                root,
                "",
                "a machine is an object: `machine: NAME`, `initial`, `states` and `transitions`",
            )
            return None
        read = self._read(root)
        document = Document(
            read.get("machine") or "unnamed",
            read.get("version"),
            read.get("labels", {}),
            read.get("data"),
            read.get("env", ()),
            (),
            read.get("functions", ()),
            None,
            (),
            (),
            None,
            span_of(root, self.file),
            read.get("allow", ()),
            read.get("on_failure"),
            machine=self._machine(read),
        )
        check_seen(self.fields.seen, self.source, self.fields.diagnostics)
        return document

    def _value(self, key: str, node: Node) -> Any:
        kind = self.known[key].kind
        if kind == "states":
            return self._states(node)
        if kind == "transitions":
            return self._transitions(node)
        if kind == "state":
            return machine_readers(self.fields)[kind](node, f"/{key}", key)
        return super()._value(key, node)

    def _hint(self, key: str) -> str | None:
        if key == "input":
            return "a machine's job has no input: its schema stands under `data`"
        if key == "timeout":
            return "a job may live for ever; a state has a `timeout: {after: …, event: …}`"
        if key in ("do", "vars", "catch", "finally", "schedule"):
            return f"`{key}` belongs to skripts; states and transitions have steps of their own"
        return None

    # --- states -----------------------------------------------------------------------------------

    def _states(self, node: Node) -> tuple[State, ...]:
        if type(node) is not Map:
            self.fields.wrong_kind("states", node, "/states", "states")
            return ()
        if not node.entries:
            self.fields.add("RUNE-1123", "the machine has no state", node, "/states")
        self._check_number(len(node.entries), STATES, "states", node)
        out: list[State] = []
        for name, (key, child) in pairs_of(node).items():
            if len(out) == STATES:
                break
            at = f"/states/{escape(name)}"
            self.fields.label(key, at, "state", "state's name")
            with self._in_file_of(child):
                out.append(self._state(key, child, at))
        return tuple(out)

    def _state(self, key: Scalar, node: Node, pointer: str) -> State:
        name = key.text
        read: dict[str, Any] = {}
        if type(node) is not Scalar or node.value is not None:  # `draft:` is a state, too
            read = self.steps.fixed(node, STATE_FIELDS, pointer, "state")
        timeout = read.get("timeout") or {}
        final = bool(read.get("final"))
        if type(node) is Map:
            if final:
                self._check_final(name, node, pointer)
            if timeout.get("event") in (DONE, FAILED):
                self.fields.add(
                    "RUNE-1142",
                    f"`{timeout['event']}` is raised by the end of an activity only",
                    find_node(node, "/timeout/event"),
                    f"{pointer}/timeout/event",
                    "give the timeout's event a name of its own",
                )
        after, then = timeout.get("after"), timeout.get("event")
        complete = after is not None and then is not None
        return State(
            name,
            read.get("enter", ()),
            read.get("exit", ()),
            read.get("do"),
            after if complete else None,
            then if complete else None,
            final,
            Site(pointer, span_of(key, self.file)),
        )

    def _check_final(self, name: str, node: Map, pointer: str) -> None:
        self.final[name] = entry_of(node, "final")[0]
        for key, why in _NOT_FINAL:
            if key in node.entries:
                at = key_of(node, key)
                message = f"`{key}` does nothing in the final state `{clip(name)}`: {why}"
                self.fields.add("RUNE-1141", message, at, f"{pointer}/{key}")

    # --- transitions ------------------------------------------------------------------------------

    def _transitions(self, node: Node) -> list[tuple[dict[str, Any], Node, str]]:
        """What each says, with its node and pointer."""
        if type(node) is not Seq:
            hint = "put `- ` before each transition"
            self.fields.wrong_kind("transitions", node, "/transitions", "transitions", hint)
            return []
        out = []
        rows = 0
        for i, child in enumerate(node.items):
            at = f"/transitions/{i}"
            with self._in_file_of(child):
                read = self.steps.fixed(child, TRANSITION_FIELDS, at, "transition", "a transition")
            rows += len(read.get("from") or ())
            if rows > TRANSITIONS:
                break
            out.append((read, child, at))
        self._check_number(rows, TRANSITIONS, "transitions", node)
        return out

    def _check_number(self, number: int, most: int, what: str, node: Node) -> None:
        if number > most:
            hint = "a transition counts for each state it starts from"
            self.fields.add(
                "RUNE-1114",
                f"a machine has at most {most:,} {what}",
                node,
                f"/{what}",
                hint if what == "transitions" else None,
            )

    @contextmanager
    def _in_file_of(self, node: Node) -> Iterator[None]:
        """Places are those of the file that a part made in Python was written in."""
        file = self.steps.files.get(id(node))
        if file is None:
            yield
            return
        outer = self.file
        self.file = self.steps.file = self.fields.file = file
        try:
            yield
        finally:
            self.file = self.steps.file = self.fields.file = outer

    # --- the whole --------------------------------------------------------------------------------

    def _machine(self, read: dict[str, Any]) -> Machine | None:
        """The machine; None where there is no state, which is reported."""
        states: tuple[State, ...] = read.get("states") or ()
        if not states:
            return None
        known = {state.name: state for state in states}
        initial = self._find(read.get("initial"), known)
        if initial in self.final and read.get("initial") is not None:
            ref = read["initial"]
            self.fields.add(
                "RUNE-1141",
                f"a job would end where it begins: `{clip(ref.name)}` is final",
                ref.node,
                ref.pointer,
                related=((span_of(self.final[ref.name], self.file), "it is final here"),),
            )
        transitions = []
        for given, node, at in read.get("transitions") or ():
            with self._in_file_of(node):
                site = Site(at, span_of(node, self.file), given.get("id"))
                made = self._transition(given, known, site)
            if made is not None:
                transitions.append(made)
        return Machine(initial or states[0].name, states, tuple(transitions))

    def _transition(
        self, given: dict[str, Any], known: Mapping[str, State], site: Site
    ) -> Transition | None:
        """One transition; None where it leads from or to nowhere, which is reported."""
        sources: dict[str, None] = {}
        for ref in given.get("from") or ():
            name = self._find(ref, known)
            if name in self.final:
                self.fields.add(
                    "RUNE-1141",
                    f"no transition leaves the final state `{clip(ref.name)}`",
                    ref.node,
                    ref.pointer,
                    related=((span_of(self.final[name], self.file), "it is final here"),),
                )
            elif name is not None:
                sources[name] = None
        to = self._find(given.get("to"), known)
        event = given.get("event")
        if not sources or to is None or event is None:
            return None
        return Transition(
            tuple(sources),
            event,
            to,
            given.get("guard"),
            given.get("allow"),
            given.get("do", ()),
            site,
        )

    def _find(self, ref: StateRef | None, known: Mapping[str, State]) -> str | None:
        """The state a name means; a finding where there is none of this name."""
        if ref is None or ref.name in known:
            return None if ref is None else ref.name
        match = nearest(ref.name, known)
        names = ", ".join(list(known)[:10]) + (", …" if len(known) > 10 else "")
        self.fields.add(
            "RUNE-1140",
            f"there is no state `{clip(ref.name)}`",
            ref.node,
            ref.pointer,
            f"did you mean `{match}`?" if match else f"the states are {names}",
        )
        return match
