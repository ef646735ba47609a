"""``rune jobs send``: fire an event at a machine's job, and say what became of it.

The event is in the store before anybody decides. A worker that runs the job does; where none does,
and the machine calls no handlers of one's own, this process.
"""

from __future__ import annotations

import asyncio
from argparse import Namespace
from typing import Any

from ..engine.handlers.durations import milliseconds
from ..engine.ids import SystemIds
from ..engine.jobs import Job
from ..engine.runtime import Runtime
from ..engine.sending import EventFor, event_command
from ..errors import TransitionRefusedError
from ..stores import Store
from . import terminal
from .jobs_shown import say
from .usage import UsageError


async def send(store: Store, args: Namespace, as_json: bool, data: Any) -> None:
    """Send it. Raises what ``Runtime.send`` does."""
    id_, event = args.words
    try:
        seconds = milliseconds(args.wait) / 1000
    except ValueError as exc:
        raise UsageError(f"--wait {args.wait}: {exc}") from None
    if args.role and args.actor is None:
        raise UsageError("--role says what --actor is: write both")
    number = SystemIds().message_id() if args.id is None else args.id
    job: Job | None = None
    async with Runtime(store=store) as runtime:
        try:
            async with asyncio.timeout(seconds):
                job = await runtime.send(
                    id_,
                    event,
                    data,
                    actor=args.actor,
                    roles=args.role,
                    why=args.reason or None,
                    event_id=number,
                    if_version=args.if_version,
                )
        except TimeoutError:
            # It may not have come as far as the store: of two with one id only one counts.
            why, version = args.reason or None, args.if_version
            one = EventFor(id_, event, data, args.actor, args.role, why, number, version)
            await store.post([event_command(one, number)])
        except TransitionRefusedError as refused:
            if refused.allowed and not as_json:
                terminal.note(f"allowed here: {', '.join(refused.allowed)}")
            raise
    if as_json:
        found: dict[str, Any] = {"job": id_, "event": number, "outcome": "accepted"}
        if job is not None:
            found |= {"outcome": "done", "state": job.state, "status": job.status}
        terminal.say_json(found)
    elif job is None:
        terminal.note(f"accepted: event {number} waits for a worker that runs the job")
    else:
        say(job.state)
