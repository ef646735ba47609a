"""The steps of a document that a watcher wants to see, in the order of the text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ...model import ast
from ...model.rows import NamedTuple


class Item(NamedTuple):
    """One step: its name in events, what it does, in how many loops and branches, in parallel?"""

    name: str
    label: str
    depth: int
    parallel: bool


def outline(document: ast.Document) -> list[Item]:
    """Calls, waits, messages and child skripts (everything that takes time), undos included."""
    items = list(_block(document.body, 0, False))
    for clause in document.catches:
        items += _block(clause.body, 0, False)
    items += _block(document.finally_ or (), 0, False)
    return items


def _block(block: Iterable[ast.Step], depth: int, parallel: bool) -> Iterator[Item]:
    for step in block:
        label = _label(step)
        if label is not None:
            name = step.site.name
            shown = label if step.site.id is None else f"{step.site.id}: {label}"
            yield Item(name, shown, depth, parallel)
        undo = getattr(step, "undo", None)
        if isinstance(undo, ast.Step):
            yield from _block((undo,), depth + 1, parallel)
        inside = parallel or (isinstance(step, ast.For) and step.limit is not None)
        deeper = depth + isinstance(step, ast.For | ast.While | ast.Parallel)
        for child in _children(step):
            yield from _block(child, deeper, inside)


def _label(step: ast.Step) -> str | None:
    """What the step does, or None where it takes no time of its own."""
    match step:
        case ast.Call():
            return step.handler
        case ast.Run():
            return f"run {step.path or step.name}"
        case ast.Listen():
            return f"listen {step.topic.source}"
        case ast.Emit():
            return f"emit {step.topic.source}"
        case ast.Wait():
            source = step.until or step.delay
            return f"wait {source.source}" if source is not None else "wait"
        case _:
            return None


def _children(step: ast.Step) -> Iterator[ast.Block]:
    """The blocks inside a step, in the order of the text."""
    match step:
        case ast.If():
            yield from (body for _, body in step.branches)
            yield step.otherwise
        case ast.Switch():
            yield from (body for _, body in step.cases)
            yield step.otherwise
        case ast.For() | ast.While() | ast.Do():
            yield step.body
        case ast.Parallel():
            yield from (branch.body for branch in step.branches)
        case ast.Try():
            yield step.body
            yield from (clause.body for clause in step.catches)
            yield step.finally_ or ()
        case ast.Flow():
            yield step.steps
        case _:
            return
