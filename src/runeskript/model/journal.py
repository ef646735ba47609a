"""Events <-> values: the record format of journals (``versions.JOURNAL``).

A record is a list: kind number, then the event's fields in order. Paths are lists of ints, and so
are the indexes of a batch.
"""

from __future__ import annotations

from typing import Any, get_type_hints

from ..errors import CodecError
from .events import EVENT_KINDS, KIND_OF, CallsDone, Event
from .values import Value

_PATH_FIELDS = {cls: tuple(cls._fields).index("path") for cls in KIND_OF if "path" in cls._fields}
_STOP_FIELDS = {cls: tuple(cls._fields).index("stop") for cls in KIND_OF if "stop" in cls._fields}
_INDEXES = CallsDone._fields.index("indexes")


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
    if not isinstance(value, list) or not all(type(i) is int for i in value):
        raise CodecError("journal record: a token path is a list of integers")
    return tuple(value)


def _check(name: str, hint: Any, value: object) -> None:
    """Field types of a record from an untrusted place; containers are values already."""
    kinds: dict[Any, tuple[type, ...]] = {int: (int,), str: (str,)}
    if hint in kinds and (not isinstance(value, kinds[hint]) or isinstance(value, bool)):
        raise CodecError(f"journal record: {name} must be {hint.__name__}")
    if name in ("env", "job", "variables") and not isinstance(value, dict):
        raise CodecError(f"journal record: {name} must be an object")
    if name == "message" and not (isinstance(value, dict) and "data" in value):
        raise CodecError("journal record: message must be an object with data")


#: The types of the fields of kinds that were met: evaluating them takes longer than the import.
_hints: dict[Any, dict[str, Any]] = {}


def from_record(record: object) -> Event:
    """The event of a journal record; raises CodecError where it is malformed."""
    if not isinstance(record, list) or not record or type(record[0]) is not int:
        raise CodecError("journal record: not a list that begins with its kind")
    cls = EVENT_KINDS.get(record[0])
    if cls is None:
        raise CodecError(f"journal record: unknown kind {record[0]}")
    fields: list[Any] = list(record[1:])
    names = cls._fields
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
    hints = _hints.get(cls)
    if hints is None:
        hints = _hints[cls] = get_type_hints(cls)
    for name, value in zip(names, fields, strict=True):
        _check(name, hints.get(name), value)
    return cls(*fields)  # type: ignore[no-any-return]
