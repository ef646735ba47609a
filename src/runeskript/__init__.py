"""Runeskript: the SQLite of workflow engines.

The public API, whole; its list is pinned by a test. Names are loaded on first use, because
``from runeskript import handler`` in a user's module must not cost what the engine costs.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .compiler.frontends.builder import Skript, insert, step
    from .compiler.frontends.machine_builder import StateMachine, Transition, transitions
    from .compiler.pipeline import Compiled
    from .engine.handlers import (
        FunctionHandler,
        HandlerContext,
        HandlerRegistry,
        concurrency,
        handler,
        rate,
    )
    from .engine.jobs import Job, JobResult
    from .engine.runtime import Runtime
    from .engine.sync import compile, run  # noqa: A004 - the verbs of the command line, too
    from .engine.telemetry.telemetry import Telemetry
    from .errors import (
        CompileError,
        InputError,
        JobCancelledError,
        JobFailedError,
        JobNotFoundError,
        RuneskriptError,
        StepError,
    )
    from .model.blueprint import Blueprint
    from .model.diagnostics import Diagnostic

__version__ = "0.1.0"

_HOME = {
    "Blueprint": "model.blueprint",
    "CompileError": "errors",
    "Compiled": "compiler.pipeline",
    "Diagnostic": "model.diagnostics",
    "FunctionHandler": "engine.handlers",
    "HandlerContext": "engine.handlers",
    "HandlerRegistry": "engine.handlers",
    "InputError": "errors",
    "Job": "engine.jobs",
    "JobCancelledError": "errors",
    "JobFailedError": "errors",
    "JobNotFoundError": "errors",
    "JobResult": "engine.jobs",
    "RuneskriptError": "errors",
    "Runtime": "engine.runtime",
    "Skript": "compiler.frontends.builder",
    "StateMachine": "compiler.frontends.machine_builder",
    "StepError": "errors",
    "Telemetry": "engine.telemetry.telemetry",
    "Transition": "compiler.frontends.machine_builder",
    "compile": "engine.sync",
    "concurrency": "engine.handlers",
    "handler": "engine.handlers",
    "insert": "compiler.frontends.builder",
    "rate": "engine.handlers",
    "run": "engine.sync",
    "step": "compiler.frontends.builder",
    "transitions": "compiler.frontends.machine_builder",
}

__all__ = [  # noqa: RUF022 - what most people need stands first
    "Runtime",
    "run",
    "compile",
    "handler",
    "concurrency",
    "rate",
    "Skript",
    "insert",
    "step",
    "StateMachine",
    "Transition",
    "transitions",
    "Blueprint",
    "Compiled",
    "CompileError",
    "Diagnostic",
    "FunctionHandler",
    "HandlerContext",
    "HandlerRegistry",
    "InputError",
    "Job",
    "JobCancelledError",
    "JobFailedError",
    "JobNotFoundError",
    "JobResult",
    "RuneskriptError",
    "StepError",
    "Telemetry",
    "__version__",
]


def __getattr__(name: str) -> Any:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f".{home}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
