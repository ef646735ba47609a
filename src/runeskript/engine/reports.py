"""Errors of jobs as users get them: with the file and line of the step that failed."""

from __future__ import annotations

from ..model.blueprint import Blueprint
from ..model.values import Value


def locate(blueprint: Blueprint, error: dict[str, Value]) -> dict[str, Value]:
    """The error with ``file`` and ``line`` (None where they are unknown)."""
    file: Value = None
    line: Value = None
    step = error.get("step")
    spans = blueprint.debug.step_spans
    if isinstance(step, str) and step in blueprint.steps:
        index = blueprint.steps.index(step)
        if index < len(spans) and spans[index].line > 0:
            file, line = spans[index].file, spans[index].line
    return {
        "code": error.get("code"),
        "type": error.get("type"),
        "message": error.get("message"),
        "step": step,
        "file": file,
        "line": line,
        "attempts": error.get("attempts"),
        "data": error.get("data"),
        "cause": error.get("cause"),
    }
