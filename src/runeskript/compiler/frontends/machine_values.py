"""Values that stand in a machine only: names of states and events, roles."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from ...model.rows import NamedTuple
from ..nodes import Map, Node, Seq
from ..tables import CANCEL
from .fields import Fields

#: As ``readers.Reader``.
Reader: TypeAlias = Callable[[Node, str, str], Any]


class StateRef(NamedTuple):
    """The name of a state, where it is not known yet whether there is such a state."""

    name: str
    node: Node
    pointer: str


def machine_readers(fields: Fields) -> dict[str, Reader]:
    """The readers of the kinds of values that stand in a machine only."""

    def state(node: Node, pointer: str, _: str) -> StateRef | None:
        name = fields.label(node, pointer, "state", "state's name")
        return None if name is None else StateRef(name, node, pointer)

    def sources(node: Node, pointer: str, key: str) -> tuple[StateRef, ...]:
        found = [state(item, at, key) for item, at in _items(fields, node, pointer, key, "state")]
        known: dict[str, StateRef] = {}
        for ref in found:
            if ref is not None and ref.name in known:
                _twice(fields, ref.name, ref.node, ref.pointer)
            elif ref is not None:
                known[ref.name] = ref
        return tuple(known.values())

    def event(node: Node, pointer: str, _: str) -> str | None:
        name = fields.label(node, pointer, "event", "event's name")
        if name == CANCEL:
            fields.add(
                "RUNE-1142",
                f"`{CANCEL}` is the command that ends a job; a machine has no event of this name",
                node,
                pointer,
                "choose another: `withdraw`, `abandon`",
            )
        return name

    def roles(node: Node, pointer: str, key: str) -> tuple[str, ...] | None:
        if type(node) is Map:
            hint = "on a transition `allow` names roles; findings are silenced at the top"
            fields.wrong_kind("roles", node, pointer, key, hint)
            return None
        known: dict[str, None] = {}
        for item, at in _items(fields, node, pointer, key, "role"):
            name = fields.label(item, at, "roles", "role")
            if name in known:
                _twice(fields, name, item, at)
            elif name is not None:
                known[name] = None
        return tuple(known) or None

    return {"state": state, "sources": sources, "event": event, "roles": roles}


def _items(fields: Fields, node: Node, pointer: str, key: str, what: str) -> list[tuple[Node, str]]:
    """One name, or a list of names: each with its pointer."""
    if type(node) is not Seq:
        return [(node, pointer)]
    if not node.items:
        fields.add("RUNE-1123", f"`{key}` names no {what}", node, pointer)
    return [(item, f"{pointer}/{i}") for i, item in enumerate(node.items)]


def _twice(fields: Fields, name: str, node: Node, pointer: str) -> None:
    fields.add("RUNE-1118", f"`{name}` is listed twice", node, pointer)
