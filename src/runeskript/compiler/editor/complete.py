"""What could be written at a position: keys, words, handlers and their parameters, names."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator
from typing import Final, Literal, TypeAlias

from ...expr.functions import FUNCTIONS
from ...expr.schema_rules import KEYWORDS as SCHEMA_KEYWORDS
from ...expr.schema_rules import SCHEMA_TYPES
from ...expr.shapes import Type
from ...model.catalog import HandlerCatalog
from ...model.codes import CODES, TYPE_CODES, may_be_silenced
from ...model.records import record
from ..frontends.graph.tables import KNOWN_FUNCTIONS, NODE_TYPES
from ..kinds import KINDS, Key, Verb
from ..shapes import NODE, Shape
from ..tables import BY_VERB, MODIFIERS, REDUCERS, VERBS
from .analysis import Analysis
from .cursor import Cursor, Frame, locate
from .parameters import called_by, key_doc, parameters_schema, schema_words

Kind: TypeAlias = Literal[
    "verb", "key", "word", "handler", "parameter", "variable", "field", "function", "code", "file",
    "node", "state",
]  # fmt: skip

#: Kinds of values that are written on lines of their own.
_NESTED: Final = frozenset(
    ("block", "clauses", "object", "branches", "targets", "vars", "functions", "args", "schema",
     "labels", "silences", "graph", "nodes", "edges", "part", "parts", "if-branches",
     "assignments", "workflow", "states", "transitions")
)  # fmt: skip
_CHAIN: Final = re.compile(r"([A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*\.?)?\Z")
_BOUND: Final = re.compile(r"\bfor\s+([A-Za-z_][\w\s,]*?)\s+in\b")
_DURATIONS: Final = ("200ms", "30s", "5m", "1h", "1d")
#: Keys that say the same thing in two ways: where one of them stands, the others are not offered.
_SAME: Final = (("type", "kind"), ("function", "action"))
#: Words of the expression syntax that begin or join expressions.
_WORDS: Final = ("and", "or", "not", "in", "if", "else", "true", "false", "null")
#: Names with a meaning of their own -> what they are, and below which keys they exist (None: all).
ROOT_NAMES: Final[dict[str, tuple[str, tuple[str, ...] | None]]] = {
    "input": ("The job's input; never changes.", None),
    "env": ("The environment values the skript declares.", None),
    "job": ("The job: id, key, created_at, labels.", None),
    "error": ("The error that was caught, or failed the job.", ("catch", "finally", "on_failure")),
    "event": ("The message that arrived: id, topic, key, data.", ("where",)),
    "secrets": ("Secrets by name; they reach a handler and nothing else.", ("with", "params")),
}
#: The same in a machine.
MACHINE_NAMES: Final[dict[str, tuple[str, tuple[str, ...] | None]]] = {
    "data": ("The job's data; transitions change it.", None),
    "env": ("The environment values the machine declares.", None),
    "job": ROOT_NAMES["job"],
    "error": ROOT_NAMES["error"],
    "event": (
        "What triggered the transition: name, data, id, at.",
        ("transitions", "enter", "exit", "where"),
    ),
    "actor": ("Who triggered the transition: id, roles.", ("transitions", "enter", "exit")),
    "secrets": ROOT_NAMES["secrets"],
}


def names_of(cursor: Cursor) -> dict[str, tuple[str, tuple[str, ...] | None]]:
    """The names with a meaning of their own in the document around the cursor."""
    return MACHINE_NAMES if "machine" in cursor.frames[0].keys else ROOT_NAMES


@record
class Item:
    """One thing that could be written. ``start``: the column where it replaces what is there."""

    label: str
    kind: Kind
    detail: str
    doc: str
    insert: str
    start: int
    #: Items with a lower rank come first.
    rank: int = 5


def complete(
    lines: list[str],
    line: int,
    column: int,
    catalog: HandlerCatalog,
    known: Analysis,
    files: Iterable[str] = (),
) -> list[Item]:
    """All that fits a position. ``files``: documents beside this one, for `run: ./...`.

    Never raises, whatever the text; what does not begin like the word under the cursor is for the
    editor to leave out.
    """
    cursor = locate(lines, line, column)
    if cursor.where == "key":
        return list(_keys(cursor, catalog, known))
    if cursor.where != "value":
        return []
    expression = cursor.expression()
    if expression is not None:
        return list(_expression(cursor, expression, column, known))
    return list(_values(cursor, catalog, known, files))


# --- keys -------------------------------------------------------------------------------------


def _keys(cursor: Cursor, catalog: HandlerCatalog, known: Analysis) -> Iterator[Item]:
    shape, present = cursor.frame.shape, cursor.frame.keys
    if shape.kind == "step":
        step = shape.for_keys(present)
        if step.rows:
            yield from _rows(cursor, step.rows, present)
        else:
            yield from _verbs(cursor, present)
    elif shape.kind == "block":
        dash = "" if cursor.flow else "- "
        for item in _verbs(cursor, present):
            yield Item(item.label, item.kind, item.detail, item.doc, dash + item.insert, item.start)
    elif shape.kind == "args":
        yield from _parameters(cursor, catalog)
    elif shape.kind == "targets":
        for name in known.variables:
            if name not in present:
                yield _item(cursor, name, "variable", _type_text(known, name), "")
    elif cursor.in_schema():
        for word in SCHEMA_KEYWORDS:
            if word not in present:
                yield _item(cursor, word, "key", "JSON Schema", "")
    elif shape.kind == "silences":
        for code, row in CODES.items():
            if may_be_silenced(code) and code not in present:
                yield _item(cursor, code, "code", row.name, row.title)
    elif shape.rows:
        same = {key for keys in _SAME if not present.keys().isdisjoint(keys) for key in keys}
        yield from _rows(cursor, cursor.frame.inner().rows, present.keys() | same)


def _verbs(cursor: Cursor, present: dict[str, str]) -> Iterator[Item]:
    for verb in VERBS:
        row = verb.value
        insert = _insert(cursor, verb.name, row.kind in _NESTED)
        doc = f"{verb.doc}\n\n```yaml\n{verb.example}\n```" if verb.example else verb.doc
        yield Item(verb.name, "verb", KINDS[row.kind], doc, insert, cursor.start, 2)
    for row in MODIFIERS:
        if row.name not in present and row.name not in BY_VERB:
            yield _row(cursor, row, 4)


def _rows(cursor: Cursor, rows: Iterable[Key], present: Container[str]) -> Iterator[Item]:
    for row in rows:
        if row.name not in present:
            yield _row(cursor, row, 1 if row.required else 3)


def _row(cursor: Cursor, row: Key, rank: int) -> Item:
    insert = _insert(cursor, row.name, row.kind in _NESTED)
    detail = KINDS[row.kind] + (" (required)" if row.required else "")
    return Item(row.name, "key", detail, key_doc(row), insert, cursor.start, rank)


def _insert(cursor: Cursor, key: str, nested: bool) -> str:
    """A key with its colon; inside quotes the key alone."""
    if cursor.quoted:
        return key
    return f"{key}: " if cursor.flow or not nested else f"{key}:"


def _item(cursor: Cursor, label: str, kind: Kind, detail: str, doc: str, rank: int = 5) -> Item:
    return Item(label, kind, detail, doc, _insert(cursor, label, False), cursor.start, rank)


def _parameters(cursor: Cursor, catalog: HandlerCatalog) -> Iterator[Item]:
    """The parameters of the handler that the step around the cursor calls."""
    schema = parameters_schema(cursor.frames, catalog)
    required = schema.get("required")
    wanted = required if isinstance(required, list) else []
    properties = schema.get("properties")
    for name, inner in properties.items() if isinstance(properties, dict) else ():
        if name not in cursor.frame.keys:
            rank = 1 if name in wanted else 3
            about = " (required)" if name in wanted else ""
            detail, doc = schema_words(inner)
            yield _item(cursor, name, "parameter", detail + about, doc, rank)


# --- values -----------------------------------------------------------------------------------


def _values(
    cursor: Cursor, catalog: HandlerCatalog, known: Analysis, files: Iterable[str]
) -> Iterator[Item]:
    shape, key = cursor.shape, cursor.key

    def item(label: str, kind: Kind, detail: str = "", doc: str = "", rank: int = 5) -> Item:
        return Item(label, kind, detail, doc, label, cursor.start + _quote(cursor), rank)

    if cursor.names_handler():
        for name in sorted(catalog.names()):
            handler = catalog.get(name)
            flags = [flag for flag in ("pure", "idempotent") if getattr(handler, flag, False)]
            doc = handler.doc if handler is not None else ""
            yield item(name, "handler", ", ".join(flags), doc)
        for name, doc in KNOWN_FUNCTIONS.items() if cursor.frame.shape is NODE else ():
            yield item(name, "handler", "", doc)
    elif shape.kind == "node-type":
        for type_ in NODE_TYPES:
            yield item(type_.name, "word", "a type of node", type_.doc)
    elif shape.kind in ("node-ref", "else"):
        for note in known.nodes.values():
            yield item(note.id, "node", note.type)
    elif shape.kind in ("state", "sources"):
        for name in known.states:
            yield item(name, "state", "a state")
    elif shape.kind in ("event", "roles"):
        for name in known.events if shape.kind == "event" else known.roles:
            yield item(name, "word", "an event" if shape.kind == "event" else "a role")
    elif shape.kind in ("target", "targets"):
        for name in known.variables:
            yield item(name, "variable", _type_text(known, name))
    elif shape.kind == "skript":
        for file in files:
            yield item(file, "file", "a document beside this one")
        if known.document is not None:
            yield item(known.document.name, "file", "this skript")
    elif shape.kind == "errors":
        for error in TYPE_CODES:
            if error not in ("cancel", "limit") and not error.startswith("limit."):
                yield item(error, "word", CODES[TYPE_CODES[error]].title)
    elif cursor.in_schema():
        words = SCHEMA_TYPES if key == "type" else ()
        for word in words:
            yield item(word, "word", "a type of JSON Schema")
    else:
        for word in _words(shape, key, cursor):
            yield item(word, "word")


def _quote(cursor: Cursor) -> int:
    return 1 if cursor.written[:1] in ("'", '"') else 0


def _words(shape: Shape, key: str | None, cursor: Cursor) -> tuple[str, ...]:
    """The closed sets of words that some kinds take."""
    if shape.kind == "word":
        rows = cursor.frame.inner().rows
        return next((row.words for row in rows if row.name == key), ())
    if key == "reduce":
        return REDUCERS
    return {
        "flag": ("true", "false"),
        "switchable": ("true", "false"),
        "join": ("all", "any"),
        "limit": ("true",),
        "duration": _DURATIONS,
        "delay": _DURATIONS,
        "backoff": ("200ms..10s", "1s..60s"),
    }.get(str(shape.kind), ())


# --- expressions ------------------------------------------------------------------------------


def _expression(cursor: Cursor, text: str, column: int, known: Analysis) -> Iterator[Item]:
    """Names that may stand at the end of an expression, or fields behind a dot."""
    if _in_quotes(text):
        return
    found = _CHAIN.search(text)
    chain = found[0] if found is not None else ""
    if "." in chain:
        *path, last = chain.split(".")
        start = column - len(last)
        for name, type_ in _fields(path, known):
            yield Item(name, "field", type_.describe(), "", name, start)
        return
    start = column - len(chain)
    in_function = cursor.frame.shape.kind == "functions"
    if cursor.shape.kind == "result":
        for name in known.variables:
            yield Item(name, "variable", _type_text(known, name), "", name, start, 2)
        return
    if in_function:
        yield from _own_parameters(cursor, start)
    else:
        for bound in _BOUND.finditer(text):
            for name in re.findall(r"[A-Za-z_]\w*", bound[1]):
                yield Item(name, "variable", "in this comprehension", "", name, start, 1)
        for name in known.variables:
            yield Item(name, "variable", _type_text(known, name), "", name, start, 2)
        for name in known.fields:
            if name not in known.variables:
                yield Item(name, "variable", "a field of the input", "", name, start, 2)
        for name, (doc, keys) in names_of(cursor).items():
            if keys is None or (cursor.inside(*keys) and (name != "secrets" or _calls(cursor))):
                yield Item(name, "variable", _type_text(known, name), doc, name, start, 3)
    for note in known.functions.values():
        yield Item(note.name, "function", note.signature, note.body, f"{note.name}(", start, 4)
    for row in FUNCTIONS.values():
        yield Item(row.name, "function", row.signature, row.doc, f"{row.name}(", start, 5)
    for word in _WORDS:
        yield Item(word, "word", "", "", word, start, 6)


def _calls(cursor: Cursor) -> bool:
    """Whether the nearest step or node around the cursor calls a handler."""
    for frame in reversed(cursor.frames):
        if frame.shape.kind == "step" or frame.shape is NODE:
            return called_by(frame) is not None
    return False


def _own_parameters(cursor: Cursor, start: int) -> Iterator[Item]:
    """A function's body sees its parameters and no variables."""
    head = cursor.key or ""
    inside = head[head.find("(") + 1 : head.rfind(")")] if "(" in head else ""
    for name in re.findall(r"[A-Za-z_]\w*", inside):
        yield Item(name, "variable", "a parameter", "", name, start, 1)


def _fields(path: list[str], known: Analysis) -> Iterator[tuple[str, Type]]:
    """The fields that a chain of names is known to have."""
    type_ = type_of(path, known)
    if type_ is not None and type_.fields is not None:
        yield from type_.fields.items()


def type_of(path: list[str], known: Analysis) -> Type | None:
    """The type of ``a.b.c``; None where nothing is known."""
    type_ = known.types.get(path[0])
    for key in path[1:]:
        if type_ is None:
            return None
        type_ = type_.field(key)
    return type_


def _type_text(known: Analysis, name: str) -> str:
    type_ = known.types.get(name)
    return "" if type_ is None else type_.describe()


def _in_quotes(text: str) -> bool:
    """Whether a string of an expression is open at its end."""
    quote, skip = "", False
    for char in text:
        if skip:
            skip = False
        elif quote:
            if char == "\\":
                skip = True
            elif char == quote:
                quote = ""
        elif char in "\"'":
            quote = char
    return bool(quote)


def verb_of(frame: Frame) -> Verb | None:
    """The verb of the step that a container is; None for another."""
    if frame.shape.kind != "step":
        return None
    rows = {row.name for row in frame.inner().rows}
    return next((v for v in VERBS if v.name in frame.keys and v.value.name in rows), None)
