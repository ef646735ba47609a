"""What a step is called in a drawing: a line for people, and the shape it is drawn in."""

from __future__ import annotations

from typing import Literal

from ..model import ast
from ..model.ast import Expr, Step

Shape = Literal["step", "pure", "choice", "loop", "fork", "end", "wait"]


def short(expr: Expr, limit: int = 40) -> str:
    """An expression's text in one line, clipped."""
    text = " ".join(expr.source.split())
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def loop_label(step: ast.For | ast.While) -> str:
    """That of the head of a loop."""
    if isinstance(step, ast.For):
        return f"for {step.item} in {short(step.over)}"
    return f"while {short(step.condition)}"


def label_of(step: Step) -> tuple[str, Shape]:
    """The label and the shape of a step that has no steps inside."""
    if isinstance(step, ast.Set):
        return "set " + ", ".join(dict.fromkeys(t.name for t, _ in step.assignments)), "pure"
    if isinstance(step, ast.Call):
        return f"call {step.handler}", "step"
    if isinstance(step, ast.Run):
        return f"run {step.path or step.name}", "step"
    if isinstance(step, ast.Yield):
        return f"yield {short(step.value)}", "pure"
    if isinstance(step, ast.Wait):
        until = step.until
        if until is not None:
            return f"wait until {short(until)}", "wait"
        return "wait" if step.delay is None else f"wait {short(step.delay)}", "wait"
    if isinstance(step, ast.Listen):
        return f"listen {short(step.topic)}", "wait"
    if isinstance(step, ast.Emit):
        return f"emit {short(step.topic)}", "step"
    if isinstance(step, ast.Log):
        return f"log {short(step.text)}", "pure"
    if isinstance(step, ast.Raise):
        return f"raise {short(step.type)}", "end"
    if isinstance(step, ast.Return):
        return f"return {short(step.value)}", "end"
    return type(step).__name__.lower(), "pure"
