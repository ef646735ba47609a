"""What a memory store forgets when it is told to."""

from __future__ import annotations

from collections.abc import Callable

from ..queries import Record, RecordTable
from ..retention import BLOB_GRACE, Policy, Pruned
from .blobs import Blobs
from .jobs import Job, Jobs


class Pruning:
    """One application of a policy; ``done`` counts what went."""

    def __init__(self, policy: Policy, now: int) -> None:
        self._policy = policy
        self._now = now
        self.done = Pruned()

    def forget_jobs(self, jobs: Jobs, forget: Callable[[str], None]) -> None:
        """Jobs that ended too early, too many of them, or named ones."""
        policy = self._policy
        over = [job for job in jobs.by_id.values() if job.over]
        over.sort(key=lambda job: (job.row.updated_at, job.row.number), reverse=True)
        kept = 0
        for job in over:
            if job.row.id in policy.jobs or self._too_old(job):
                self._forget(job, forget)
                continue
            kept += 1
            if policy.keep is not None and kept > policy.keep:
                self._forget(job, forget)

    def _too_old(self, job: Job) -> bool:
        policy, row = self._policy, job.row
        if policy.ended_before is None or row.updated_at >= policy.ended_before:
            return False
        return policy.status in (None, row.status)

    def _forget(self, job: Job, forget: Callable[[str], None]) -> None:
        done = self.done
        self.done = done._replace(jobs=done.jobs + 1, events=done.events + len(job.journal))
        forget(job.row.id)

    def forget_events(self, jobs: Jobs) -> None:
        """Events that stand before a snapshot."""
        if not self._policy.journals:
            return
        gone = sum(job.forget_events() for job in jobs.by_id.values())
        self.done = self.done._replace(events=self.done.events + gone)

    def forget_records(self, records: dict[tuple[RecordTable, str], Record]) -> None:
        """Records that were put too early."""
        for key, record in list(records.items()):
            before = self._policy.records.get(key[0])
            if before is not None and record.at < before:
                del records[key]
                self.done = self.done._replace(records=self.done.records + 1)

    def forget_removals(self, jobs: Jobs) -> None:
        """From the feed: that jobs were removed."""
        before = self._policy.removals_before
        for number, at in list(jobs.removed.items()):
            if before is not None and at < before:
                jobs.forget_removal(number)
                self.done = self.done._replace(removals=self.done.removals + 1)

    def forget_blobs(
        self, blobs: Blobs, jobs: Jobs, records: dict[tuple[RecordTable, str], Record]
    ) -> None:
        """Blobs that nothing refers to."""
        roots = {job.row.blueprint for job in jobs.by_id.values()}
        for record in records.values():
            roots.update(record.blobs)
        count = blobs.forget_unused(roots, self._now - BLOB_GRACE)
        self.done = self.done._replace(blobs=count)
