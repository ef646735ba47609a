"""What a handler's context needs of the engine: the job it belongs to, and where reports go."""

from __future__ import annotations

from typing import Any, Protocol

from ...model.events import Path
from ...model.rows import NamedTuple


class Origin(NamedTuple):
    """The call that a job on a named queue makes: attempt ``attempt`` of call ``n`` of a token of
    another job.
    """

    job: str
    path: Path
    n: int
    attempt: int


class Job(Protocol):
    """The job a call belongs to, as far as a context needs it."""

    id: str
    #: Whose call it makes, where it is the job of a call on a queue.
    called: Origin | None


class Sink(Protocol):
    """Where a context's reports go: the driver, or the parent process of a worker process."""

    @property
    def resources(self) -> dict[str, Any]: ...  # noqa: D102 - see HandlerContext.resources

    def progress(self, context: Any, done: float, total: float | None, message: str) -> None:
        """Pass a HandlerContext's report on; callable from any thread."""

    def masked(self, text: str) -> str:
        """The text without resolved secrets."""
