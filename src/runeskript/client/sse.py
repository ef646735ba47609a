"""Server-sent events, read from whatever pieces they come in (WHATWG HTML, section 9.2)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from ..errors import ServiceError

#: Bytes of one event: the largest value that a journal holds takes fewer.
MOST: Final = 256 * 1024 * 1024


class Event(NamedTuple):
    """One event; ``id`` is that of the last event that had one."""

    id: str
    kind: str
    data: bytes


class Events:
    """A parser: bytes in, events out. ``id``: where the stream stands, to be taken up from there;
    ``alive``: whether anything has come that says that the service goes on with it.
    """

    def __init__(self, id_: str | None = None) -> None:
        self.id = id_
        self.alive = False
        self._rest = b""
        self._id = id_
        self._kind = ""
        self._data: list[bytes] = []
        self._size = 0

    def feed(self, piece: bytes) -> Iterator[Event]:
        """The events that are complete by now. Raises ServiceError where one is too large."""
        lines = (self._rest + piece).split(b"\n")
        self._rest = lines.pop()
        self._size += len(piece)
        if self._size > MOST:
            raise ServiceError("an event of the stream is larger than any the service sends")
        for line in lines:
            line = line.removesuffix(b"\r")
            if line:
                self._line(line)
                continue
            found = self._complete()
            if found is not None:
                yield found

    def _line(self, line: bytes) -> None:
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"id" and b"\0" not in value:
            self._id = value.decode("utf-8", "replace")
        elif name == b"event":
            self._kind = value.decode("utf-8", "replace")
        elif name == b"data":
            self._data.append(value)
            self.alive = True
        elif not name:
            self.alive = True

    def _complete(self) -> Event | None:
        """An empty line: where there is no data it only says where the stream stands."""
        self.id, self._size = self._id, len(self._rest)
        data, kind = self._data, self._kind
        self._data, self._kind = [], ""
        return Event(self.id or "", kind or "message", b"\n".join(data)) if data else None
