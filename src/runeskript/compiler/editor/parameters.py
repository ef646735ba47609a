"""What is called where the cursor stands, its parameters, and rows of tables for people."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from ...model.catalog import HandlerCatalog
from ..frontends.graph.tables import LOG_PARAMS
from ..kinds import Key
from ..shapes import NODE
from .cursor import Frame


def key_doc(row: Key) -> str:
    """What a key is for, with its default and its words."""
    parts = [row.doc]
    if row.words:
        parts.append("One of " + ", ".join(f"`{word}`" for word in row.words) + ".")
    if row.default is not None:
        shown = str(row.default).lower() if isinstance(row.default, bool) else row.default
        parts.append(f"Left out: `{shown}`.")
    return " ".join(parts)


def parameters_schema(frames: list[Frame], catalog: HandlerCatalog) -> dict[str, Any]:
    """The schema of the parameters of the nearest call around; empty where nothing is known."""
    for frame in reversed(frames[:-1]):
        name = called_by(frame)
        if name is not None:
            if frame.shape is NODE and name in _KNOWN_PARAMETERS:
                return _KNOWN_PARAMETERS[name]
            handler = catalog.get(handler_name(frame, name))
            schema = handler.params_schema if handler is not None else None
            return schema if isinstance(schema, dict) else {}
    return {}


def called_by(frame: Frame) -> str | None:
    """What the step or the node that a container is calls."""
    keys = ("function", "action", "name") if frame.shape is NODE else ("call",)
    return next((frame.keys[key] for key in keys if frame.keys.get(key)), None)


def handler_name(frame: Frame, name: str) -> str:
    """The handler that a name means in a step or in a node."""
    return "http.request" if frame.shape is NODE and name == "http_request" else name


def _row_schema(rows: Iterable[Key]) -> dict[str, Any]:
    """Rows of a table as the schema of a handler's parameters."""
    properties = {row.name: {"type": "string", "description": key_doc(row)} for row in rows}
    return {"properties": properties, "required": [row.name for row in rows if row.required]}


#: Parameters of what is called like a handler in a node, and is none.
_KNOWN_PARAMETERS: Final[dict[str, dict[str, Any]]] = {
    "log": _row_schema(LOG_PARAMS),
    "run_workflow": {
        "properties": {
            "workflow": {"type": "string", "description": "The skript's name."},
            "input": {"type": "object", "description": "Its input."},
        },
        "required": ["workflow"],
    },
}


def schema_words(schema: Any) -> tuple[str, str]:
    """(type, description) of a JSON Schema, for people."""
    if not isinstance(schema, dict):
        return "any", ""
    type_ = schema.get("type")
    words = " or ".join(map(str, type_)) if isinstance(type_, list) else str(type_ or "any")
    doc = str(schema.get("description") or "")
    if "default" in schema:
        doc = f"{doc} Left out: `{schema['default']}`.".strip()
    return words, doc
