"""What the tables of the language are made of: kinds of values, keys, verbs."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

from ..model.records import record
from ..model.values import Value

Kind: TypeAlias = Literal[
    "expr", "template", "text", "switchable", "duration", "backoff", "block", "step", "name",
    "id", "target", "targets", "args", "word", "count", "limit", "join", "schema", "literals",
    "handler", "skript", "queue", "errors", "nothing", "flag", "object", "clauses", "branches",
    "delay", "title", "labels", "names", "vars", "functions", "graph", "silences", "nodes", "edges",
    "cron", "period", "zone", "states", "transitions", "state", "sources", "event", "roles",
    "node-id", "node-type", "node-ref", "label", "condition", "result", "part", "parts", "else",
    "if-branches", "assignments", "assignment", "workflow",
]  # fmt: skip

#: What each kind of value is, in the words of "expected ..., found ...".
KINDS: Final[dict[Kind, str]] = {
    "expr": "an expression",
    "template": "a value",
    "text": "a text",
    "switchable": "true, false or one `${...}`",
    "duration": "a duration such as `30s` or `5m`",
    "backoff": "a duration or a range such as `200ms..10s`",
    "block": "a list of steps",
    "step": "one step",
    "name": "a name",
    "id": "an id",
    "target": "a variable name, or a path such as `order.total`",
    "targets": "an object of variable names and their values",
    "args": "an object, or one `${...}` that yields one",
    "word": "one of a few words",
    "count": "a whole number",
    "limit": "true, or the number of branches that may run at once",
    "join": "`all`, `any` or a number of branches",
    "schema": "a JSON Schema (an object)",
    "literals": "a value, or a list of values",
    "handler": "the name of a handler",
    "skript": "the name of a skript (`name` or `name@3`) or a path (`./part.yaml`)",
    "queue": "the name of a queue",
    "errors": "an error type or a list of them",
    "nothing": "nothing",
    "flag": "true or false",
    "object": "an object",
    "clauses": "a list of clauses",
    "branches": "an object of named branches, each a list of steps",
    "delay": "a duration such as `5m`, or `until: EXPR`",
    "title": "a name",
    "labels": "an object of texts",
    "names": "a list of names",
    "vars": "an object of names and values",
    "functions": "an object such as `area(w, h): w * h`",
    "graph": "an object with `nodes` and `edges`",
    "silences": "an object of codes and reasons, such as `RUNE-3101: the service deduplicates`",
    "cron": "a time such as `30 6 * * MON-FRI`: minute, hour, day, month, day of the week",
    "period": "a duration from 1s to 366d",
    "zone": "the name of a time zone, such as `Europe/Berlin`",
    # In machines only.
    "states": "an object of states by name, each an object such as `{final: true}`",
    "transitions": "a list of transitions, each with `from`, `event` and `to`",
    "state": "the name of a state",
    "sources": "the name of a state, or a list of them",
    "event": "the name of an event",
    "roles": "a role, or a list of roles",
    # The rest stands in the graph form only.
    "nodes": "a list of nodes",
    "edges": "a list of edges",
    "node-id": "an id",
    "node-type": "a type of node",
    "node-ref": "the id of a node",
    "label": "a text",
    "condition": "an expression, in which `${…}` may stand around names",
    "result": "the name of a variable",
    "part": "a list of nodes, or an object with `nodes` and `edges`",
    "parts": "a list of branches, each a list of nodes or an object with `nodes` and `edges`",
    "else": "the id of a node, or nodes",
    "if-branches": "a list of branches, each with a `condition`",
    "assignments": "a list of assignments, each with `key` and `value`",
    "assignment": "an assignment such as `total = price * quantity`",
    "workflow": "an object with `id`, `nodes` and `edges`",
}


@record
class Key:
    """One key of a step, a clause or the document."""

    name: str
    kind: Kind
    doc: str
    required: bool = False
    #: What holds where the key is left out, as published; None where there is no default.
    default: Value = None
    #: For ``word``: the allowed texts.
    words: tuple[str, ...] = ()
    #: For ``object`` and ``clauses``: the keys inside.
    fields: tuple[Key, ...] = ()
    #: For ``count``: the smallest and largest number.
    minimum: int = 1
    maximum: int = 2**31 - 1


@record
class Verb:
    """One kind of step. ``value`` is the row of the verb's own key; ``keys`` go beside it."""

    name: str
    value: Key
    keys: tuple[Key, ...]
    doc: str
    example: str
