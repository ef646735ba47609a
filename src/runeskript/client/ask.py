"""What a method of the client asks for, before anything is sent."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, Generic, NamedTuple, TypeVar
from urllib.parse import quote, urlencode

import msgspec

from ..errors import RuntimeOptionError
from ..service.routes import BY_NAME, BYTES, METRICS, Route
from ..service.types import Request

T = TypeVar("T")
P = TypeVar("P")

_encode: Final = msgspec.json.Encoder().encode


class Ask(Generic[T]):
    """One request: the route, what stands in its path and query, its body, the type of its answer.

    ``key``: the idempotency key of a change, None: the client makes one. ``headers``: further ones.
    ``told``: the answer is (its status, what it says). ``waits``: seconds that the service may wait
    before it answers.
    """

    def __init__(
        self,
        name: str,
        answer: Any,
        params: Mapping[str, str] | None = None,
        *,
        query: Request | None = None,
        body: Any = msgspec.UNSET,
        key: str | None = None,
        headers: Mapping[str, str] | None = None,
        told: bool = False,
        waits: float = 0.0,
    ) -> None:
        self.told = told
        self.waits = waits
        self.route: Route = BY_NAME[name]
        self.answer = answer
        self.params = dict(params or {})
        self.query = query
        self.body = body
        self.key = key
        self.headers = dict(headers or {})

    def target(self) -> str:
        """Path and query, encoded."""
        path = self.route.path
        for name in self.route.parameters:
            path = path.replace(f"{{{name}}}", _segment(self.params[name]))
        words = list(_words(self.query))
        return f"{path}?{urlencode(words)}" if words else path

    def payload(self) -> bytes | None:
        """The body. Raises RuntimeOptionError for what JSON cannot hold."""
        if self.body is msgspec.UNSET:
            return None
        try:
            return _encode(self.body)
        except (TypeError, ValueError, RecursionError, OverflowError) as exc:
            raise RuntimeOptionError(f"what is to be sent is not JSON: {exc}") from None

    @property
    def accepts(self) -> str:
        """What the answer is."""
        return self.answer if self.answer in (BYTES, METRICS) else "application/json"


class Paged(Generic[P, T]):
    """Rows that come page by page: ``first`` asks for one, behind a cursor."""

    def __init__(
        self,
        page: Callable[[Any], Ask[P]],
        rows: Callable[[P], list[T]],
        following: Callable[[P], Any],
        start: Any = None,
    ) -> None:
        self.page = page
        self.rows = rows
        self.following = following
        self.start = start


class Streamed(Generic[T]):
    """Events that come as they happen, from behind the event with id ``after`` on.

    ``begins``: told first, when whatever happens from then on will be. ``read`` makes of (id, kind,
    data) what is told, or None for what is no event of the stream; ``ends``: whether an event of
    this kind is the last.
    """

    def __init__(
        self,
        ask: Ask[Any],
        read: Callable[[str, str, bytes], T | None],
        *,
        ends: str | None,
        after: str | None,
        begins: tuple[T, ...] = (),
    ) -> None:
        self.begins = begins
        self.ask = ask
        self.read = read
        self.ends = ends
        self.after = after


class Reply(NamedTuple):
    """What came back; headers by lower-case name."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def _segment(text: str) -> str:
    """One segment of a path: whatever it holds, it stays one."""
    if not isinstance(text, str):
        raise RuntimeOptionError(f"an id or a name is a text, not {type(text).__name__}")
    try:
        found = quote(text, safe="")
    except UnicodeEncodeError:
        raise RuntimeOptionError(f"{text!r} is no text that can be sent") from None
    return found.replace(".", "%2E") if text in (".", "..") else found


def _words(query: Request | None) -> Iterator[tuple[str, str]]:
    """The parts of a query that say something."""
    if query is None:
        return
    for field in msgspec.structs.fields(query):
        value = getattr(query, field.name)
        for one in value if isinstance(value, list) else () if value is None else (value,):
            yield field.encode_name, one if isinstance(one, str) else str(one)
