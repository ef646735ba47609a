"""Which table describes which part of a document: keys in their order, kinds of values.

Derived from ``tables.py`` for tools that walk a document without making an AST of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from .frontends.graph.tables import (
    ASSIGNMENT_FIELDS,
    BRANCH_FIELDS,
    BY_TYPE,
    COMMON,
    EDGE,
    NODE_TYPES,
    PART,
    WORKFLOW,
    WRAPPED,
)
from .kinds import Key, Kind, Verb
from .tables import BY_VERB, DOCUMENT, MACHINE, MODIFIERS, STATE_FIELDS, TRANSITION_FIELDS


class Shape:
    """What may stand at one place: the kind of value, and the rows of its keys."""

    __slots__ = ("_ranks", "_rows", "inside_expression", "kind")

    def __init__(
        self, kind: Kind | None, rows: tuple[Key, ...] = (), *, inside_expression: bool = False
    ) -> None:
        self.kind = kind
        #: In a list that stands for an expression, where quotes tell texts from names.
        self.inside_expression = inside_expression
        self._rows = {row.name: row for row in rows}
        self._ranks = {row.name: i for i, row in enumerate(rows)}

    @property
    def rows(self) -> tuple[Key, ...]:
        """The rows of the keys that an object here may have."""
        return tuple(self._rows.values())

    @property
    def is_expression(self) -> bool:
        """Whether a text here is an expression."""
        return self.kind in ("expr", "condition", "assignment", "result")

    def for_keys(self, keys: Iterable[str]) -> Shape:
        """The shape of an object with these keys: for a step, that of its verb."""
        if self is ROOT:
            present = set(keys)
            forms = {"workflow": _WRAPPED, "nodes": _FLAT, "machine": _MACHINE}
            return next((shape for key, shape in forms.items() if key in present), self)
        if self.kind != "step":
            return self
        present = set(keys)
        found = [name for name in present if name in BY_VERB]
        if "if" in found and "then" not in present and len(found) > 1:
            found.remove("if")
        inner = {row.name for name in found for row in BY_VERB[name].keys}
        verbs = [name for name in found if name not in inner]
        return _STEPS[verbs[0]] if len(verbs) == 1 else ANY

    def rank(self, key: str) -> int:
        """Where a key stands among its neighbours; keys that are no words of the language keep
        their order."""
        return self._ranks.get(key, len(self._ranks)) if self._ranks else 0

    def child(self, key: str) -> Shape:
        """The shape of the value under ``key``."""
        if self.kind == "branches":
            return _BLOCK
        if self.kind == "functions":
            return _EXPRESSION
        if self.kind == "states":
            return _STATE
        row = self._rows.get(key)
        return ANY if row is None else _of(row)

    def item(self) -> Shape:
        """The shape of a list's items."""
        if self.kind == "block":
            return _STEP
        if self.kind == "clauses":
            return Shape("object", tuple(self._rows.values()))
        if self.kind in ("expr", "condition") or self.inside_expression:
            return _INSIDE
        return _ITEMS.get(self.kind, ANY) if self.kind is not None else ANY


def _of(row: Key) -> Shape:
    if row.kind in ("object", "clauses", "delay", "workflow"):
        return Shape(row.kind, row.fields)
    if row.kind in ("part", "else", "graph"):
        return Shape(row.kind, PART)
    return _BY_KIND.setdefault(row.kind, Shape(row.kind))  # whatever its keys are, they are names


def _step(verb: Verb) -> Shape:
    """Canonical order of a step's keys: id, what guards it, the verb, its keys, the others."""
    own = {row.name for row in (verb.value, *verb.keys)}
    before = [row for row in MODIFIERS if row.name in ("id", "if") and row.name not in own]
    after = [row for row in MODIFIERS if row not in before and row.name not in own]
    return Shape("object", (*before, verb.value, *verb.keys, *after))


#: A place about which no table says anything.
ANY: Final = Shape(None)
_BLOCK: Final = Shape("block")
_STEP: Final = Shape("step")
_EXPRESSION: Final = Shape("expr")
_INSIDE: Final = Shape(None, inside_expression=True)
_BY_KIND: Final[dict[Kind, Shape]] = {
    "block": _BLOCK, "step": _STEP, "expr": _EXPRESSION,
}  # fmt: skip
_STEPS: Final = {name: _step(verb) for name, verb in BY_VERB.items()}
#: The whole document, whatever its form.
ROOT: Final = Shape("object", DOCUMENT)
_FLAT: Final = Shape("object", WORKFLOW)
_WRAPPED: Final = Shape("object", WRAPPED)
_MACHINE: Final = Shape("object", MACHINE)
_STATE: Final = Shape("object", STATE_FIELDS)


def _node() -> Shape:
    """Keys of nodes of any type, in one order: what a node leads to stands last."""
    rows = {row.name: row for row in COMMON}
    last: dict[str, Key] = {}
    for type_ in NODE_TYPES:
        for row in type_.keys:
            (last if row.name in ("next", "allow") else rows).setdefault(row.name, row)
    return Shape("object", (*rows.values(), *last.values()))


#: A node of any type.
NODE: Final = _node()
_BY_TYPE: Final = {
    name: Shape("object", tuple({row.name: row for row in (*COMMON, *type_.keys)}.values()))
    for name, type_ in BY_TYPE.items()
}


def node_shape(type_: str) -> Shape:
    """The shape of a node of a type, in any case; of a word that is no type, that of any node."""
    return _BY_TYPE.get(type_.strip().lower(), NODE)


#: A branch of an If or of a Parallel: an object, or (the latter) a list of nodes.
_BRANCH: Final = Shape("part", BRANCH_FIELDS)
#: What stands in lists of the graph form, and of machines.
_ITEMS: Final[dict[Kind, Shape]] = {
    "transitions": Shape("object", TRANSITION_FIELDS),
    "nodes": NODE, "edges": Shape("object", EDGE), "part": NODE, "else": NODE,
    "parts": _BRANCH, "if-branches": _BRANCH, "assignments": Shape("object", ASSIGNMENT_FIELDS),
}  # fmt: skip
