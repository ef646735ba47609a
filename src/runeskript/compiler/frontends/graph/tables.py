"""THE tables of the graph form: every type of node, every key, as ``compiler/tables.py`` for steps.

The reading of nodes, the JSON Schema, the formatter's order of keys and the generated reference
follow these rows; a key that is not here does not exist.
"""

from __future__ import annotations

from typing import Final

from ....model.records import record
from ...kinds import Key
from ...tables import ON_FAILURE, SCHEDULE


@record
class NodeType:
    """One type of node. ``names`` are what ``type`` may say, in any case; the first is ours."""

    names: tuple[str, ...]
    keys: tuple[Key, ...]
    doc: str
    example: str

    @property
    def name(self) -> str:
        """The name that messages use."""
        return self.names[0]


_NODES: Final = Key("nodes", "nodes", "The nodes.", required=True)
_EDGES: Final = Key("edges", "edges", "The edges between them. A branch or a body without any edge,"
                    " and without `next` at its nodes, runs in the order of its list.")  # fmt: skip

#: Keys of any node.
COMMON: Final = (
    Key("id", "node-id", "The node's name in edges, events and errors; unique in the document."),
    Key("type", "node-type", "What the node does, in any case. `kind` says the same."),
    Key("kind", "node-type", "The same as `type`."),
    Key("name", "label", "A title for people."),
    Key("description", "label", "A text for people."),
)  # fmt: skip

ALLOW: Final = Key(
    "allow",
    "silences",
    "Warnings that are meant to be here: their codes or names, each with the reason.",
)

NEXT: Final = Key("next", "node-ref", "The node to go on with: an edge without a condition.")

BRANCH_FIELDS: Final = (
    Key("condition", "condition", "The branch is taken where this is true and no one before it"
        " was.", required=True),
    Key("next", "node-ref", "The node it leads to, where no edge says so."),
    Key("nodes", "nodes", "Nodes of its own, in place of an edge; after them the `If` goes on."),
    Key("edges", "edges", "The edges between these."),
)  # fmt: skip

ASSIGNMENT_FIELDS: Final = (
    Key("key", "target", "The variable, or a path below one.", required=True),
    Key("value", "template", "Its new value; `${…}` inserts what an expression yields.",
        required=True),
)  # fmt: skip

_BODY: Final = Key("body", "part", "The nodes of one turn, in place of an edge with"
                   " `branch_type: body`.")  # fmt: skip

NODE_TYPES: Final[tuple[NodeType, ...]] = (
    NodeType(
        ("Start",),
        (NEXT,),
        "Where the flow begins. Does nothing.",
        "{id: start, type: Start, next: check}",
    ),
    NodeType(
        ("End",),
        (Key("output", "result", "The variable returned, or a path into one; without it the object"
             " of all variables."), ALLOW),
        "Ends the run.",
        "{id: end, type: End, output: total}",
    ),
    NodeType(
        ("Function", "Action"),
        (
            Key("function", "handler", "The handler to call."),
            Key("action", "handler", "The same as `function`."),
            Key("params", "args", "Its parameters, by name."),
            Key("output", "target", "The variable that gets the result; without it the result is"
                " dropped."),
            NEXT,
            ALLOW,
        ),
        "Calls a handler. It is named by `function`, `action` or, where neither is there, `name`.",
        "{id: page, type: Function, function: http_request, params: {url: 'https://example.com'},"
        " output: page, next: end}",
    ),
    NodeType(
        ("Assign",),
        (
            Key("assignments", "assignments", "Variables and their new values, in order.",
                fields=ASSIGNMENT_FIELDS),
            Key("expression", "assignment", "One assignment, `NAME = EXPRESSION`, after those."),
            NEXT,
            ALLOW,
        ),
        "Sets variables.",
        "{id: sum, type: Assign, expression: 'total = price * quantity', next: end}",
    ),
    NodeType(
        ("If",),
        (
            Key("branches", "if-branches", "The branches, tried in order. Left out: the conditions"
                " of the edges, in theirs.", fields=BRANCH_FIELDS),
            Key("else", "else", "The node, or the nodes, for the case that no condition is true."),
            NEXT,
            ALLOW,
        ),
        "Goes on along the first branch whose condition is true.",
        "{id: check, type: If, branches: [{condition: \"${level} == 'VIP'\", next: vip}],"
        " else: member}",
    ),
    NodeType(
        ("Iteration",),
        (
            Key("collection", "condition", "The list to go through.", required=True),
            Key("item_var", "name", "The name of the element.", default="item"),
            Key("index_var", "name", "The name of its position, from 0."),
            _BODY,
            NEXT,
            ALLOW,
        ),
        "Goes through a list. An edge with `branch_type: body` leads into the body, whose last node"
        " leads back here; the other edge leads on when the list is used up.",
        "{id: each, type: Iteration, collection: '${items}', item_var: item, body: [{id: add,"
        " type: Assign, expression: total = total + item.price}], next: end}",
    ),
    NodeType(
        ("Loop",),
        (
            Key("condition", "condition", "Checked before each turn.", required=True),
            _BODY,
            NEXT,
            ALLOW,
        ),
        "Repeats its body while the condition is true; edges as for `Iteration`.",
        "{id: count, type: Loop, condition: n > 0, body: [{id: down, type: Assign,"
        " expression: n = n - 1}], next: end}",
    ),
    NodeType(
        ("Parallel",),
        (
            Key("branches", "parts", "The branches, each a list of nodes or an object with `nodes`"
                " and `edges`. Left out: the edges lead into the branches, which meet again."),
            NEXT,
            ALLOW,
        ),
        "Runs branches at the same time and goes on when all are done.",
        "{id: both, type: Parallel, branches: [[{id: a, type: Assign, expression: x = 1}],"
        " [{id: b, type: Assign, expression: y = 2}]], next: end}",
    ),
)  # fmt: skip

BRANCH_TYPES: Final = ("else", "body")

EDGE: Final = (
    Key("source", "node-ref", "The node it comes from.", required=True),
    Key("target", "node-ref", "The node it leads to.", required=True),
    Key("condition", "condition", "It is taken where this is true. From an `If`: the branch with"
        " the same condition."),
    Key("branch_type", "word", "`else`: taken where nothing else is; `body`: leads into the body of"
        " a loop.", words=BRANCH_TYPES),
    Key("branch_index", "count", "The number of the branch, from 0, of an `If` or a `Parallel`.",
        minimum=0, maximum=2**16),
)  # fmt: skip

#: A branch or body written as an object, and the value of the step ``graph``.
PART: Final = (_NODES, _EDGES)

_HEAD: Final = (
    Key("id", "title", "The skript's name."),
    Key("name", "label", "The skript's name where there is no `id`; else a title for people."),
    Key("description", "label", "A text for people."),
    Key("version", "count", "The same name and version with another content is refused; left out:"
        " the next free number."),
    Key("variables", "vars", "Variables and their first values; a field of the input with the same"
        " name counts over them."),
    SCHEDULE,
    ON_FAILURE,
    Key("allow", "silences", "Warnings that are meant to be in the document, each with the"
        " reason."),
)  # fmt: skip

#: Keys of a flat document, and of the object under ``workflow``.
WORKFLOW: Final = (*_HEAD, _NODES, _EDGES)

#: Top-level keys of a document with ``workflow``.
WRAPPED: Final = (
    Key("workflow", "workflow", "The document; its nodes and edges, `schedule` and `on_failure` may"
        " also stand beside it.", required=True,
        fields=(*_HEAD, Key("nodes", "nodes", _NODES.doc), _EDGES)),
    SCHEDULE,
    ON_FAILURE,
    Key("nodes", "nodes", "The nodes, where they are not inside `workflow`."),
    Key("edges", "edges", "The edges, where they are not inside `workflow`."),
)  # fmt: skip

#: Names of functions that are not handlers of that name -> what they are.
KNOWN_FUNCTIONS: Final = {
    "http_request": "the handler `http.request`",
    "log": "a line in the log",
    "run_workflow": "another skript",
}

#: Parameters of `log`.
LOG_PARAMS: Final = (
    Key("message", "text", "The text.", required=True),
    Key("level", "word", "How loud.", default="info", words=("debug", "info", "warning", "error")),
)  # fmt: skip
#: Parameters of `run_workflow`: the skript's name, and its input. The first names are ours.
RUN_NAMES: Final = ("workflow", "workflow_id", "workflow_name", "name", "id")
RUN_INPUTS: Final = ("input", "inputs", "params", "variables")

BY_TYPE: Final[dict[str, NodeType]] = {
    name.lower(): row for row in NODE_TYPES for name in row.names
}
