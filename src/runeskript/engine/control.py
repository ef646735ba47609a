"""What a runtime is told about jobs that are there: cancel, pause, resume, messages, export."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ..errors import EraseError, JobNotFoundError
from ..stores.base import Command, OnConflict, PostOutcome
from . import requests
from .cancelling import asked_for, command
from .ids import Ids
from .jobs import Job, job_of
from .recovery import Recovery
from .scheduling import Scheduling
from .sending import Answer, EventFor, who_asks
from .skripts import Skripts
from .submissions import Submission
from .submitting import Submitting

if TYPE_CHECKING:
    pass


class Control(Scheduling):
    """The part of ``Runtime`` that reaches jobs by their ids, whoever runs them."""

    _ids: Ids
    _recovery: Recovery
    _skripts: Skripts

    @abstractmethod
    def _submitter(self) -> Submitting:
        """Who creates its jobs. Raises RuntimeClosedError."""

    async def create_job(
        self,
        data: object = None,
        *,
        key: str | None = None,
        labels: Mapping[str, str] | None = None,
        tenant: str = "",
        priority: int = 0,
        on_conflict: OnConflict = "return",
    ) -> Job:
        """Create a bare job: it runs nothing, has ``data`` (an object), and is moved by others,
        through :meth:`send` and :meth:`set_state`, from Pending on.

        The other options as those of :meth:`submit_job`. Raises RuntimeOptionError,
        JobExistsError.
        """
        item = Submission(
            None, data, key=key, labels=labels, on_conflict=on_conflict, priority=priority,
            tenant=tenant,
        )  # fmt: skip
        return job_of((await self._submitter().one(item)).row)

    async def cancel_job(
        self,
        id: str,  # noqa: A002 - it is one
        reason: str = "",
        *,
        grace: str | int | None = None,
        force: bool = False,
        actor: str | None = None,
        roles: Sequence[str] = (),
    ) -> Job:
        """Ask a job to end as Cancelled, through its ``finally`` blocks and undos.

        ``grace``: how long its calls and children that were asked to stop have to end (``"10s"``,
        or milliseconds); then they are given up. None: as long as the runtime says that runs it.
        ``force``: what is under way in ``finally`` and ``undo`` blocks is given up, too, at once or
        after ``grace``; each time it is asked for, once. ``actor``, ``roles``: who asks, for the
        journal of a bare job.

        Returns at once; a job that has ended stays as it is. Raises JobNotFoundError,
        RuntimeOptionError.
        """
        driver = self._running()
        asked = asked_for(str(reason), grace, force)
        await driver.post(command(id, asked, who=who_asks(actor, roles)))
        return await self._told(id)

    async def send(
        self,
        id: str,  # noqa: A002 - it is one
        event: str,
        data: object = None,
        *,
        actor: str | None = None,
        roles: Sequence[str] = (),
        why: str | None = None,
        event_id: str | None = None,
        if_version: int | None = None,
    ) -> Job:
        """Fire an event at a machine's or a bare job, and wait until it was its turn; the job as it
        is then.

        ``actor``, ``roles``: who fires it, and what they are; without an actor it is this process,
        which may fire everything. ``why``: a word for the journal. ``event_id``: of equal ones only
        the first counts. A machine's job that is paused takes the event when it goes on.
        ``if_version``: only if that is the job's version when it is its turn, and nothing that came
        before is still to be dealt with: of several for one version exactly one counts.

        ``data`` of a bare job: merged into the job's, as a JSON Merge Patch (RFC 7396).

        Raises TransitionRefusedError where the state does not take it or no guard holds,
        TransitionForbiddenError where the actor has no role that may, TransitionFailedError where
        the action failed, VersionMismatchError, JobNotFoundError, NoMachineError,
        RuntimeOptionError.
        """
        one = EventFor(id, event, data, actor, roles, why, event_id, if_version)
        (answer,) = await self.send_many([one])
        if answer.error is not None:
            raise answer.error
        return await self.get_job(id)

    async def set_state(
        self,
        id: str,  # noqa: A002 - it is one
        state: str,
        data: object = None,
        *,
        actor: str | None = None,
        roles: Sequence[str] = (),
        why: str | None = None,
        event_id: str | None = None,
        if_version: int | None = None,
    ) -> Job:
        """Bring a job to a state: fire the event of the first transition of its present state, in
        the order of the machine, that leads there and that the actor may fire. Transitions of the
        same event to other states are not taken. The rest as :meth:`send`.

        Of a job that runs a skript ``Cancelled``, ``Suspended`` and ``Running`` ask for a cancel, a
        pause, a resume or a retry, and it returns at once; without data and version.

        Raises what ``send`` raises; where no transition leads there TransitionRefusedError, whose
        ``allowed`` are states.
        """
        from .setting import set_state

        self._running()
        one = EventFor(id, "", data, actor, roles, why, event_id, if_version, state)
        await set_state(self, self._store, self._skripts, one)
        return await self.get_job(id)

    async def send_many(self, events: Sequence[EventFor]) -> list[Answer]:
        """Fire events at machines' jobs in one go, and wait until each was its turn; what became of
        them, in their order. Those of one job are dealt with in their order, too.

        One that is refused, or whose job is not there, harms no other: its answer has the error
        that :meth:`send` would raise. Raises RuntimeOptionError where one of them is no event.
        """
        from .outcomes import send_all

        return await send_all(
            self._store, self._running(), self._recovery, self._skripts, self._ids, events
        )

    async def pause_job(
        self,
        id: str,  # noqa: A002 - it is one
        *,
        actor: str | None = None,
        roles: Sequence[str] = (),
    ) -> Job:
        """Ask a job to stand still at its next boundary: handlers that run come to their end and
        no further one begins; timers keep their due time. ``actor`` as for :meth:`cancel_job`.

        Raises JobNotFoundError.
        """
        await self._running().post(Command(id, "pause", who_asks(actor, roles)))
        return await self._told(id)

    async def _told(self, id_: str) -> Job:
        """The job behind a command; a bare one needs nobody who runs it."""
        job = await self.get_job(id_)
        if job.kind != "bare":
            return job
        await self._recovery.take_one(id_)
        return await self.get_job(id_)

    async def resume_job(
        self,
        id: str,  # noqa: A002 - it is one
        *,
        actor: str | None = None,
        roles: Sequence[str] = (),
    ) -> Job:
        """Go on with a job that stands still, paused or parked. Raises JobNotFoundError."""
        await self._running().post(Command(id, "resume", who_asks(actor, roles)))
        await self._recovery.take_one(id)
        return await self.get_job(id)

    async def retry_job(
        self,
        id: str,  # noqa: A002 - it is one
        *,
        actor: str | None = None,
        roles: Sequence[str] = (),
        command_id: str | None = None,
    ) -> Job:
        """Go on with a Failed job from its failed step: the call that failed is made again, with
        the same idempotency key and all of its attempts before it, by whoever has the handlers.
        ``command_id``: of equal ones only the first does anything.

        Raises JobNotFoundError, NotAllowedError, and RetryError where the job has not failed, or
        its undos have run: then it can be forked.
        """
        from .retrying import check_retry

        driver = self._running()
        await check_retry(self._store, id)
        await self._permit(id)
        await driver.post(Command(id, "retry", who_asks(actor, roles), command_id))
        await self._recovery.take_one(id)
        return await self.get_job(id)

    async def fork_job(
        self,
        id: str,  # noqa: A002 - it is one
        *,
        at: int,
        variables: Mapping[str, object] | None = None,
        key: str | None = None,
        labels: Mapping[str, str] | None = None,
        start: bool = True,
        hold: bool = False,
        new_id: str | None = None,
    ) -> Job:
        """A new job that goes on from behind the first ``at`` events of another one's journal.

        What was done up to there is taken over and not done again; from there on its calls have
        idempotency keys of their own. ``variables``: those of the main flow to be set anew.
        ``labels`` come on top of the other's. ``start`` False: it is only stored; ``hold``: nobody
        goes on with it before :meth:`resume_job`. ``new_id``: of equal ones only the first makes a
        job. Raises JobNotFoundError, JobExistsError, ForkError, NotAllowedError,
        RuntimeOptionError.
        """
        from .forking import fork_job

        self._running()
        await self._permit(id)
        row = await fork_job(
            self._store, self._ids, id, at, variables, key, labels, new_id, hold=hold
        )
        if start and not hold:
            await self._recovery.take_one(row.id)
        return await self.get_job(row.id)

    async def _permit(self, id_: str) -> None:
        """Refuse to go on with a job that may not use what it names. Raises NotAllowedError."""
        if self._skripts.rights is not None:
            await self._skripts.admit((await self._store.get([id_]))[0])

    async def erase_job(self, id: str, *, dry_run: bool = False) -> list[str]:  # noqa: A002
        """Erase what a job that has ended was given, did and gave, for good, and the same of its
        children and of what told of its failure, which have copies: of all of them or of none.

        ``dry_run``: nothing is done. The ids of the jobs, its own last. Raises JobNotFoundError,
        and EraseError where one of them has not ended.
        """
        from .erasing import erase_job

        self._running()
        found = await erase_job(self._store, id, dry=dry_run)
        for one in found:
            if one.outcome == "unknown" and one.job == id:
                raise JobNotFoundError(f"no job has the id {id}")
            if one.outcome == "unfinished":
                raise EraseError(f"job {one.by or one.job} has not ended, so it cannot be erased")
        return [one.job for one in found]

    async def complete_call(self, token: str, result: object = None) -> PostOutcome:
        """Give a call its result whose handler returned ``ctx.pending()``; ``token`` is that of
        its context.

        ``accepted`` (it is durable; a call that nobody waits for any more takes nothing), or
        ``duplicate`` where it was completed or failed before. Raises CompletionError where it is
        no token, or the job is gone or has ended, RuntimeOptionError for what is no value.
        """
        from . import completing

        return await self._complete(completing.completed(token, result))

    async def fail_call(
        self,
        token: str,
        message: str = "",
        *,
        type: str = "external",  # noqa: A002 - the language's word
        data: object = None,
        retryable: bool = False,
    ) -> PostOutcome:
        """Fail such a call with a typed error, which its ``retry`` and ``catch`` see."""
        from . import completing

        return await self._complete(completing.failed(token, type, message, data, retryable))

    async def _complete(self, command: Command) -> PostOutcome:
        from . import completing

        outcome = completing.known(await self._running().post(command))
        if outcome == "accepted":
            await self._recovery.take_one(command.job)
        return outcome

    async def export_job(self, id: str) -> bytes:  # noqa: A002 - it is one
        """A job with its Blueprint and its whole journal as the bytes of one file, which
        ``rune replay`` steps through. What the store had sealed is in the open there.

        Raises JobNotFoundError, StoreError (RUNE-7011 where its first events were pruned).
        """
        self._running()
        from .exporting import export_job

        return await export_job(self._store, id)

    # --- messages -------------------------------------------------------------------------------
    async def signal(
        self,
        topic: str,
        *,
        key: object = None,
        data: object = None,
        id: str | None = None,  # noqa: A002 - it is one
        keep: str | int = 0,
        job: str | None = None,
        tenant: str = "",
        remember: int = 0,
    ) -> PostOutcome:
        """Send a message to who of a tenant listens to (topic, key), or to the listeners of one of
        its jobs.

        ``keep``: how long it waits for a listener (``"24h"``, or milliseconds), and how long
        another one with the same ``id`` is a ``duplicate``. ``remember``: milliseconds for which
        it is one where the message is not kept. Raises JobNotFoundError where ``job``
        is not alive, RuntimeOptionError for data that is no value.
        """
        driver = self._running()
        name = self._ids.message_id() if id is None else requests.name(id, "the id of a message")
        message = requests.message(name, topic, key, data, keep, job, requests.tenant(tenant))
        outcome = await driver.post(message._replace(remember=remember))
        if outcome == "unknown":
            raise JobNotFoundError(f"no job that is alive has the id {job}")
        return outcome
