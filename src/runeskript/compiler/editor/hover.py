"""What there is to say about the word under a position, as Markdown."""

from __future__ import annotations

from typing import Any, Final

from ...expr.functions import FUNCTIONS, Function
from ...model.catalog import HandlerCatalog, HandlerInfo
from ...model.codes import CODES
from ...model.records import record
from ..frontends.graph.tables import BY_TYPE, KNOWN_FUNCTIONS
from ..kinds import KINDS
from ..shapes import NODE
from ..tables import BY_VERB
from .analysis import Analysis
from .complete import names_of, type_of
from .parameters import handler_name, key_doc, parameters_schema, schema_words
from .words import Word, is_verb, word_at

#: Transitions of a state that are shown.
_WAYS: Final = 20


@record
class Hover:
    """A text about the columns ``start`` to ``end`` of the line that was asked about."""

    text: str
    start: int
    end: int


def hover(
    lines: list[str], line: int, column: int, catalog: HandlerCatalog, known: Analysis
) -> Hover | None:
    """What the word under a position means; None where there is nothing to say. Never raises."""
    word = word_at(lines, line, column)
    if word is None:
        return None
    text = _TEXTS[word.role](word, catalog, known)
    return None if text is None else Hover(text, word.start, word.end)


def _key(word: Word, catalog: HandlerCatalog, known: Analysis) -> str | None:
    if is_verb(word):
        verb = BY_VERB[word.text]
        parts = [f"**{verb.name}**: {KINDS[verb.value.kind]}", verb.doc, verb.value.doc]
        if verb.example:
            parts.append(f"```yaml\n{verb.example}\n```")
        return "\n\n".join(parts)
    frame = word.cursor.frame
    rows = frame.inner().rows or frame.shape.rows
    row = next((row for row in rows if row.name == word.text), None)
    if row is None:
        return None
    required = ", required" if row.required else ""
    return f"**{row.name}**: {KINDS[row.kind]}{required}\n\n{key_doc(row)}"


def _parameter(word: Word, catalog: HandlerCatalog, known: Analysis) -> str | None:
    schema = parameters_schema(word.cursor.frames, catalog)
    properties = schema.get("properties")
    inner = properties.get(word.text) if isinstance(properties, dict) else None
    if inner is None:
        return None
    type_, doc = schema_words(inner)
    required = schema.get("required")
    about = ", required" if isinstance(required, list) and word.text in required else ""
    return f"**{word.text}**: {type_}{about}" + (f"\n\n{doc}" if doc else "")


def _variable(word: Word, catalog: HandlerCatalog, known: Analysis) -> str | None:
    name = ".".join(word.path)
    if word.path[0] in known.fields and word.path[0] not in known.variables:
        return f"**{name}**: a field of the input"
    roots = names_of(word.cursor)
    if word.path[0] not in known.variables and word.path[0] not in roots:
        return None
    type_ = type_of(list(word.path), known)
    text = f"**{name}**" + (f": {type_.describe()}" if type_ is not None else "")
    if len(word.path) > 1:
        return text
    if name in roots:
        return f"{text}\n\n{roots[name][0]}"
    places = known.variables[name]
    if places:
        shown = ", ".join(str(span.line) for span in places[:5])
        more = ", ..." if len(places) > 5 else ""
        text += f"\n\nSet in line {shown}{more}."
    return text


def _function(word: Word, catalog: HandlerCatalog, known: Analysis) -> str | None:
    note = known.functions.get(word.text)
    if note is not None:
        return f"**{note.signature}**\n\n```\n{note.body}\n```"
    row = FUNCTIONS.get(word.text)
    return None if row is None else function_text(row)


def function_text(row: Function) -> str:
    """A row of the function table: what it does, with its first example."""
    text = f"**{row.signature}**\n\n{row.doc}"
    if row.examples:
        expression, value = row.examples[0]
        text += f"\n\n```\n{expression}  ->  {value!r}\n```"
    return text


def _handler(word: Word, catalog: HandlerCatalog, known: Analysis) -> str | None:
    frame = word.cursor.frame
    handler = catalog.get(handler_name(frame, word.text))
    if handler is None and frame.shape is NODE and word.text in KNOWN_FUNCTIONS:
        return f"**{word.text}**: {KNOWN_FUNCTIONS[word.text]}"
    return None if handler is None else handler_text(handler)


def handler_text(handler: HandlerInfo) -> str:
    """A handler: its flags, its text, its parameters."""
    flags = [flag for flag in ("pure", "idempotent") if getattr(handler, flag)]
    parts = [f"**{handler.name}** ({', '.join([handler.mode, *flags])})"]
    if handler.doc:
        parts.append(handler.doc)
    schema: Any = handler.params_schema
    properties = schema.get("properties") if isinstance(schema, dict) else None
    if isinstance(properties, dict) and properties:
        required = schema.get("required") or ()
        rows = []
        for name, inner in properties.items():
            type_, doc = schema_words(inner)
            about = ", required" if name in required else ""
            rows.append(f"- `{name}`: {type_}{about}" + (f". {doc}" if doc else ""))
        parts.append("\n".join(rows))
    return "\n\n".join(parts)


def _code(word: Word, catalog: HandlerCatalog, known: Analysis) -> str | None:
    row = CODES.get(word.text)
    code = word.text
    if row is None:
        code, row = next(((c, r) for c, r in CODES.items() if r.name == word.text), ("", None))
    return None if row is None else f"**{code}**: {row.name}\n\n{row.title}."


def _skript(word: Word, catalog: HandlerCatalog, known: Analysis) -> str | None:
    return None


def _state(word: Word, catalog: HandlerCatalog, known: Analysis) -> str | None:
    machine = None if known.document is None else known.document.machine
    if machine is None or word.text not in known.states:
        return None
    ways = [t for t in machine.transitions if word.text in t.sources]
    rows = [f"- `{t.event}` to **{t.to}**" for t in ways[:_WAYS]]
    rows += ["- ..."] if len(ways) > _WAYS else []
    final = any(state.final for state in machine.states if state.name == word.text)
    about = f"The {'final ' if final else ''}state **{word.text}**"
    return "\n".join([f"{about} in line {known.states[word.text].line}.", "", *rows]).rstrip()


def _id(word: Word, catalog: HandlerCatalog, known: Analysis) -> str | None:
    note = known.nodes.get(word.text)
    if note is not None:
        return f"The node **{note.id}** ({note.type}) in line {note.span.line}."
    span = known.ids.get(word.text)
    return None if span is None else f"The step **{word.text}** in line {span.line}."


def _type(word: Word, catalog: HandlerCatalog, known: Analysis) -> str | None:
    row = BY_TYPE.get(word.text.lower())
    return None if row is None else f"**{row.name}**\n\n{row.doc}\n\n```yaml\n{row.example}\n```"


_TEXTS = {
    "key": _key,
    "parameter": _parameter,
    "variable": _variable,
    "function": _function,
    "handler": _handler,
    "skript": _skript,
    "state": _state,
    "code": _code,
    "id": _id,
    "type": _type,
    "value": _skript,
}
