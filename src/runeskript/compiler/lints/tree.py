"""The blocks inside a step, and what each is to it: how the lints walk a document."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final, Literal, TypeAlias

from ...model import ast
from ...model.ast import Block, Document, Step

#: How a block runs: ``once`` as a part of the step, ``choice`` perhaps (one of its kind at most),
#: ``loop`` again and again, ``branch`` beside the others, ``each`` once for each element beside
#: the others, ``try`` until an error, ``catch`` after one, ``finally`` at the end, ``undo`` later.
Role: TypeAlias = Literal[
    "once", "choice", "loop", "branch", "each", "try", "catch", "finally", "undo"
]
Inner: TypeAlias = Iterator[tuple[Role, Block]]


def inner(step: Step) -> Inner:
    """The blocks directly inside a step, in the order of the text."""
    parts = _PARTS.get(type(step))
    return iter(()) if parts is None else parts(step)


def inner_of_document(document: Document) -> Inner:
    """The document's own blocks; of a machine those of its states and transitions."""
    yield from _guarded(document.body, document.catches, document.finally_)
    machine = document.machine
    if machine is not None:
        for state in machine.states:
            for block in (state.enter, state.do or (), state.exit):
                yield "once", block
        for transition in machine.transitions:
            yield "once", transition.do


def descend(block: Block) -> Iterator[Step]:
    """Every step of a block and of what stands in it; undos, which run later, are left out."""
    for step in block:
        yield step
        for role, within in inner(step):
            if role != "undo":
                yield from descend(within)


def _guarded(body: Block, catches: tuple[ast.CatchClause, ...], last: Block | None) -> Inner:
    yield "try", body
    for clause in catches:
        yield "catch", clause.body
    if last is not None:
        yield "finally", last


def _call(step: ast.Call | ast.Run) -> Inner:
    if step.undo is not None:
        yield "undo", (step.undo,)


def _if(step: ast.If) -> Inner:
    for _, block in step.branches:
        yield "choice", block
    yield "choice", step.otherwise


def _switch(step: ast.Switch) -> Inner:
    for _, block in step.cases:
        yield "choice", block
    yield "choice", step.otherwise


def _for(step: ast.For) -> Inner:
    yield "loop" if step.limit is None else "each", step.body


def _while(step: ast.While) -> Inner:
    yield "loop", step.body


def _parallel(step: ast.Parallel) -> Inner:
    for branch in step.branches:
        yield "branch", branch.body


def _try(step: ast.Try) -> Inner:
    return _guarded(step.body, step.catches, step.finally_)


def _do(step: ast.Do) -> Inner:
    yield "once", step.body


def _flow(step: ast.Flow) -> Inner:
    # A jump back makes a loop of what stands between; which, only the data-flow knows.
    back = any(
        to is not None and to <= at for at, jumps in enumerate(step.jumps) for _, to in jumps
    )
    yield "loop" if back else "once", step.steps


_PARTS: Final[dict[type[Step], Callable[[Any], Inner]]] = {
    ast.Call: _call,
    ast.Run: _call,
    ast.If: _if,
    ast.Switch: _switch,
    ast.For: _for,
    ast.While: _while,
    ast.Parallel: _parallel,
    ast.Try: _try,
    ast.Do: _do,
    ast.Flow: _flow,
}
