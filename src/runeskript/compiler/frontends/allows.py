"""Reads ``allow``: which warnings a step or a document silences, and why."""

from __future__ import annotations

from ...model.ast import Allow
from ...model.codes import CODES, code_named, may_be_silenced
from ...model.nearest import did_you_mean
from ..nodes import Map, Node, Scalar, clip, pairs_of, span_of
from .fields import Fields
from .places import escape


def read_allows(fields: Fields, node: Node, pointer: str) -> tuple[Allow, ...]:
    """The entries of an ``allow``; those that cannot be are reported and left out."""
    if type(node) is not Map:
        hint = "write `allow: {RUNE-3101: why it is meant}`"
        fields.wrong_kind("silences", node, pointer, "allow", hint)
        return ()
    if not node.entries:
        fields.add("RUNE-1123", "`allow` allows nothing", node, pointer)
    found: dict[str, Allow] = {}
    for key, (key_node, value) in pairs_of(node).items():
        at = f"{pointer}/{escape(key)}"
        code = _code(fields, key, key_node, at)
        reason = _reason(fields, key, value, at)
        if code is None or reason is None:
            continue
        if code in found:
            fields.add(
                "RUNE-1118",
                f"`{code}` is allowed twice",
                key_node,
                at,
                "a code and its name are the same finding",
                ((found[code].span, "the first one"),),
            )
            continue
        found[code] = Allow(code, reason, span_of(key_node, fields.file), at)
    return tuple(found.values())


def _code(fields: Fields, key: str, node: Scalar, pointer: str) -> str | None:
    """The code a key names, if its findings can be silenced."""
    code = code_named(key)
    if code is None:
        known = [c for c in CODES if may_be_silenced(c)]
        names = [CODES[c].name for c in known]
        fields.add(
            "RUNE-1129",
            f"there is no finding `{clip(key)}`",
            node,
            pointer,
            did_you_mean(key, known if key.upper().startswith("RUNE") else names),
        )
    elif not may_be_silenced(code):
        fields.add(
            "RUNE-1129",
            f"`{clip(key)}` is an error and cannot be silenced",
            node,
            pointer,
            "only warnings and infos can",
        )
        return None
    return code


def _reason(fields: Fields, key: str, node: Node, pointer: str) -> str | None:
    """Why: a text that says something."""
    if type(node) is Scalar and isinstance(node.value, str) and node.value.strip():
        return node.value
    fields.add(
        "RUNE-1129",
        f"`{clip(key)}` is silenced without a reason",
        node,
        pointer,
        f"say why it is meant: `{clip(key)}: the reason`",
    )
    return None
