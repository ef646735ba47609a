"""Values as text: what a ``${...}`` insert, ``str`` and ``json`` write.

Numbers and bools as JSON, a text as it is, lists and objects as compact JSON (RFC 8259, keys in
their order, no escaping beyond what JSON demands). The size is known before anything is written,
since a value may hold one part many times.
"""

from __future__ import annotations

import json
from typing import Any

from ..model.limits import COLLECTION, TEXT
from ..model.values import type_name
from .faults import too_big, wrong_type
from .runtime import Context, SecretRef, SecretText, burn, fit, measure

_compact = json.JSONEncoder(
    ensure_ascii=False, check_circular=False, allow_nan=False, separators=(",", ":")
).encode


def to_json(value: Any, c: Context, indent: int | None = None) -> str:
    """Compact JSON, or indented by ``indent`` spaces."""
    # No deep value and no huge text ever reaches the host's encoder.
    _, weight = measure(value, texts=True)
    if weight > COLLECTION + (TEXT >> 3):
        raise too_big(f"a text may have at most {TEXT} characters")
    burn(c, weight >> 1)
    if indent is None:
        text = _compact(value)
    else:
        text = json.dumps(
            value, ensure_ascii=False, check_circular=False, allow_nan=False, indent=indent
        )
    if len(text) > TEXT:
        raise too_big(f"a text may have at most {TEXT} characters")
    return text


def to_text(value: Any, c: Context) -> str:
    """The text of a value as an insert writes it; null is an error."""
    kind = type(value)
    if kind is str:
        return value  # type: ignore[no-any-return]
    if kind is int:
        return str(fit(value))
    if kind is float:
        return repr(value)
    if kind is bool:
        return "true" if value else "false"
    if value is None:
        raise wrong_type("null cannot go into a text; use coalesce(x, 'other')")
    if kind is list or kind is dict:
        return to_json(value, c)
    raise wrong_type(f"{type_name(value)} cannot go into a text")


def join_text(parts: tuple[Any, ...], c: Context) -> str:
    """A text with inserts."""
    texts = [p if type(p) is str else to_text(p, c) for p in parts]
    size = sum(map(len, texts))
    if size > TEXT:
        raise too_big(f"a text may have at most {TEXT} characters")
    if size > 255:
        burn(c, size >> 8)
    return "".join(texts)


def secret_text(parts: tuple[Any, ...], c: Context) -> SecretText:
    """A text some of whose inserts are secrets; neighbouring plain parts are joined."""
    out: list[str | SecretRef] = []
    plain: list[Any] = []
    for part in parts:
        if type(part) is not SecretText:
            plain.append(part)
            continue
        if plain:
            out.append(join_text(tuple(plain), c))
            plain.clear()
        out.extend(part.parts)
    if plain:
        out.append(join_text(tuple(plain), c))
    return SecretText(tuple(out))
