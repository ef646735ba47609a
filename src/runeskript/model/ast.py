"""The AST: a document as the language defines it, before any desugaring.

Frozen and slotted. Every front end (the native YAML/JSON form, the builder, the graph form) makes
exactly these nodes, and the AST hash over them identifies a skript version, so spans and source
texts do not take part in it (``model/ast_value.py``).

A ``Block`` is a tuple of steps. Every expression field is an :class:`Expr`, literals included
(their IR is ``("const", value)``). Durations are an Expr that yields milliseconds.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from .ast_machine import Machine as Machine
from .ast_machine import State as State
from .ast_machine import Transition as Transition
from .ast_parts import Allow as Allow
from .ast_parts import Args as Args
from .ast_parts import Block as Block
from .ast_parts import Expr as Expr
from .ast_parts import Later
from .ast_parts import Site as Site
from .ast_parts import Step as Step
from .parsed import IR as IR
from .parsed import Name as Name
from .records import record
from .schedule import Schedule
from .spans import NOWHERE, Span
from .values import Value


@record
class Retry:
    """``retry``: ``max`` counts attempts in all; an empty ``on`` means the default set."""

    max: int
    on: tuple[str, ...] = ()
    backoff_ms: int = 1_000
    backoff_max_ms: int = 60_000


@record
class Target(Later):
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
