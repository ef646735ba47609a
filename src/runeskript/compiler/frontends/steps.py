"""Steps of the native form: table rows say which keys exist, this module reads their values.

One mistake draws one message and reading goes on: a misspelt key or verb is read as its nearest
match, so that the variables it declares are still declared.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from ...model.ast import Block, Branch, Break, CatchClause, Continue, Site, Step, Target
from ...model.nearest import nearest
from ...model.spans import Span
from ..kinds import Key
from ..nodes import Map, Node, Scalar, Seq, clip, describe, key_of, pairs_of, place_of, span_of
from ..tables import BY_VERB, CATCH_FIELDS, VERBS
from .fields import Fields
from .literals import Literals
from .make import MAKERS, Parts
from .places import escape
from .readers import ByKey, Readers
from .step_rows import (
    MODIFIER_ROWS,
    OWNERS,
    REQUIRED,
    STEP_ROWS,
    TAKEN_BY,
    Pairs,
    beside,
    hint_of,
    is_if,
    nearest_verb,
    renamed,
)

#: What an object's keys were read as: key -> value (an AST part; which one, the row's kind says).
Read: TypeAlias = dict[str, Any]
#: How steps of the same keys are read: their verb, and their keys.
Shape: TypeAlias = tuple[str, ByKey]
_new: Final = object.__new__


class Steps:
    """Reads blocks and steps of one document."""

    def __init__(self, fields: Fields) -> None:
        self.fields = fields
        self.literals = Literals(fields)
        self.file = fields.file
        self.ids: dict[str, Span] = {}
        #: Steps that stand in another file than the document: identity of the node -> file.
        self.files: Mapping[int, str] = {}
        #: Reads the steps `graph` of the document; made by the first.
        self._graphs: Any = None
        self._readers = Readers(
            fields,
            self.literals,
            {
                "block": self.block,
                "step": self.one_step,
                "id": lambda node, at, _: self._id(node, at),
                "branches": lambda node, at, _: self._branches(node, at),
            },
            {
                "object": lambda row, node, at: self.fixed(node, row.fields, at, row.name),
                "clauses": lambda row, node, at: self.clauses(node, row.fields, at, row.name),
                "delay": self._delay,
                "graph": self._graph,
            },
        )
        #: What reads the value of a key, by its row.
        self._reader = self._readers.of
        #: The keys of steps read so far that had the right ones -> how such a step is read.
        self._shapes: dict[tuple[str, ...], Shape] = {}
        #: The same of other objects: by the identity of their rows, which are part of the tables.
        self._objects: dict[tuple[int, tuple[str, ...]], ByKey] = {}

    # --- blocks ----------------------------------------------------------------------------------

    def block(self, node: Node, pointer: str, field: str) -> Block:
        """A list of steps. One step without a list is reported and read as a list of one."""
        if type(node) is Seq:
            diagnostics, steps = self.fields.diagnostics, []
            read = self.step if self.files else self._step
            for i, child in enumerate(node.items):
                step = read(child, f"{pointer}/{i}")
                if step is not None:
                    steps.append(step)
                if diagnostics.dropped and diagnostics.is_hopeless:
                    break
            return tuple(steps)
        hint = f"`{field}: []` does nothing"
        if type(node) is Map:
            hint = "put `- ` before each step"
        self.fields.wrong_kind("block", node, pointer, field, hint)
        step = self.step(node, pointer) if type(node) is Map else None
        return (step,) if step is not None else ()

    def step(self, node: Node, pointer: str) -> Step | None:
        """One step; None (and a finding) where none can be made out."""
        file = self.files.get(id(node)) if self.files else None
        if file is None:
            return self._step(node, pointer)
        outer, self.file, self.fields.file = self.file, file, file
        try:
            return self._step(node, pointer)
        finally:
            self.file = self.fields.file = outer

    def _step(self, node: Node, pointer: str) -> Step | None:
        if type(node) is not Map:
            if type(node) is Scalar and node.text in ("break", "continue"):
                site = Site(pointer, span_of(node, self.file))
                kind = Break if node.text == "break" else Continue
                return kind(site, None, None)
            hint = None
            if type(node) is Scalar and node.text in BY_VERB:
                hint = f"write `{node.text}: …`"
            self.fields.wrong_kind("step", node, pointer, "", hint)
            return None
        entries = node.entries
        keys = tuple(entries)
        shape = self._shapes.get(keys)
        if shape is not None:
            # As nearly all steps: nothing is wrong with its keys, which were seen before.
            verb, by_key = shape
            values = self._readers.values(node, by_key, pointer)
            return self._made(verb, node, pointer, values, entries[verb], None)
        found = self._verb(node, pointer)
        if found is None:
            return None
        verb, pairs = found, pairs_of(node)
        is_misspelt = verb not in pairs  # and reported
        if is_misspelt:
            pairs = renamed(pairs, verb)
        rows = STEP_ROWS[verb]
        nodes: Pairs = {}
        read = self._entries(pairs, rows, pointer, verb, nodes)
        missing = [row for row in REQUIRED[verb] if row.name not in pairs]
        for row in missing:
            self._missing(row, pairs[verb][0], pointer, f"`{verb}`")
        if not missing and not is_misspelt and all(key in rows for key in keys):
            self._shapes[keys] = verb, self._readers.by_key(rows, keys)
        return self._made(verb, node, pointer, read, nodes[verb][1], nodes)

    def _made(
        self, verb: str, node: Map, pointer: str, read: Read, value: Node, nodes: Pairs | None
    ) -> Step:
        """The step that was read. ``nodes``: where each key stands that was understood, if some
        were not."""
        get = read.get
        parts = Parts()
        parts.fields = self.fields
        parts.get = get
        site: Any = _new(Site)
        site.pointer = pointer
        site.place = place_of(node, self.file)
        site.id = get("id")
        site.allow = get("allow", ())
        parts.site = site
        parts.when = get("if") if verb != "if" else None
        parts.timeout = get("timeout")
        parts.read = read
        parts.node = node
        parts.pairs = nodes
        parts.value = value
        return MAKERS[verb](parts)

    # --- verbs -----------------------------------------------------------------------------------

    def _verb(self, node: Map, pointer: str) -> str | None:
        """Which verb a step has. `if` is one only beside `then`."""
        entries = node.entries
        found = [key for key in entries if key in BY_VERB]
        if "if" in found and "then" not in entries and (len(found) > 1 or not is_if(entries)):
            found.remove("if")
        if len(found) > 1:
            present = set(found)
            found = [key for key in found if not (TAKEN_BY[key] & present)]
        if len(found) == 1:
            return found[0]
        if found:
            self._two_verbs(node, found, pointer)
            return found[0]
        return self._no_verb(node, pointer)

    def _two_verbs(self, node: Map, found: list[str], pointer: str) -> None:
        first, second = (key_of(node, name) for name in found[:2])
        self.fields.add(
            "RUNE-1104",
            f"a step has one verb; this one has `{found[0]}` and `{found[1]}`",
            second,
            f"{pointer}/{found[1]}",
            "make two steps of it: each begins with its own `- `",
            ((span_of(first, self.file), "the first verb"),),
        )

    def _no_verb(self, node: Map, pointer: str) -> str | None:
        entries = node.entries
        for key in entries:
            match = nearest_verb(key)
            if match is not None and key not in MODIFIER_ROWS and key not in OWNERS:
                self.fields.add(
                    "RUNE-1103",
                    f"`{clip(key)}` is no verb",
                    key_of(node, key),
                    f"{pointer}/{escape(key)}",
                    f"did you mean `{match}`?",
                )
                return match
        hint = f"one of {', '.join(v.name for v in VERBS)}"
        at: Node = node
        if "if" in entries:
            at = key_of(node, "if")
            hint = "add `then` with steps, or the verb that `if` is to guard"
        elif entries:
            key = next(iter(entries))
            at = key_of(node, key)
            owners = OWNERS.get(key)
            if owners:
                hint = beside(key)
        what = "an empty object is no step" if not entries else "this step has no verb"
        self.fields.add("RUNE-1103", what, at, pointer, hint)
        return None

    # --- objects ---------------------------------------------------------------------------------

    def fixed(
        self, node: Node, rows: tuple[Key, ...], pointer: str, owner: str, what: str = ""
    ) -> Read:
        """An object with the keys of ``rows``; missing required ones are reported."""
        if type(node) is not Map:
            names = ", ".join(row.name for row in rows)
            self.fields.wrong_kind("object", node, pointer, owner, f"with the keys {names}")
            return {}
        entries = node.entries
        keys = tuple(entries)
        by_key = self._objects.get((id(rows), keys))
        if by_key is not None:  # as with steps
            return self._readers.values(node, by_key, pointer)
        known = {row.name: row for row in rows}
        read = self._entries(pairs_of(node), known, pointer, owner)
        missing = [row for row in rows if row.required and row.name not in entries]
        for row in missing:
            self._missing(row, node, pointer, what or f"`{owner}`")
        if not missing and all(key in known for key in keys):
            self._objects[id(rows), keys] = self._readers.by_key(known, keys)
        return read

    def _entries(
        self,
        entries: Pairs,
        rows: dict[str, Key],
        pointer: str,
        owner: str,
        nodes: Pairs | None = None,
    ) -> Read:
        """What the keys say; ``nodes`` is told where each stands that was understood."""
        read: Read = {}
        for key, (key_node, value) in entries.items():
            row = rows.get(key)
            if row is None:
                row = self._unknown(key, key_node, rows, entries, pointer, owner)
                if row is None:
                    continue
                at = f"{pointer}/{escape(key)}"
            else:
                at = f"{pointer}/{key}"
            read[row.name] = self._reader(row)(value, at, row.name)
            if nodes is not None:
                nodes[row.name] = (key_node, value)
        return read

    def _unknown(
        self,
        key: str,
        key_node: Scalar,
        rows: dict[str, Key],
        entries: Mapping[str, object],
        pointer: str,
        owner: str,
    ) -> Key | None:
        """Report a key nobody knows; the row it was probably meant to be."""
        if key in BY_VERB and owner in BY_VERB and not OWNERS.get(key):
            return None  # a second verb, reported as such
        if self.fields.diagnostics.is_hopeless:
            return None
        match = nearest(key, rows)
        hint = f"did you mean `{match}`?" if match else None
        owners = OWNERS.get(key)
        if owners:
            hint = beside(key)
        elif hint is None:
            hint = f"the keys of `{owner}` are {', '.join(rows)}" if owner else None
        self.fields.add(
            "RUNE-1100",
            f"`{owner}` has no key `{clip(key)}`",
            key_node,
            f"{pointer}/{escape(key)}",
            hint,
        )
        return rows[match] if match and match not in entries and not owners else None

    def _missing(self, row: Key, at: Node, pointer: str, owner: str) -> None:
        self.fields.add("RUNE-1101", f"{owner} needs `{row.name}`", at, pointer, hint_of(row.doc))

    def clauses(
        self, node: Node, rows: tuple[Key, ...], pointer: str, owner: str
    ) -> list[tuple[Read, Node, str]]:
        """A list of clauses, each with its node and pointer."""
        if type(node) is Map:
            self.fields.wrong_kind("clauses", node, pointer, owner, "put `- ` before each clause")
            if not any(row.name in node.entries for row in rows):
                return []
            return [(self.fixed(node, rows, pointer, owner), node, pointer)]
        if type(node) is not Seq:
            self.fields.wrong_kind("clauses", node, pointer, owner)
            return []
        if not node.items:
            self.fields.add("RUNE-1123", f"`{owner}` has no clause", node, pointer)
        out: list[tuple[Read, Node, str]] = []
        for i, child in enumerate(node.items):
            at = f"{pointer}/{i}"
            if type(child) is not Map:
                keys = ", ".join(row.name for row in rows)
                self.fields.add(
                    "RUNE-1102",
                    f"expected a clause of `{owner}` with the keys {keys}, found {describe(child)}",
                    child,
                    at,
                )
                continue
            clause = self.fixed(child, rows, at, owner, f"a clause of `{owner}`")
            out.append((clause, child, at))
        return out

    def catches(self, node: Node, pointer: str) -> tuple[CatchClause, ...]:
        """The ``catch`` of a ``try`` or of the document."""
        return tuple(
            CatchClause(read.get("when"), read.get("do", ()), span_of(child, self.file), at)
            for read, child, at in self.clauses(node, CATCH_FIELDS, pointer, "catch")
        )

    # --- values that hold steps ------------------------------------------------------------------

    def one_step(self, node: Node, pointer: str, field: str) -> Step | None:
        """The step that a key holds, where a list of steps is none."""
        if type(node) is Seq:
            hint = "one step; several go into `do: […]`"
            self.fields.wrong_kind("step", node, pointer, field, hint)
            return None
        return self.step(node, pointer)

    def _id(self, node: Node, pointer: str) -> str | None:
        name = self.fields.label(node, pointer, "id", "id")
        if name is None:
            return None
        first = self.ids.setdefault(name, span_of(node, self.file))
        if first != span_of(node, self.file):
            self.fields.add(
                "RUNE-1110",
                f"the id `{name}` is taken",
                node,
                pointer,
                "ids name steps in events and errors; each is used once",
                ((first, "the first step with this id"),),
            )
        return name

    def _branches(self, node: Node, pointer: str) -> tuple[Branch, ...]:
        if type(node) is not Map:
            hint = "name each branch: `parallel: {a: […], b: […]}`"
            if type(node) is Scalar and node.value is not None:
                hint = "`parallel: N` belongs to `for`"
            self.fields.wrong_kind("branches", node, pointer, "parallel", hint)
            return ()
        if not node.entries:
            self.fields.add("RUNE-1123", "`parallel` has no branch", node, pointer)
        out = []
        for name, body in node.entries.items():
            key = key_of(node, name)
            at = f"{pointer}/{escape(name)}"
            self.fields.label(key, at, "id", "branch's name")
            block = self.block(body, at, name)
            out.append(Branch(name, block, span_of(key, self.file), at))
        return tuple(out)

    def _delay(self, row: Key, node: Node, pointer: str) -> Any:
        if type(node) is Map:
            return self.fixed(node, row.fields, pointer, row.name)
        return self.fields.duration(node, pointer, row.name, positive=False)

    def _graph(self, row: Key, node: Node, pointer: str) -> Callable[[Target | None], Block]:
        from .graph.step import GraphStep  # few documents need it, and it takes time to import

        if self._graphs is None:
            self._graphs = GraphStep(self.fields, self.ids)
        made: Callable[[Target | None], Block] = self._graphs.read(node, pointer)
        return made
