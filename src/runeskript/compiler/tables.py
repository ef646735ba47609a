"""THE tables of the language: every verb, every key, its kind, its default and what it is for.

The front end, the JSON Schema, the formatter's order of keys and the generated reference are all
derived from these rows; a key that is not here does not exist. The kinds are explained in
``kinds.py``.
"""

from __future__ import annotations

from typing import Final

from .kinds import Key, Verb

# --- pieces that several verbs share -----------------------------------------------------------

RETRY_FIELDS: Final = (
    Key("on", "errors", "Error types that are tried again, matched by dotted prefix; `http.5xx` is"
        " a class. Left out: timeout, connect, http.5xx, http.429 and errors marked retryable."),
    Key("max", "count", "Attempts in all, the first one included.", required=True,
        maximum=10_000),
    Key("backoff", "backoff", "Pause before the second attempt, doubled each time up to the end of"
        " the range; jitter comes from the run's seed.", default="1s..60s"),
)  # fmt: skip

CATCH_FIELDS: Final = (
    Key("when", "expr", "Catches errors for which this is true; sees `error`. Left out: catches"
        " every error that can be caught."),
    Key("do", "block", "What to do; sees `error`.", required=True),
)  # fmt: skip

_WITH: Final = Key("with", "args", "Parameters, by name.")
_INTO: Final = Key("into", "target", "Where the result goes; without it the result is dropped.")
_UNDO: Final = Key("undo", "step", "A step that takes this one back, registered when it succeeds,"
                   " with its parameters as they are then.")  # fmt: skip
_RETRY: Final = Key("retry", "object", "When and how often a failed attempt is repeated.",
                    fields=RETRY_FIELDS)  # fmt: skip
_CATCH: Final = Key("catch", "clauses", "What to do about errors; the first clause that matches"
                    " counts.", fields=CATCH_FIELDS)  # fmt: skip
_FINALLY: Final = Key("finally", "block", "Runs on every exit, cancel and return included.")
_JOIN: Final = Key("join", "join", "How many branches must succeed before the run goes on; the"
                   " losers are cancelled and their undos run.", default="all")  # fmt: skip

#: Keys any step may have.
MODIFIERS: Final = (
    Key("id", "id", "The step's name in events, errors and `explain`; unique in the document."),
    Key("if", "expr", "The step is skipped where this is false."),
    Key("timeout", "duration", "Time for the step in all; on a `call` for each attempt. A `timeout`"
        " error is raised when it is over."),
    Key("allow", "silences", "Warnings that are meant to be here: the code or the name of each, and"
        " why. Covers the step and the steps in it; a job does not see it."),
)  # fmt: skip

VERBS: Final[tuple[Verb, ...]] = (
    Verb(
        "set",
        Key("set", "targets", "Variables or paths, and their new values, in order."),
        (),
        "Sets variables. A path copies what it changes.",
        "set: {total: '${total + 1}', order.state: paid}",
    ),
    Verb(
        "call",
        Key("call", "handler", "The handler's name."),
        (
            _WITH, _INTO, _UNDO, _RETRY,
            Key("on_crash", "word", "What a restart does about a call that was under way: run it"
                " again, or fail it with the error `interrupted`.", default="rerun",
                words=("rerun", "fail")),
            Key("queue", "queue", "Makes a job of each attempt, which any worker takes that serves"
                " this queue and has the handler; whoever runs the skript need not have it."),
        ),
        "Calls a handler.",
        "call: http.get\nwith: {url: 'https://example.com'}\ninto: page",
    ),
    Verb(
        "if",
        Key("if", "expr", "The condition."),
        (
            Key("then", "block", "Steps for the case that it is true.", required=True),
            Key("elif", "clauses", "Further conditions, tried in order.", fields=(
                Key("when", "expr", "The condition.", required=True),
                Key("do", "block", "Steps for the case that it is true.", required=True),
            )),
            Key("else", "block", "Steps for the case that nothing was true."),
        ),
        "Chooses by conditions. A verb only beside `then`; otherwise `if` skips its step.",
        "if: total > 100\nthen:\n  - log: large",
    ),
    Verb(
        "switch",
        Key("switch", "expr", "The value to compare."),
        (
            Key("cases", "clauses", "Tried in order, compared with `==`.", required=True, fields=(
                Key("is", "literals", "A value or a list of values, written out.", required=True),
                Key("do", "block", "Steps for this case.", required=True),
            )),
            Key("else", "block", "Steps for the case that nothing matched."),
        ),
        "Chooses by value.",
        "switch: input.kind\ncases:\n  - is: [book, map]\n    do:\n      - log: paper",
    ),
    Verb(
        "for",
        Key("for", "name", "The name of the element inside the loop."),
        (
            Key("index", "name", "The name of the element's position, from 0."),
            Key("in", "expr", "The list to go through.", required=True),
            Key("parallel", "limit", "How many iterations may run at once; true sets no limit."
                " Without it the loop is sequential."),
            Key("collect", "target", "Where the list of yields goes, in index order."),
            _JOIN,
            Key("do", "block", "The steps of one iteration.", required=True),
        ),
        "Goes through a list, one by one or in parallel.",
        "for: item\nin: input.items\nparallel: 8\ncollect: prices\ndo:\n  - yield: item.price",
    ),
    Verb(
        "while",
        Key("while", "expr", "Checked before each turn."),
        (Key("do", "block", "The steps of one turn.", required=True),),
        "Repeats while a condition holds.",
        "while: n < 10\ndo:\n  - set: {n: '${n + 1}'}",
    ),
    Verb(
        "break",
        Key("break", "nothing", "Left empty."),
        (),
        "Ends the nearest sequential loop.",
        "if: done\nbreak:",
    ),
    Verb(
        "continue",
        Key("continue", "nothing", "Left empty."),
        (),
        "Goes on with the next turn of the nearest loop; ends one iteration of a parallel `for`.",
        "if: item.skip\ncontinue:",
    ),
    Verb(
        "parallel",
        Key("parallel", "branches", "The branches by name."),
        (
            _JOIN,
            Key("into", "target", "Object of the branches' yields; with `join: any` the winner's"
                " yield."),
        ),
        "Runs branches at the same time.",
        "parallel:\n  a:\n    - yield: '1'\n  b:\n    - yield: '2'\ninto: both",
    ),
    Verb(
        "yield",
        Key("yield", "expr", "The value."),
        (),
        "The value of this branch or iteration; sets it, does not end it; at most once.",
        "yield: item.price * item.qty",
    ),
    Verb(
        "try",
        Key("try", "block", "Steps that may fail."),
        (_CATCH, _FINALLY),
        "Catches errors. Needs `catch` or `finally`.",
        "try:\n  - call: risky\ncatch:\n  - when: error.type == 'timeout'\n    do:\n"
        "      - log: too slow",
    ),
    Verb(
        "do",
        Key("do", "block", "The steps."),
        (),
        "A group of steps that carries modifiers.",
        "if: ready\ntimeout: 5m\ndo:\n  - call: work",
    ),
    Verb(
        "wait",
        Key("wait", "delay", "A duration, or an object with `until`.", fields=(
            Key("until", "expr", "The instant to wait for, as RFC 3339 text.", required=True),
        )),
        (),
        "Waits for a time.",
        "wait: 5m",
    ),
    Verb(
        "listen",
        Key("listen", "text", "The topic."),
        (
            Key("key", "expr", "Only messages with this key."),
            Key("where", "expr", "Only messages for which this is true; sees `event`."),
            Key("schema", "schema", "Only messages whose data satisfy this schema."),
            _INTO,
        ),
        "Waits for a message.",
        "listen: parcel.scanned\nkey: job.id\ntimeout: 72h\ninto: scan",
    ),
    Verb(
        "emit",
        Key("emit", "text", "The topic."),
        (
            Key("key", "expr", "The message's key. Not together with `to`."),
            Key("to", "text", "The id of the one job that gets it. Not together with `key`."),
            _WITH,
            Key("keep", "duration", "How long the message is kept for listeners still to come."),
        ),
        "Sends a message.",
        "emit: parcel.scanned\nkey: order.id\nwith: {place: Hamburg}\nkeep: 24h",
    ),
    Verb(
        "run",
        Key("run", "skript", "The skript to run."),
        (
            _WITH, _INTO, _UNDO, _RETRY,
            Key("detach", "flag", "Goes on at once; `into` gets the job's id.", default=False),
        ),
        "Runs another skript as a job of its own.",
        "run: ./part.yaml\nwith: {id: '${order.id}'}\ninto: part",
    ),
    Verb(
        "log",
        Key("log", "text", "The text."),
        (Key("level", "word", "How loud.", default="info",
             words=("debug", "info", "warning", "error")),),
        "Writes a line to the log. Silent on replay.",
        "log: \"sku ${item.sku} costs ${price}\"",
    ),
    Verb(
        "raise",
        Key("raise", "object", "The error.", fields=(
            Key("type", "text", "Dotted type, such as `order.stuck`.", required=True),
            Key("message", "text", "A text for people."),
            Key("data", "template", "More about it, for programs."),
            Key("compensate", "switchable", "Runs the undos registered since the enclosing try,"
                " before its catch.", default=False),
        )),
        (),
        "Fails with a typed error.",
        "raise: {type: order.stuck, message: 'no scan for ${job.key}', compensate: true}",
    ),
    Verb(
        "return",
        Key("return", "template", "The run's output."),
        (),
        "Ends the run with a value.",
        "return: {total: '${total}'}",
    ),
    Verb(
        "graph",
        Key("graph", "graph", "`{nodes, edges}`."),
        (Key("into", "target", "Where the value of the `output` of the `End` goes."),),
        "A workflow of nodes and edges as a step; where it ends, the next step follows.",
        "graph: {nodes: [{id: start, type: Start}, {id: sum, type: Assign,"
        " expression: total = 1 + 2}], edges: [{source: start, target: sum}]}",
    ),
)  # fmt: skip

SCHEDULE_FIELDS: Final = (
    Key("cron", "cron", "At these times. Either this or `every`."),
    Key("every", "period", "At each multiple of it since 1970-01-01T00:00Z."),
    Key("timezone", "zone", "Whose time `cron` means. Left out: UTC."),
    Key("missed", "word", "Ticks at which no worker ran: none of them, one for all of them, or"
        " each.", default="skip", words=("skip", "once", "all")),
    Key("overlap", "word", "A tick while the job of the one before has not ended: left out, done"
        " behind it, or in its place.", default="skip", words=("skip", "queue", "cancel")),
)  # fmt: skip

SCHEDULE: Final = Key("schedule", "object", "When jobs of the skript are due, once `rune schedules"
                      " add` has registered it.", fields=SCHEDULE_FIELDS)  # fmt: skip
ON_FAILURE: Final = Key("on_failure", "step", "What is done when a job has failed: one `call` or"
                        " `emit`, in a job of its own. It sees `error`, and `job` and `input` of"
                        " the job that failed.")  # fmt: skip

#: Top-level keys of the native form, in the order `rune fmt` writes them.
DOCUMENT: Final = (
    Key("skript", "title", "The skript's name.", required=True),
    Key("version", "count", "The same name and version with another content is refused; left out:"
        " the next free number."),
    Key("labels", "labels", "Texts to find jobs by."),
    Key("input", "schema", "JSON Schema of the input; also tells the compiler its types."),
    Key("env", "names", "Environment values the skript may read, captured at the start."),
    Key("vars", "vars", "Variables and their first values, evaluated in order, once; they may use"
        " input, env and earlier variables. `{init: 0, reduce: sum}` declares a reducer."),
    Key("functions", "functions", "Functions of the skript. A body sees its parameters and other"
        " functions."),
    Key("timeout", "duration", "The job's deadline."),
    SCHEDULE,
    ON_FAILURE,
    Key("allow", "silences", "Warnings that are meant to be in this document: the code or the name"
        " of each, and why."),
    Key("do", "block", "The steps.", required=True),
    _CATCH,
    _FINALLY,
)  # fmt: skip

#: The object that declares a reducer in the place of a variable's first value.
REDUCER_FIELDS: Final = (
    Key("init", "template", "The variable's first value.", required=True),
    Key("reduce", "word", "How what branches write is joined to it.", required=True,
        words=("sum", "min", "max", "append", "merge")),
)  # fmt: skip
REDUCERS: Final = REDUCER_FIELDS[1].words

TIMEOUT_FIELDS: Final = (
    Key("after", "duration", "How long the state may last, from when it was entered.",
        required=True),
    Key("event", "event", "The event that is raised then.", required=True),
)  # fmt: skip

STATE_FIELDS: Final = (
    Key("enter", "block", "What every transition into the state does last."),
    Key("do", "block", "The state's activity: begun when the state is entered, cancelled when it"
        " is left. Its end raises `done`, an error that nobody caught `failed`."),
    Key("exit", "block", "What every transition out of the state does first."),
    Key("timeout", "object", "An event that is raised when the state has lasted too long.",
        fields=TIMEOUT_FIELDS),
    Key("final", "flag", "The job is completed here.", default=False),
)  # fmt: skip

TRANSITION_FIELDS: Final = (
    Key("id", "id", "The transition's name in events and errors; unique in the document."),
    Key("from", "sources", "The state, or the states, it starts from.", required=True),
    Key("event", "event", "What triggers it.", required=True),
    Key("to", "state", "The state it leads to.", required=True),
    Key("guard", "expr", "It is taken only where this is true; sees `data`, `event`, `actor`,"
        " `job` and `env`. The first transition in order that may be taken is."),
    Key("allow", "roles", "Who may trigger it: whoever has one of these roles. Left out:"
        " everybody."),
    Key("do", "block", "What it does: behind the `exit` of the state it leaves, before the `enter`"
        " of the one it leads to. Where it fails, the state stays."),
)  # fmt: skip

#: Top-level keys of a machine, in the order `rune fmt` writes them.
MACHINE: Final = (
    Key("machine", "title", "The machine's name.", required=True),
    Key("version", "count", "The same name and version with another content is refused; left out:"
        " the next free number."),
    Key("labels", "labels", "Texts to find jobs by."),
    Key("data", "schema", "JSON Schema of what a job's data must be at its start; also tells the"
        " compiler its types. It is an object in any case."),
    Key("env", "names", "Environment values the machine may read, captured at the start."),
    Key("functions", "functions", "Functions of the machine. A body sees its parameters and other"
        " functions."),
    Key("on_failure", "step", "What is done when a job has failed: one `call` or `emit`, in a job"
        " of its own. It sees `error`, and `job` and `data` of the job that failed."),
    Key("allow", "silences", "Warnings that are meant to be in this document: the code or the name"
        " of each, and why."),
    Key("initial", "state", "The state a job begins in.", required=True),
    Key("states", "states", "The states by name.", required=True, fields=STATE_FIELDS),
    Key("transitions", "transitions", "The transitions, in the order in which they are tried.",
        required=True, fields=TRANSITION_FIELDS),
)  # fmt: skip

#: The event no machine has: it is the command, which is never queued.
CANCEL: Final = "cancel"

#: Top-level keys that say which form a document has.
FORMS: Final[dict[str, str]] = {
    "skript": "native", "workflow": "graph", "nodes": "graph", "machine": "machine",
}  # fmt: skip

#: Names the language gives a meaning; no variable, loop or parameter may have them.
ROOTS: Final = (
    "input", "env", "job", "error", "event", "data", "actor", "secrets", "true", "false", "null",
)  # fmt: skip

#: Words of the expression syntax, which can name nothing.
KEYWORDS: Final = frozenset(
    (
        "False", "None", "True", "and", "as", "assert", "async", "await", "break", "class",
        "continue", "def", "del", "elif", "else", "except", "finally", "for", "from", "global",
        "if", "import", "in", "is", "lambda", "nonlocal", "not", "or", "pass", "raise", "return",
        "try", "while", "with", "yield",
    )
)  # fmt: skip

#: Error types no document may raise or retry on: they cannot be caught.
RESERVED_ERRORS: Final = ("cancel", "limit")

BY_VERB: Final[dict[str, Verb]] = {verb.name: verb for verb in VERBS}
