"""What several test modules share: compiling with a catalog of mocks, and golden files."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from runeskript.compiler.pipeline import Compiled, compile_text
from runeskript.errors import StepError
from runeskript.model.catalog import PlainHandler, StaticCatalog
from runeskript.testing import HANG, After, Outcome, Simulation

#: What a pytest needs to find our plugin, where the package is used as it lies here.
PLUGIN = (
    () if entry_points(group="pytest11", name="runeskript") else ("-p", "runeskript.testing.plugin")
)
UPDATE = os.environ.get("RUNE_UPDATE") == "1"


def any_handlers(*names: str) -> StaticCatalog:
    """A catalog that knows the given names and accepts any parameters."""
    return StaticCatalog({name: PlainHandler(name) for name in names})


def compile_yaml(text: str, *names: str, file: str = "test.yaml", **options: Any) -> Compiled:
    return compile_text(text, file, any_handlers(*names), **options)


def simulation(
    text: str,
    handlers: Mapping[str, Callable[[Any], Any]] | None = None,
    input: Any = None,
    **kw: Any,
) -> Simulation:
    compiled = compile_yaml(text, *(handlers or {}))
    return Simulation(compiled.blueprint, handlers, input, **kw)


def run_yaml(
    text: str,
    handlers: Mapping[str, Callable[[Any], Any]] | None = None,
    input: Any = None,
    **kw: Any,
) -> Outcome:
    return simulation(text, handlers, input, **kw).run()


def mock(spec: Any) -> Callable[[dict[str, Any]], Any]:
    """A mock from data: a list is consumed one answer a call, the last one stays."""
    answers = list(spec) if isinstance(spec, list) else [spec]

    def handler(params: dict[str, Any]) -> Any:
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        return _answer(answer, params)

    return handler


def _answer(answer: Any, params: dict[str, Any]) -> Any:
    if isinstance(answer, dict):
        if "raise" in answer:
            raise StepError(
                answer["raise"],
                answer.get("message", ""),
                data=answer.get("data"),
                retryable=answer.get("retryable", False),
            )
        if "after" in answer:
            try:
                return After(answer["after"], _answer(answer.get("result"), params))
            except StepError as exc:
                return After(answer["after"], exc)
        if answer.get("hang"):
            return HANG
        if "by" in answer:
            return _answer(answer["cases"][str(params[answer["by"]])], params)
    return params if answer == "$params" else answer


def check_golden(path: Path, actual: str) -> None:
    """Compare with a golden file; RUNE_UPDATE=1 rewrites it."""
    actual = actual.rstrip("\n") + "\n"
    if UPDATE:
        path.write_text(actual, encoding="utf-8")
        return
    assert path.exists(), f"{path} is missing; RUNE_UPDATE=1 writes it"
    assert actual == path.read_text(encoding="utf-8"), (
        f"{path.name} differs; RUNE_UPDATE=1 rewrites"
    )


def pretty(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1)
