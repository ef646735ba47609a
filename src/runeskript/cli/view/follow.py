"""From a job's records to the state of its steps.

Ends of calls are counted from the journal, which a slow watcher never misses; what is not
journaled (starts, waits, retries) may be lost under load, and the counts then lag, never lead.
"""

from __future__ import annotations

from ...engine.watch import JobEvent
from .steps import Steps

_FAILED = ("step.failed", "step.cancelled")


class Follower:
    """Applies records to ``steps`` in their order."""

    def __init__(self, steps: Steps) -> None:
        self._steps = steps
        #: Steps whose ends are journaled (calls and child skripts).
        self._journaled: set[str] = set()

    def apply(self, record: JobEvent) -> None:
        """One record of the job."""
        step = record.step
        if step is None:
            return
        if record.kind == "step.started":
            if record.data.get("what") in ("call", "run"):
                self._journaled.add(step)
            self._steps.start(step, record.at)
        elif record.kind == "call.done":
            self._journaled.add(step)
            self._steps.end(step, record.at)
        elif record.kind == "child.done":
            self._journaled.add(step)
            if record.data.get("status") == "Completed":
                self._steps.end(step, record.at)
        elif record.kind == "step.done":
            if step not in self._journaled:
                self._steps.end(step, record.at)
        elif record.kind in _FAILED:
            self._steps.end(step, record.at, failed=True)
        elif record.kind == "step.retrying":
            self._steps.retry(step)
        elif record.kind == "progress":
            self._progress(step, record)

    def _progress(self, step: str, record: JobEvent) -> None:
        done, total = record.data.get("done"), record.data.get("total")
        if isinstance(done, int | float) and isinstance(total, int | float) and total > 0:
            done = done / total
        if isinstance(done, int | float):
            self._steps.row(step).progress = min(max(float(done), 0.0), 1.0)
