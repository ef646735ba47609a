"""``rune jobs send``: fire an event at a machine's job in a store.

The event is in the store before anybody decides. A worker that runs the job does; where none does,
and the machine calls no handlers of one's own, this process.
"""

from __future__ import annotations

import asyncio

from ..engine.runtime import Runtime
from ..engine.sending import EventFor, event_command
from ..stores import Store
from .jobs_words import Event


async def send(store: Store, event: Event) -> tuple[str, str] | None:
    """State and status then; None where it is only in the store so far.

    Raises what ``Runtime.send`` does.
    """
    async with Runtime(store=store) as runtime:
        try:
            async with asyncio.timeout(event.seconds):
                job = await runtime.send(
                    event.job,
                    event.name,
                    event.data,
                    actor=event.actor,
                    roles=event.roles,
                    why=event.why,
                    event_id=event.id,
                    if_version=event.version,
                )
        except TimeoutError:
            # It may not have come as far as the store: of two with one id only one counts.
            who = (event.actor, event.roles, event.why, event.id, event.version)
            one = EventFor(event.job, event.name, event.data, *who)
            await store.post([event_command(one, event.id)])
            return None
    return job.state, job.status
