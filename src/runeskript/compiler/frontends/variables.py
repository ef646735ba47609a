"""``vars`` of the native form, ``variables`` of the graph form: names, first values, reducers."""

from __future__ import annotations

from typing import Any

from ...model.ast import Var
from ...model.nearest import did_you_mean
from ..nodes import Map, Node, Scalar, describe, pairs_of, span_of
from ..tables import REDUCERS
from .fields import Fields
from .places import escape


def read_vars(fields: Fields, node: Node, pointer: str, key: str) -> tuple[Var, ...]:
    """The variables that an object declares; ``key`` is what it stands under."""
    if type(node) is not Map:
        fields.wrong_kind("vars", node, pointer, key, f"write `{key}: {{name: value}}`")
        return ()
    out = []
    for text, (key_node, child) in pairs_of(node).items():
        at = f"{pointer}/{escape(text)}"
        name = fields.check_name(text, key_node, at, key)
        reduce = None
        value_at = at
        if type(child) is Map and set(child.entries) == {"init", "reduce"}:
            reduce = _reducer(fields, child.entries["reduce"], f"{at}/reduce")
            child, value_at = child.entries["init"], f"{at}/init"
        value = fields.template(child, value_at)
        if name is not None:
            fields.seen.variables.add(name)
            out.append(Var(name, value, reduce, span_of(key_node, fields.file), at))
    return tuple(out)


def _reducer(fields: Fields, node: Node, pointer: str) -> Any:
    if type(node) is Scalar and node.value in REDUCERS:
        return node.value
    text = node.text if type(node) is Scalar else ""
    fields.add(
        "RUNE-1113",
        f"`reduce` cannot be {describe(node)}",
        node,
        pointer,
        did_you_mean(text, REDUCERS) or f"one of {', '.join(REDUCERS)}",
    )
    return None
