"""People at a simulated cluster: they cancel by force, and retry and fork what has ended."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

from ...engine.cancelling import Asked, command
from ...engine.forking import fork_job
from ...engine.retrying import check_retry
from ...errors import ForkError, RetryError
from ...stores.base import Command, JobRow, Store
from .fate import Fate
from .judge import now
from .ledger import Ledger
from .process import ProcessIds

#: Of the numbers that processes have, one that none has.
_NUMBER: Final = 999
#: Milliseconds of the grace times that are asked for; None: as the worker has it.
_GRACES: Final = (None, None, 0, 20, 500)


class World(Protocol):
    """The cluster, as operators see it; see ``world.py``."""

    seed: int
    fate: Fate
    ledger: Ledger

    @property
    def raw(self) -> Store: ...  # noqa: D102 - see Cluster
    def at(self, seconds: float, action: Callable[[], None]) -> None: ...  # noqa: D102
    def note(self, who: str, text: str) -> None: ...  # noqa: D102


class Operators:
    """What they do is drawn from the seed, and bounded."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._ids = ProcessIds(world.seed * 1_000 + _NUMBER, "operator")
        #: Jobs that were submitted, and the ends that were looked at.
        self._jobs: set[str] = set()
        self._seen: set[tuple[str, int]] = set()
        self._asked = 0
        #: How many things somebody is about to do, and the jobs that were asked to go on.
        self._about = 0
        self._retried: set[str] = set()

    @property
    def busy(self) -> bool:
        """Whether somebody is about to do something, or to be heard."""
        for job in sorted(self._retried):
            loaded = now(self._world.raw.load(job))
            if loaded is None or not any(row.kind == "retry" for row in loaded.inbox):
                self._retried.discard(job)
        return self._about > 0 or bool(self._retried)

    def cares(self, job: str) -> None:
        """A job that one of them may go at when it has ended; forks and children are left alone."""
        self._jobs.add(job)

    def cancel(self, job: str, id_: str) -> Command:
        """A cancel with some grace time; where it is by force, perhaps followed by another one."""
        chance = self._world.fate.operator
        grace, force = chance.choice(_GRACES), chance.random() < 0.2
        if force:
            self._later(chance.choice((0.05, 1.0)), lambda: self._force(job, f"{id_} again"))
        return command(job, Asked("as asked", 0 if force else grace, force), id_)

    def _force(self, job: str, id_: str) -> None:
        (outcome,) = now(self._world.raw.post([command(job, Asked("as asked", 0, True), id_)]))
        self._world.note("operator", f"forces {job}: {outcome}")

    def look(self, row: JobRow) -> None:
        """A job has ended: perhaps one of them does something about it."""
        world = self._world
        end = (row.id, row.seq)
        if row.id not in self._jobs or end in self._seen:
            return
        self._seen.add(end)
        chance = world.fate.operator
        if not world.fate.actions or chance.random() < 0.4:
            return
        world.fate.actions -= 1
        soon = chance.choice((0.0, 0.02, 0.4))
        if row.status == "Failed" and chance.random() < 0.7:
            self._later(soon, lambda: self._retry(row.id))
        else:
            position = chance.randrange(1, row.seq)
            self._later(soon, lambda: self._fork(row.id, position))

    def _later(self, seconds: float, action: Callable[[], None]) -> None:
        self._about += 1

        def act() -> None:
            self._about -= 1
            action()

        self._world.at(seconds, act)

    def _retry(self, job: str) -> None:
        world = self._world
        try:
            now(check_retry(world.raw, job))
        except RetryError as exc:
            world.note("operator", f"does not retry {job}: {exc}")
            return
        self._asked += 1
        asked = Command(job, "retry", id=f"retry {self._asked}")
        outcomes = [now(world.raw.post([asked])) for _ in range(world.fate.operator.choice((1, 2)))]
        self._retried.add(job)
        world.note("operator", f"retries {job}: {outcomes}")

    def _fork(self, job: str, position: int) -> None:
        world = self._world
        try:
            row = now(fork_job(world.raw, self._ids, job, position, None, None, None))
        except ForkError as exc:
            world.note("operator", f"does not fork {job} at {position}: {exc}")
            return
        world.note("operator", f"forks {job} at {position}: {row.id}")
