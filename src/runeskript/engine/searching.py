"""Searching for jobs: what somebody asks for as a filter of the store, and pages of what it finds.

A cursor is a place in the order of creation, so what is created meanwhile moves no page. It is of
one filter: its last bytes are a hash of the filter and of the place.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Final, get_args

from ..errors import (
    InvalidCursorError,
    JobNotFoundError,
    NotAValueError,
    RuntimeOptionError,
)
from ..model.codec import encode
from ..model.events import Status
from ..model.limits import INT_MAX, TOPIC
from ..model.nearest import did_you_mean
from ..model.records import fields_of, record
from ..model.values import Value, is_text, normalise
from ..stores import Store
from ..stores.queries import JobFilter
from ..stores.rows import JobKind, JobRow
from . import requests
from .jobs import Job

#: Jobs of one page at most.
PAGE: Final = 1_000
#: Fields of a job's data that a filter may name.
FIELDS: Final = 100
#: Bytes of a cursor: the place, and the hash.
_PLACE: Final = 8
_HASH: Final = 16
#: Fields of a filter that are times.
_TIMES: Final = ("created_from", "created_before", "updated_from", "updated_before")
_CHOICES: Final = {"status": get_args(Status), "kind": get_args(JobKind)}


@record
class JobPage:
    """A page of jobs, newest first; ``cursor``: for the next one, None where this is the last."""

    jobs: tuple[Job, ...]
    cursor: str | None


def job_filter(given: Mapping[str, Any]) -> JobFilter:
    """The filter that fields with their values are. Raises RuntimeOptionError."""
    fields: dict[str, Any] = {}
    for name, value in given.items():
        if value is None:
            continue
        if name == "label":
            fields["labels"] = requests.labels(_mapping(name, value))
        elif name == "data":
            fields[name] = _data(_mapping(name, value))
        elif name in _TIMES:
            if type(value) is not int or not 0 <= value <= INT_MAX:
                raise RuntimeOptionError(f"{name} is a time in milliseconds since 1970 UTC")
            fields[name] = value
        elif name == "tenant":
            fields[name] = requests.tenant(value)
        elif name in _CHOICES:
            fields[name] = _choice(name, value, _CHOICES[name])
        else:
            fields[name] = _text(name, value)
    return JobFilter(**fields)


def _text(name: str, value: object) -> str:
    if not isinstance(value, str) or not is_text(value) or len(value) > TOPIC:
        raise RuntimeOptionError(f"{name} is a text of at most {TOPIC} characters")
    return value


def _choice(name: str, value: object, choices: tuple[str, ...]) -> str:
    text = _text(name, value)
    if text not in choices:
        hint = did_you_mean(text, choices)
        known = ", ".join(choices)
        raise RuntimeOptionError(f"{name} is one of {known}" + (f"; {hint}" if hint else ""))
    return text


def _mapping(name: str, value: object) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise RuntimeOptionError(f"{name} names what must be equal: it is a mapping")
    return value


def _data(given: Mapping[str, Any]) -> dict[str, Value]:
    if len(given) > FIELDS:
        raise RuntimeOptionError(f"data names at most {FIELDS} fields")
    try:
        return {_text("a path of data", path): normalise(value) for path, value in given.items()}
    except NotAValueError as exc:
        raise RuntimeOptionError(f"data is compared with values: {exc.message}") from None


def page_size(limit: object) -> int:
    """How many jobs a page has. Raises RuntimeOptionError."""
    if type(limit) is not int or not 1 <= limit <= PAGE:
        raise RuntimeOptionError(f"limit is a number from 1 to {PAGE:,}")
    return limit


async def search(
    store: Store, given: Mapping[str, Any], limit: int, cursor: str | None, after: str | None = None
) -> tuple[list[JobRow], str | None]:
    """A page of the jobs that fit, and the cursor of the next. ``after``: a job to begin behind, in
    place of a cursor. Raises InvalidCursorError, RuntimeOptionError, JobNotFoundError.
    """
    wanted, size = job_filter(given), page_size(limit)
    place = None if cursor is None else place_of(wanted, cursor)
    if after is not None:
        if cursor is not None:
            raise RuntimeOptionError("a page begins behind a job or at a cursor, one of the two")
        (last,) = await store.get([after])
        if last is None or wanted.tenant not in (None, last.tenant):
            raise JobNotFoundError(f"no job has the id {after}")
        place = str(last.number)
    rows, more = await store.query(wanted, place, size)
    return rows, None if more is None else cursor_of(wanted, more)


# --- cursors ------------------------------------------------------------------------------------
def cursor_of(wanted: JobFilter, place: str) -> str:
    """The cursor of a place in what a filter lists."""
    head = int(place).to_bytes(_PLACE, "big")
    return urlsafe_b64encode(head + _hash(wanted, head)).decode().rstrip("=")


def place_of(wanted: JobFilter, cursor: object) -> str:
    """The place that a cursor names. Raises InvalidCursorError for one of another filter, and for
    what is no cursor.
    """
    length = -(-(_PLACE + _HASH) * 4 // 3)
    if isinstance(cursor, str) and len(cursor) == length and cursor.isascii():
        try:
            data = urlsafe_b64decode(cursor + "=" * (-length % 4))
        except ValueError:
            data = b""
        head = data[:_PLACE]
        place = str(int.from_bytes(head, "big"))
        if int(place) <= INT_MAX and data == head + _hash(wanted, head):
            return place
    raise InvalidCursorError("the cursor is none of this search; begin anew without one")


def _hash(wanted: JobFilter, head: bytes) -> bytes:
    fields: dict[str, Any] = {name: getattr(wanted, name) for name in fields_of(JobFilter)}
    for name in ("labels", "data"):
        fields[name] = [[key, fields[name][key]] for key in sorted(fields[name])]
    return sha256(b"cursor" + head + encode(fields)).digest()[:_HASH]
