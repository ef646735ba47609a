"""Undos that take nothing back.

A `pure` handler has no effect, so there is nothing to undo. And an undo has a frame of its own:
what it sets is dropped, so one that neither calls nor runs nor sends anything does nothing.
"""

from __future__ import annotations

from ...model import ast
from .subject import Subject
from .tree import descend

#: What an undo can do that anybody sees.
_SEEN = (ast.Call, ast.Run, ast.Emit, ast.Log, ast.Raise, ast.Wait, ast.Listen)


def check_undos(subject: Subject) -> None:
    """Report undos of pure calls, and undos without an effect of their own."""
    for step, _ in (*subject.steps(ast.Call), *subject.steps(ast.Run)):
        if isinstance(step, ast.Call | ast.Run) and step.undo is not None:
            _check(step, step.undo, subject)


def _check(step: ast.Call | ast.Run, undo: ast.Step, subject: Subject) -> None:
    pointer = f"{step.site.pointer}/undo"
    info = subject.catalog.get(step.handler) if isinstance(step, ast.Call) else None
    if isinstance(step, ast.Call) and info is not None and info.pure:
        subject.found.add(
            "RUNE-3107",
            f"`{step.handler}` is pure: it has no effect that could be undone",
            undo.site.span,
            pointer,
            "delete `undo`, or declare the handler without `pure`",
        )
    elif not any(isinstance(inside, _SEEN) for inside in descend((undo,))):
        subject.found.add(
            "RUNE-3107",
            "this undo has no effect: what it sets is dropped with it",
            undo.site.span,
            pointer,
            "an undo calls what takes the step back",
        )
