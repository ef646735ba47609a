"""Where a stream of events begins."""

from __future__ import annotations

from typing import Annotated, Final

from msgspec import Meta

from .base import Request

#: What an event of a stream is called; none is as good as the position before the first.
EVENT_ID: Final = "^[0-9]{0,18}$"
#: Of the feed also: what changes from now on.
FEED_ID: Final = "^([0-9]{0,18}|now)$"


class StreamQuery(Request, rename={"after": "last_event_id"}):
    """``last_event_id``: in place of the header, which browsers do not let one set."""

    after: Annotated[str, Meta(pattern=EVENT_ID)] | None = None


class FeedQuery(Request, rename={"after": "last_event_id"}):
    """``last_event_id``: in place of the header, which browsers do not let one set; ``now``: what
    changes from now on.
    """

    after: Annotated[str, Meta(pattern=FEED_ID)] | None = None
