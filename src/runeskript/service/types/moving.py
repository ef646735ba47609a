"""Telling a job that is there what to do."""

from __future__ import annotations

from typing import Any, Literal

from .base import Duration, Long, Name, Request, Text, View


class Move(Request):
    """An event for a machine's or a bare job, or the state it is to be in: one of the two.

    ``id``: of equal ones only the first counts. ``why``: a word for the journal. ``wait``: how long
    the answer may wait for its turn.
    """

    event: Name | None = None
    state: Name | None = None
    data: Any = None
    why: Long | None = None
    id: Text | None = None
    wait: Duration = "10s"


class Cancel(Request):
    """``grace``: how long what is asked to stop has to end; ``force``: that of undos, too."""

    reason: Long = ""
    grace: Duration | None = None
    force: bool = False


class Erase(Request):
    """``dry``: only say which jobs it would be."""

    dry: bool = False


class Erasure(View):
    """What became of one job. ``by``: of ``unfinished`` that job which has not ended."""

    job: str
    outcome: Literal["erased", "unfinished", "unknown"]
    by: str | None


class Erased(View):
    """A job's parts and what told of its failure, which have copies of what it held; itself last.

    All of them are erased or, where one has not ended, none.
    """

    jobs: list[Erasure]
