"""The generated parts of the documentation, made from the tables the compiler itself uses."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path

from runeskript.compiler.frontends.graph.tables import (
    ALLOW,
    BRANCH_FIELDS,
    COMMON,
    EDGE,
    NEXT,
    NODE_TYPES,
    WORKFLOW,
    NodeType,
)
from runeskript.compiler.kinds import KINDS, Key, Verb
from runeskript.compiler.tables import (
    DOCUMENT,
    KEYWORDS,
    MACHINE,
    MODIFIERS,
    ROOTS,
    STATE_FIELDS,
    TRANSITION_FIELDS,
    VERBS,
)
from runeskript.expr.formats import FORMATS
from runeskript.expr.functions import FUNCTIONS
from runeskript.expr.schema_rules import KEYWORDS as SCHEMA_KEYWORDS
from runeskript.model import limits
from runeskript.model.machine import EVENTS, FINAL, STATUSES


def parts() -> dict[str, str]:
    """Name -> Markdown."""
    made = {
        "document": keys(DOCUMENT),
        "modifiers": keys(MODIFIERS),
        "expression-fields": expression_fields(),
        "functions": function_lists(),
        "reserved": reserved(),
        "schema": schema(),
        "limits": limit_table(),
        "machine-document": keys(MACHINE),
        "machine-state": keys(STATE_FIELDS),
        "machine-transition": keys(TRANSITION_FIELDS),
        "default-machine": default_machine(),
        "graph-document": keys(WORKFLOW),
        "graph-node": keys((*COMMON, NEXT, ALLOW)),
        "graph-branch": keys(BRANCH_FIELDS),
        "graph-edge": keys(EDGE),
    }
    made.update((f"node-{row.name}", node_part(row)) for row in NODE_TYPES)
    made.update((f"verb-{verb.name}", verb_part(verb)) for verb in VERBS if verb.example)
    return made


# --- keys -----------------------------------------------------------------------------------------
def verb_part(verb: Verb) -> str:
    return f"{verb.doc}\n\n{keys((verb.value, *verb.keys))}"


def node_part(row: NodeType) -> str:
    """A type of node; keys that nearly all have are listed once."""
    own = [key for key in row.keys if key not in (NEXT, ALLOW)]
    return f"{row.doc}\n\n{keys(own)}" if own else row.doc


def keys(rows: Iterable[Key]) -> str:
    lines = ["| key | value | meaning |", "|---|---|---|"]
    lines += [line for row in rows for line in _key_rows(row, row.name)]
    return "\n".join(lines)


def _key_rows(row: Key, name: str) -> Iterator[str]:
    value = ", ".join(f"`{word}`" for word in row.words) or KINDS[row.kind]
    if row.kind == "count":
        value += f", {row.minimum} to {row.maximum:,}" if row.maximum < 2**31 - 1 else ""
    meaning = row.doc
    if row.required:
        meaning += " Required."
    elif row.default is not None:
        shown = row.default if isinstance(row.default, str) else json.dumps(row.default)
        meaning += f" Default: `{shown}`."
    yield f"| `{name}` | {_cell(value)} | {_cell(meaning)} |"
    inner = f"{name}[]" if row.kind in ("clauses", "assignments") else name
    if row.kind in ("if-branches", "states", "transitions"):
        return  # a table of their own
    for field in row.fields:
        yield from _key_rows(field, f"{inner}.{field.name}")


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def default_machine() -> str:
    """The whole table of the machine that every job has."""
    lines = ["| from | event | to |", "|---|---|---|"]
    for status in STATUSES:
        ended = " (ended)" if status in FINAL else ""
        rows = [(event, to) for source, event, to in EVENTS if source == status]
        for event, to in rows or [("", "")]:
            lines.append(f"| {status}{ended} | {event and f'`{event}`'} | {to} |")
    return "\n".join(lines)


# --- expressions ----------------------------------------------------------------------------------
def expression_fields() -> str:
    found: dict[str, None] = {}

    def look(row: Key) -> None:
        if row.kind == "expr":
            found[row.name] = None
        for field in row.fields:
            look(field)

    for row in (*MODIFIERS, *MACHINE, *(key for verb in VERBS for key in (verb.value, *verb.keys))):
        look(row)
    names = ", ".join(f"`{name}`" for name in found)
    return (
        f"These keys hold a bare expression: {names}; so do the bodies of functions. `${{` inside\n"
        "them is an error."
    )


def reserved() -> str:
    roots = " ".join(f"`{name}`" for name in ROOTS)
    words = " ".join(f"`{name}`" for name in sorted(KEYWORDS - {"True", "False", "None"}))
    return f"names with a meaning: {roots}; words of the syntax: {words}, `True`, `False`, `None`."


def function_lists() -> str:
    """The names by topic, each a link to its section of the functions' page."""
    lines = ["| | |", "|---|---|"]
    for topic, rows in groupby(FUNCTIONS.values(), key=lambda f: f.topic):
        names = " ".join(f"[`{row.name}`](functions.md#{row.name})" for row in rows)
        lines.append(f"| {topic} | {names} |")
    return "\n".join(lines)


_OPERANDS = {
    "type": "a type or a list of types",
    "values": "a list of values",
    "value": "a value",
    "named": "an object of schemas",
    "names": "a list of texts",
    "schema": "a schema",
    "schemas": "a list of schemas",
    "count": "a whole number",
    "flag": "true or false",
    "pattern": "a regular expression, in a subset that takes linear time",
    "format": "",
    "number": "a number",
    "ref": "`#` or `#/$defs/NAME`, not recursive",
    "note": "for people",
}


def schema() -> str:
    formats = "one of " + ", ".join(f"`{name}`" for name in FORMATS)
    lines = ["| keyword | takes |", "|---|---|"]
    for kind, group in groupby(SCHEMA_KEYWORDS.items(), key=lambda pair: pair[1]):
        names = ", ".join(f"`{name}`" for name, _ in group)
        lines.append(f"| {names} | {formats if kind == 'format' else _OPERANDS[kind]} |")
    return "\n".join(lines)


# --- limits ---------------------------------------------------------------------------------------
_BOUND = re.compile(r"((?:#: .*\n)+)([A-Z_]+): Final = ")


def limit_table() -> str:
    """Every bound of ``model/limits.py`` that has a comment, with that comment."""
    text = Path(limits.__file__).read_text(encoding="utf-8")
    lines = ["| limit | | |", "|---|---|---|"]
    for found in _BOUND.finditer(text):
        doc = " ".join(line.removeprefix("#: ") for line in found[1].splitlines())
        lines.append(f"| `{found[2]}` | {getattr(limits, found[2]):,} | {_cell(doc)} |")
    return "\n".join(lines)
