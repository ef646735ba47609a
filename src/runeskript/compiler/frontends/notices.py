"""The ``on_failure`` of a document: one call or message, whose result nobody gets."""

from __future__ import annotations

from ...model.ast import Call, Emit, Step
from ..nodes import Map, Node, key_of
from .steps import Steps


def read_notice(steps: Steps, node: Node, pointer: str) -> Step | None:
    """The step; None (and a finding) where it is none that can be done on a failure."""
    step = steps.one_step(node, pointer, "on_failure")
    if step is None:
        return None
    if not isinstance(step, Call | Emit):
        steps.fields.add(
            "RUNE-1130",
            "`on_failure` is one `call` or `emit`",
            node,
            pointer,
            "what takes more is a skript of its own, which listens to the message",
        )
        return None
    for key in ("into", "undo"):
        if isinstance(step, Call) and type(node) is Map and key in node.entries:
            steps.fields.add(
                "RUNE-1130",
                f"`{key}` does nothing here: nothing comes after `on_failure`",
                key_of(node, key),
                f"{pointer}/{key}",
                "leave it out",
            )
    return step
