"""The AST: a document as the language defines it, before any desugaring.

Frozen and slotted. Every front end (the native YAML/JSON form, the builder, the graph form) makes
exactly these nodes, and the AST hash over them identifies a skript version, so spans and source
texts do not take part in it (``model/ast_value.py``).

A ``Block`` is a tuple of steps. Every expression field is an :class:`Expr`, literals included
(their IR is ``("const", value)``). Durations are an Expr that yields milliseconds.
"""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

from .parsed import IR as IR
from .parsed import Name as Name
from .parsed import Parsed
from .records import record
from .schedule import Schedule
from .spans import NOWHERE, Span
from .values import Value


class _Placed:
    """Works out where an expression stands, and how it is written, when that is first asked.

    A document has tens of thousands of expressions, and few that anything is said of. A front end
    that makes many sets ``later`` in the place of the fields: a function and its arguments. The
    names in it are those of ``parsed``, what its text was read as.
    """

    __slots__ = ("later", "parsed")
    later: tuple[Any, ...]
    parsed: Parsed

    def __getattr__(self, name: str) -> Any:
        found: Any
        if name == "names":
            found = self.parsed.names
            object.__setattr__(self, name, found)
            return found
        if name == "parsed":  # of one that was made from its parts
            found = Parsed(self.ir, self.names)
            object.__setattr__(self, name, found)
            return found
        if name not in ("source", "span", "pointer"):
            raise AttributeError(name)
        place, *given = self.later
        for field, value in zip(("source", "span", "pointer"), place(*given), strict=True):
            object.__setattr__(self, field, value)
        return object.__getattribute__(self, name)


@record
class Expr(_Placed):
    """An expression, a text with ``${...}`` inserts, or a literal: whatever yields a value.

    ``ir`` refers to variables by name (``("name", "x")``); code generation turns names into slots.
    """

    source: str
    ir: IR
    span: Span = NOWHERE
    pointer: str = ""
    names: tuple[Name, ...] = ()

    @property
    def is_const(self) -> bool:
        """Whether the value is known from the text alone."""
        return bool(self.ir[0] == "const")


@record
class Args:
    """``with:`` either as an object written out (``entries``) or one ``${...}`` (``whole``)."""

    entries: tuple[tuple[str, Expr], ...] = ()
    whole: Expr | None = None
    span: Span = NOWHERE
    pointer: str = ""


@record
class Allow:
    """One entry of ``allow``: findings of this code are meant to be here, and why."""

    code: str
    reason: str
    span: Span = NOWHERE
    pointer: str = ""


@record
class Site:
    """Where a step stands: its id, if it has one, its JSON pointer and its span.

    ``allow``: the findings that are silenced in it; no part of what the document means.
    """

    pointer: str
    span: Span = NOWHERE
    id: str | None = None
    allow: tuple[Allow, ...] = ()

    @property
    def name(self) -> str:
        """The step's name in events and errors: the id where given, else the pointer."""
        return self.id if self.id is not None else self.pointer


@record
class Step:
    """What every step has. ``when`` is the ``if`` modifier; ``timeout`` applies to the step."""

    site: Site
    when: Expr | None
    timeout: Expr | None


Block: TypeAlias = tuple[Step, ...]


@record
class Retry:
    """``retry``: ``max`` counts attempts in all; an empty ``on`` means the default set."""

    max: int
    on: tuple[str, ...] = ()
    backoff_ms: int = 1_000
    backoff_max_ms: int = 60_000


@record
class Target:
    """Left side of an assignment: a variable and the path of keys below it (each an Expr)."""

    name: str
    path: tuple[Expr, ...]
    span: Span = NOWHERE
    pointer: str = ""


@record
class Set(Step):
    """``set``: assignments in order."""

    assignments: tuple[tuple[Target, Expr], ...]


@record
class Call(Step):
    """``call``: a handler; ``timeout`` is per attempt."""

    handler: str
    handler_span: Span
    args: Args
    into: Target | None
    undo: Step | None
    retry: Retry | None
    on_crash: Literal["rerun", "fail"] = "rerun"
    queue: str | None = None


@record
class If(Step):
    """``if`` with ``then``: branches in order (the first is ``if/then``, the rest ``elif``)."""

    branches: tuple[tuple[Expr, Block], ...]
    otherwise: Block


@record
class Switch(Step):
    """``switch``: each case lists literal values; compared with ``==`` of the language."""

    subject: Expr
    cases: tuple[tuple[tuple[Expr, ...], Block], ...]
    otherwise: Block


#: ``all``, ``any`` or a count.
JoinPolicy: TypeAlias = Literal["all", "any"] | int


@record
class For(Step):
    """``for``: sequential, or parallel with ``limit`` (None = sequential, 0 = no limit)."""

    item: str
    index: str | None
    over: Expr
    body: Block
    limit: Expr | None
    collect: Target | None
    join: JoinPolicy


@record
class While(Step):
    """``while``."""

    condition: Expr
    body: Block


@record
class Break(Step):
    """``break`` out of the nearest sequential loop."""


@record
class Continue(Step):
    """``continue`` the nearest loop; ends one iteration of a parallel ``for``."""


@record
class Branch:
    """One named branch of ``parallel``."""

    name: str
    body: Block
    span: Span = NOWHERE
    pointer: str = ""


@record
class Parallel(Step):
    """``parallel``: static branches in the order of the text."""

    branches: tuple[Branch, ...]
    join: JoinPolicy
    into: Target | None


@record
class Yield(Step):
    """``yield``: sets the value of this branch or iteration; does not end it."""

    value: Expr


@record
class CatchClause:
    """One clause; ``when`` None catches everything catchable."""

    when: Expr | None
    body: Block
    span: Span = NOWHERE
    pointer: str = ""


@record
class Try(Step):
    """``try``. ``finally_`` None where there is none."""

    body: Block
    catches: tuple[CatchClause, ...]
    finally_: Block | None


@record
class Do(Step):
    """``do``: a group that carries modifiers."""

    body: Block


@record
class Wait(Step):
    """``wait``: for a duration (``delay``, ms) or until an instant (``until``, RFC 3339 text)."""

    delay: Expr | None
    until: Expr | None


@record
class Listen(Step):
    """``listen``: ``where`` sees ``event``; ``schema`` filters what does not satisfy it."""

    topic: Expr
    key: Expr | None
    where: Expr | None
    schema: Value
    into: Target | None


@record
class Emit(Step):
    """``emit``: to listeners of (topic, key), or to one job. ``keep`` in ms, None = not kept."""

    topic: Expr
    key: Expr | None
    to: Expr | None
    args: Args
    keep: Expr | None


@record
class Run(Step):
    """``run``: a child skript by ``path`` of a file, else ``name`` (``version`` None: newest)."""

    name: str | None
    version: int | None
    path: str | None
    skript_span: Span
    args: Args
    into: Target | None
    retry: Retry | None
    undo: Step | None
    detach: bool = False


@record
class Log(Step):
    """``log``."""

    text: Expr
    level: Literal["debug", "info", "warning", "error"] = "info"


@record
class Raise(Step):
    """``raise``: a typed error; ``compensate`` runs the undos since the enclosing try first."""

    type: Expr
    message: Expr | None
    data: Expr | None
    compensate: Expr | None


@record
class Return(Step):
    """``return``: ends the run with a value."""

    value: Expr


@record
class Flow(Step):
    """Labelled steps with jumps between them, none of which crosses a fork or a try.

    The one unstructured node: ``jumps[i]`` lists what follows ``steps[i]``, in order, as
    (condition or None, index of the next labelled step or None for the end of the flow).
    """

    labels: tuple[str, ...]
    steps: tuple[Step, ...]
    jumps: tuple[tuple[tuple[Expr | None, int | None], ...], ...]


#: Reducers a variable may declare.
Reducer: TypeAlias = Literal["sum", "min", "max", "append", "merge"]


@record
class Var:
    """One row of ``vars``."""

    name: str
    value: Expr
    reduce: Reducer | None = None
    span: Span = NOWHERE
    pointer: str = ""


@record
class Function:
    """One row of ``functions``; inside ``body`` only parameters and other functions are in scope.

    In the body's IR a parameter is ``("local", i)``, i its position.
    """

    name: str
    params: tuple[str, ...]
    body: Expr
    span: Span = NOWHERE
    pointer: str = ""


@record
class State:
    """One state of a machine.

    ``do`` is its activity: begun when the state is entered, cancelled when it is left; None: it has
    none. After ``after`` (ms, from when it was entered) the machine raises ``then`` itself.
    """

    name: str
    enter: Block
    exit: Block
    do: Block | None
    after: Expr | None
    then: str | None
    final: bool
    site: Site


@record
class Transition:
    """One row of ``transitions``: from any of ``sources``, in the order of the text.

    ``guard`` sees ``data``, ``event``, ``job`` and ``actor``. ``roles``: who may (its key is
    ``allow``); None: everybody.
    """

    sources: tuple[str, ...]
    event: str
    to: str
    guard: Expr | None
    roles: tuple[str, ...] | None
    do: Block
    site: Site


@record
class Machine:
    """A declared state machine; ``states`` and ``transitions`` in the order of the text."""

    initial: str
    states: tuple[State, ...]
    transitions: tuple[Transition, ...]


@record
class Document:
    """A whole skript, or a whole machine: then ``machine`` is there and ``body`` is empty.

    ``input_schema`` None: anything goes; that of a machine is what its data must be at the start.
    ``timeout`` is the job's deadline.
    """

    name: str
    version: int | None
    labels: dict[str, str]
    input_schema: Value
    env: tuple[str, ...]
    vars: tuple[Var, ...]
    functions: tuple[Function, ...]
    timeout: Expr | None
    body: Block
    catches: tuple[CatchClause, ...]
    finally_: Block | None
    span: Span = NOWHERE
    allow: tuple[Allow, ...] = ()
    on_failure: Step | None = None
    notice: bool | None = None  # it is the ``on_failure`` of another (``pinning.notice_of``)
    schedule: Schedule | None = None
    machine: Machine | None = None
