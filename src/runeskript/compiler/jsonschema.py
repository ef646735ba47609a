"""The published JSON Schema of documents (draft 2020-12), generated from the tables.

Editors complete and check documents with it. It says what a table can say; what needs more than
the shape (names, types, joins that cannot be met) only the compiler knows, so the schema accepts
every document the compiler accepts, not the other way round.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any, Final, TypeAlias

from ..model.codes import CODES, may_be_silenced
from ..model.durations import PATTERN as DURATION
from ..model.limits import BRANCHES, NAME, STATES
from .frontends.graph.tables import (
    ASSIGNMENT_FIELDS,
    BRANCH_FIELDS,
    COMMON,
    EDGE,
    NODE_TYPES,
    PART,
    WORKFLOW,
    WRAPPED,
    NodeType,
)
from .kinds import KINDS, Key, Kind, Verb
from .tables import CANCEL, DOCUMENT, KEYWORDS, MACHINE, MODIFIERS, REDUCER_FIELDS, ROOTS, VERBS
from .tables import STATE_FIELDS as STATE
from .tables import TRANSITION_FIELDS as TRANSITION

Schema: TypeAlias = dict[str, Any]

_INSERT: Final = r"\$\{"
_ONE_INSERT: Final = r"^\$\{[\s\S]*\}$"
_ID: Final[Schema] = {
    "type": "string",
    "pattern": "^[A-Za-z0-9_][A-Za-z0-9_.-]*$",
    "maxLength": NAME,
}
_ERROR_TYPE: Final[Schema] = {
    "type": "string",
    "pattern": r"^(?!(cancel|limit)(\.|$))[A-Za-z_][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)*$",
}
#: What ``allow`` may name.
_SILENCEABLE: Final = [
    name for code in CODES if may_be_silenced(code) for name in (code, CODES[code].name)
]
_RANGE: Final = rf"^\s*{DURATION}\s*(\.\.\s*{DURATION}\s*)?$"


def _ref(name: str) -> Schema:
    return {"$ref": f"#/$defs/{name}"}


#: Kinds whose schema is the same wherever they stand; each is a definition of its own.
SHARED: Final[dict[Kind, Schema]] = {
    "expr": {
        "description": "An expression: a text in the syntax of Python, without `${`. Numbers,"
        " bools and lists of them stand for themselves.",
        "anyOf": [
            {"type": "string", "pattern": rf"^(?![\s\S]*{_INSERT})[\s\S]*\S"},
            {"type": ["number", "boolean", "null", "array"]},
        ],
    },
    "template": {"description": "A value; `${…}` in its texts inserts what an expression yields."},
    "text": {
        "description": "A text; `${…}` inserts what an expression yields.",
        "type": ["string", "number", "boolean"],
    },
    "switchable": {
        "anyOf": [{"type": "boolean"}, {"type": "string", "pattern": _ONE_INSERT}],
    },
    "duration": {
        "description": "A number and a unit (ms, s, m, h, d), or `${…}` that yields such a text.",
        "type": "string",
        "anyOf": [{"pattern": f"^{DURATION}$"}, {"pattern": _INSERT}],
        "examples": ["200ms", "30s", "5m", "72h", "2d"],
    },
    "backoff": {"type": "string", "pattern": _RANGE, "examples": ["1s", "200ms..10s"]},
    "block": {"description": "A list of steps.", "type": "array", "items": _ref("step")},
    "step": {},
    "name": {
        "description": "A name: ASCII letters, digits and `_`.",
        "type": "string",
        "pattern": "^[A-Za-z_][A-Za-z0-9_]*$",
        "maxLength": NAME,
        "not": {"enum": sorted({*ROOTS, *KEYWORDS})},
    },
    "id": _ID,
    "target": {
        "description": "A variable, or a path into one: `a`, `a.b`, `a['x y']`, `a[0]`.",
        "type": "string",
        "pattern": r"^[A-Za-z_][A-Za-z0-9_]*([.\[][\s\S]*)?$",
    },
    "targets": {
        "type": "object",
        "minProperties": 1,
        "propertyNames": _ref("target"),
        "additionalProperties": _ref("template"),
    },
    "args": {
        "anyOf": [
            {"type": "object", "additionalProperties": _ref("template")},
            {"type": "string", "pattern": _ONE_INSERT},
        ],
    },
    "limit": {
        "anyOf": [
            {"type": "boolean"},
            {"type": "integer", "minimum": 1, "maximum": BRANCHES},
            {"type": "string", "pattern": _ONE_INSERT},
        ],
    },
    "join": {
        "anyOf": [
            {"enum": ["all", "any"]},
            {"type": "integer", "minimum": 1, "maximum": BRANCHES},
        ],
    },
    "schema": {"description": "A JSON Schema; the supported keywords.", "type": "object"},
    "literals": {
        "description": "A value or a list of values, without `${…}`.",
        "if": {"type": "array"},
        "then": {"minItems": 1},
    },
    "handler": {
        "type": "string",
        "pattern": r"^[A-Za-z_][A-Za-z0-9_-]*(\.[A-Za-z_][A-Za-z0-9_-]*)*$",
        "maxLength": NAME,
        "examples": ["http.get", "exec"],
    },
    "skript": {
        "type": ["string", "number", "boolean"],
        "examples": ["settle", "settle@3", "./settle.yaml"],
    },
    "queue": _ID,
    "errors": {
        "anyOf": [_ERROR_TYPE, {"type": "array", "items": _ERROR_TYPE, "minItems": 1}],
        "examples": [["timeout", "http.5xx"]],
    },
    "nothing": {"enum": [None, True]},
    "flag": {"type": "boolean"},
    "branches": {
        "type": "object",
        "minProperties": 1,
        "propertyNames": _ID,
        "additionalProperties": _ref("block"),
    },
    "title": {**_ID, "type": ["string", "number", "boolean"]},
    "labels": {"type": "object", "additionalProperties": {"type": "string"}},
    "names": {"type": "array", "items": _ref("name"), "uniqueItems": True},
    "vars": {
        "type": "object",
        "propertyNames": _ref("name"),
        "additionalProperties": {
            "anyOf": [
                _ref("template"),
                _ref("reducer"),
            ]
        },
    },
    "silences": {
        "description": "The code or the name of each warning that is meant to be here, and why.",
        "type": "object",
        "minProperties": 1,
        "propertyNames": {"enum": _SILENCEABLE},
        "additionalProperties": {"type": "string", "pattern": r"\S"},
        "examples": [{"RUNE-3101": "the service deduplicates by the key"}],
    },
    "cron": {"type": "string", "examples": ["30 6 * * MON-FRI", "*/15 * * * *"]},
    "period": {"type": "string", "pattern": f"^{DURATION}$", "examples": ["30s", "15m", "1d"]},
    "zone": {"type": "string", "examples": ["Europe/Berlin", "UTC"]},
    "functions": {
        "type": "object",
        "propertyNames": {"pattern": r"^\s*[A-Za-z_][A-Za-z0-9_]*\s*\([^()]*\)\s*$"},
        "additionalProperties": _ref("expr"),
    },
}


def _object(rows: tuple[Key, ...]) -> Schema:
    out: Schema = {
        "type": "object",
        "properties": {row.name: _key(row) for row in rows},
        "additionalProperties": False,
    }
    required = [row.name for row in rows if row.required]
    if required:
        out["required"] = required
    return out


#: Kinds whose schema depends on the row.
_OWN: Final[dict[Kind, Callable[[Key], Schema]]] = {
    "word": lambda row: {"enum": list(row.words)},
    "count": lambda row: {"type": "integer", "minimum": row.minimum, "maximum": row.maximum},
    "object": lambda row: _object(row.fields),
    "clauses": lambda row: {"type": "array", "items": _object(row.fields), "minItems": 1},
    "workflow": lambda row: _object(row.fields),
    "delay": lambda row: {"anyOf": [_ref("duration"), _object(row.fields)]},
}


def _key(row: Key) -> Schema:
    """The schema of one key, with its text and default."""
    own = _OWN.get(row.kind)
    out: Schema = {"description": row.doc}
    out |= own(row) if own is not None else _ref(row.kind)
    if row.default is not None:
        out["default"] = row.default
    return out


def _verb(verb: Verb) -> Schema:
    own = {row.name for row in (verb.value, *verb.keys)}
    rows = (verb.value, *verb.keys, *(row for row in MODIFIERS if row.name not in own))
    out = _object(rows)
    out["title"] = verb.name
    out["description"] = verb.doc
    out["required"] = [verb.name, *(row.name for row in verb.keys if row.required)]
    if verb.name == "try":
        out["anyOf"] = [{"required": ["catch"]}, {"required": ["finally"]}]
    if verb.name == "emit":
        out["not"] = {"required": ["key", "to"]}
    return out


def schema() -> Schema:
    """The whole schema, as plain data."""
    defs: Schema = {kind: {"title": KINDS[kind], **part} for kind, part in SHARED.items()}
    defs["step"] = {
        "title": "a step",
        "description": "One verb, its keys, and the modifiers `id`, `if`, `timeout` and `allow`.",
        "anyOf": [
            *(_ref(f"step-{verb.name}") for verb in VERBS),
            {"enum": ["break", "continue"]},
        ],
    }
    defs |= {f"step-{verb.name}": _verb(verb) for verb in VERBS}
    defs["reducer"] = {
        "title": "a reducer",
        "description": "A variable to which what branches write is joined in branch order.",
        **_object(REDUCER_FIELDS),
    }
    defs["document"] = {"title": "a document of the native form", **_object(DOCUMENT)}
    defs |= _graph_definitions()
    defs |= _machine_definitions()
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:runeskript:schema:skript:1",
        "title": "Runeskript document",
        "description": "A skript in the native or graph form, or a machine, as YAML 1.2 or JSON.",
        "type": "object",
        # One error in a document, not one for each form it does not have.
        "if": {"required": ["workflow"]},
        "then": _ref("graph-wrapped"),
        "else": {
            "if": {"required": ["nodes"]},
            "then": _ref("graph-document"),
            "else": {
                "if": {"required": ["machine"]},
                "then": _ref("machine"),
                "else": _ref("document"),
            },
        },
        "$defs": defs,
    }


# --- the graph form ---------------------------------------------------------------------------
#: Kinds that only stand in the graph form.
_GRAPH_KINDS: Final[dict[Kind, Schema]] = {
    "graph": {**_object(PART)},
    "nodes": {"type": "array", "items": _ref("graph-node")},
    "edges": {"type": "array", "items": _ref("graph-edge")},
    "node-id": {**_ID, "type": ["string", "number", "boolean"]},
    "node-ref": {"type": ["string", "number", "boolean"]},
    "label": {"type": ["string", "number", "boolean", "null"]},
    "condition": {
        "description": "An expression; `${…}` may stand around names in it.",
        "anyOf": [
            {"type": "string", "pattern": r"\S"},
            {"type": ["number", "boolean", "null", "array"]},
        ],
    },
    "result": {"type": "string", "pattern": r"\S"},
    "part": {"anyOf": [_ref("nodes"), _object(PART)]},
    "parts": {"type": "array", "minItems": 1, "items": _ref("part")},
    "else": {
        "anyOf": [
            _ref("node-ref"),
            _ref("part"),
            {"enum": [None, True]},
            {"type": "object", "maxProperties": 0},
        ],
    },
    "if-branches": {"type": "array", "minItems": 1, "items": _object(BRANCH_FIELDS)},
    "assignments": {"type": "array", "minItems": 1, "items": _object(ASSIGNMENT_FIELDS)},
    "assignment": {"type": "string", "pattern": r"\S\s*=\s*\S", "examples": ["n = n + 1"]},
}


#: Types of nodes that need one of some keys.
_ONE_OF: Final = {
    "Function": ("function", "action", "name"),
    "Assign": ("assignments", "expression"),
}


def _graph_definitions() -> Schema:
    """Nodes by their type, edges, and the two layouts of a document."""
    defs: Schema = {kind: {"title": KINDS[kind], **part} for kind, part in _GRAPH_KINDS.items()}
    defs["node-type"] = {
        "title": KINDS["node-type"],
        "anyOf": [
            {"enum": [name for row in NODE_TYPES for name in row.names]},
            {"pattern": _any_case([name for row in NODE_TYPES for name in row.names])},
        ],
    }
    defs["graph-node"] = {
        "title": "a node",
        "type": "object",
        "anyOf": [{"required": ["type"]}, {"required": ["kind"]}],
        "properties": {row.name: _key(row) for row in COMMON if row.kind == "node-type"},
        "allOf": [_if_type(row) for row in NODE_TYPES],
    }
    for row in NODE_TYPES:
        made = _object((*COMMON, *row.keys))
        if row.name in _ONE_OF:
            made["anyOf"] = [{"required": [key]} for key in _ONE_OF[row.name]]
        defs[f"node-{row.name}"] = {"title": row.name, "description": row.doc, **made}
    defs["graph-edge"] = {"title": "an edge", **_object(EDGE)}
    defs["graph-document"] = {"title": "a document of the graph form", **_object(WORKFLOW)}
    defs["graph-wrapped"] = {
        "title": "a document with `workflow`",
        **_object(WRAPPED),
        # The nodes stand inside `workflow` or beside it.
        "if": {"properties": {"workflow": {"required": ["nodes"]}}},
        "else": {"required": ["nodes"]},
    }
    return defs


def _if_type(row: NodeType) -> Schema:
    said = {"pattern": _any_case(row.names)}
    return {
        "if": {
            "anyOf": [{"required": [key], "properties": {key: said}} for key in ("type", "kind")]
        },
        "then": _ref(f"node-{row.name}"),
    }


def _any_case(words: Iterable[str]) -> str:
    """A pattern for some words in upper and lower case; patterns have no flag for that."""
    made = ("".join(f"[{c.upper()}{c.lower()}]" for c in word) for word in words)
    return rf"^\s*({'|'.join(made)})\s*$"


# --- machines ---------------------------------------------------------------------------------
_NAMED: Final[Schema] = {**_ID, "type": ["string", "number", "boolean"]}
_ONE_OR_MORE: Final = {"anyOf": [_NAMED, {"type": "array", "items": _NAMED, "minItems": 1}]}
#: Kinds that only stand in machines.
_MACHINE_KINDS: Final[dict[Kind, Schema]] = {
    "state": _NAMED,
    "sources": _ONE_OR_MORE,
    "event": {**_NAMED, "not": {"const": CANCEL}},
    "roles": _ONE_OR_MORE,
    "states": {
        "type": "object",
        "minProperties": 1,
        "maxProperties": STATES,
        "propertyNames": _ID,
        "additionalProperties": _ref("machine-state"),
    },
    "transitions": {"type": "array", "items": _ref("machine-transition")},
}


def _machine_definitions() -> Schema:
    """A machine, its states and its transitions."""
    defs: Schema = {kind: {"title": KINDS[kind], **part} for kind, part in _MACHINE_KINDS.items()}
    state = {"title": "a state", **_object(STATE)}
    defs["machine-state"] = {**state, "type": ["object", "null"]}
    defs["machine-transition"] = {"title": "a transition", **_object(TRANSITION)}
    defs["machine"] = {"title": "a machine", **_object(MACHINE)}
    return defs


def schema_text() -> str:
    """The schema as it is published in ``schema/runeskript.schema.json``."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"
