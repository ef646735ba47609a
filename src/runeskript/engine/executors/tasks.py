"""Mode ``async``: handlers on the event loop, without a task per call.

A pool of *worker* tasks does two things, in turns: a tick of the driver, and the handlers that the
tick let out. The worker that takes a ticket awaits the handler itself. A handler that never
suspends is over when the await returns: no task was made and the event loop was not involved. If
it suspends, the worker simply stays with it: from its first step on it *is* the handler's task, so
``asyncio.timeout``, ``TaskGroup``, ``current_task`` and anyio's scopes work; another worker goes
on with the queue.

How the pool learns of it: whenever a handler is about to run there is a ``call_soon`` of ``_look``
under way. The event loop can only come to it when the worker has suspended, and it comes to it
before it can resume that worker. So it finds exactly the handlers that suspended, and this costs
those that do not suspend nothing.

A worker's context is compared after every handler and a worker whose context was changed is
retired, so no handler sees another's context variables. A worker is cancelled only while its
handler is suspended, and the cancels are undone (``Task.uncancel``) when the handler ends; a worker
with any other cancel on it is retired too.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
from collections import deque
from time import monotonic
from types import coroutine
from typing import Any, Final, Protocol

from ...errors import NotAValueError
from ...model.events import CallDone, CallOut
from ...model.values import Value, normalise
from ..handlers.context import HandlerContext
from ..handlers.failures import failure, failure_of, result_failure
from ..secrets import open_params
from .base import Call, CallJob, Host, Lane, Ticket, begin, take, wanted
