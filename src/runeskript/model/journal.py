"""Events <-> values: the record format of journals (``versions.JOURNAL``).

A record is a list: kind number, then the event's fields in order. Paths are lists of ints, and so
are the indexes of a batch.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import itemgetter
from typing import Any, TypeAlias, get_type_hints

from ..errors import CodecError
from .events import EVENT_KINDS, KIND_OF, CallsDone, Event, MessageIn, Retried
from .values import Value

_PATH_FIELDS = {cls: tuple(cls._fields).index("path") for cls in KIND_OF if "path" in cls._fields}
_STOP_FIELDS = {cls: tuple(cls._fields).index("stop") for cls in KIND_OF if "stop" in cls._fields}
_INDEXES = CallsDone._fields.index("indexes")
_MESSAGE = MessageIn._fields.index("message")


def to_record(event: Event) -> list[Value]:
    """The journal record of an event."""
    cls = type(event)
    fields: list[Any] = list(event)
    if cls in _PATH_FIELDS:
        fields[_PATH_FIELDS[cls]] = list(fields[_PATH_FIELDS[cls]])
    if cls is CallsDone:
        fields[_INDEXES] = list(fields[_INDEXES])
    if cls in _STOP_FIELDS:
        stop = fields[_STOP_FIELDS[cls]]
        fields[_STOP_FIELDS[cls]] = None if stop is None else [list(stop[0]), stop[1]]
    return [KIND_OF[cls], *fields]


def _path(value: object) -> tuple[int, ...]:
    if value == []:
        return ()  # the root's, which most are
    if not isinstance(value, list) or not all(type(i) is int for i in value):
        raise CodecError("journal record: a token path is a list of integers")
    return tuple(value)


def _kinds(cls: type[Any]) -> list[tuple[int, str, type]]:
    """Which fields have to be of which type: position, name, type. Others are any value."""
    found: list[tuple[int, str, type]] = []
    hints = get_type_hints(cls)
    for position, name in enumerate(cls._fields):
        if hints[name] in (int, str):
            found.append((position, name, hints[name]))
        elif name in ("env", "job", "message", "variables"):
            found.append((position, name, dict))
    return found


#: The same one by one and together: what takes the fields out, and the types they have to be of.
_Known: TypeAlias = tuple[
    list[tuple[int, str, type]], Callable[[list[Any]], tuple[Any, ...]], tuple[type, ...]
]
#: Those of the kinds that were met: evaluating them takes longer than the import.
_known: dict[type[Any], _Known] = {}


def _look_at(cls: type[Any]) -> _Known:
    kinds = _kinds(cls)
    twice = kinds if len(kinds) > 1 else kinds * 2  # of one ``itemgetter`` makes no tuple
    take = itemgetter(*[position for position, _, _ in twice])
    return kinds, take, tuple([kind for _, _, kind in twice])


def _refuse(name: str, kind: type) -> None:
    what = "an object" if kind is dict else kind.__name__
    raise CodecError(f"journal record: {name} must be {what}")


def from_record(record: object) -> Event:
    """The event of a journal record; raises CodecError where it is malformed."""
    if not isinstance(record, list) or not record or type(record[0]) is not int:
        raise CodecError("journal record: not a list that begins with its kind")
    cls = EVENT_KINDS.get(record[0])
    if cls is None:
        raise CodecError(f"journal record: unknown kind {record[0]}")
    fields: list[Any] = list(record[1:])
    names = cls._fields
    if cls is Retried and len(fields) == len(names) - 1:
        fields.append(0)  # of before there was a floor
    if len(fields) != len(names):
        raise CodecError(f"journal record: {cls.__name__} has {len(names)} fields")
    if cls in _PATH_FIELDS:
        fields[_PATH_FIELDS[cls]] = _path(fields[_PATH_FIELDS[cls]])
    if cls is CallsDone:
        indexes, results = fields[_INDEXES], fields[_INDEXES + 1]
        if not isinstance(results, list) or not isinstance(indexes, list):
            raise CodecError("journal record: a batch has a list of indexes and one of results")
        if len(indexes) != len(results) or not all(type(i) is int for i in indexes):
            raise CodecError("journal record: a batch has an index for each result")
        fields[_INDEXES] = tuple(indexes)
    if cls in _STOP_FIELDS and (stop := fields[_STOP_FIELDS[cls]]) is not None:
        if not isinstance(stop, list) or len(stop) != 2 or type(stop[1]) is not int:
            raise CodecError("journal record: stop is [path, turns]")
        fields[_STOP_FIELDS[cls]] = (_path(stop[0]), stop[1])
    known = _known.get(cls)
    if known is None:
        known = _known[cls] = _look_at(cls)
    # Field types of a record from an untrusted place; containers are values already.
    kinds, take, expected = known
    if tuple(map(type, take(fields))) != expected:
        for position, name, kind in kinds:
            if type(fields[position]) is not kind:
                _refuse(name, kind)
    if cls is MessageIn and "data" not in fields[_MESSAGE]:
        raise CodecError("journal record: message must be an object with data")
    event: Event = tuple.__new__(cls, fields)  # half the cost of the class's own constructor
    return event
