"""The end of a run: the last record, and nothing of it is left pending."""

from __future__ import annotations

from typing import Any

from ..model.effects import TimerDrop
from ..model.events import Finished, Status
from ..model.values import Value
from .ready import Vm


def finish(vm: Vm, status: Any, output: Value, error: dict[str, Value] | None) -> None:
    """End the run: the last record, and nothing of it is left pending."""
    run = vm.run
    for path, m in run.timers:
        vm.effect(TimerDrop(path, m))
    run.timers.clear()
    outcome: Status = status
    run.finished = Finished(run.now, outcome, output, error)
    run.ready.clear()
