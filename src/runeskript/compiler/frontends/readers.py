"""What reads the value of a key, by its row in the tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeAlias

from ...model.ast import Expr
from ..kinds import Key
from ..nodes import Map, Node, Scalar
from .allows import read_allows
from .fields import Fields
from .literals import Literals

#: Reads the value of a key: (node, pointer, name of the key).
Reader: TypeAlias = Callable[[Node, str, str], Any]
#: Texts that were read before, where nothing has to be said of them -> what they were read as; and
#: whether that is a ``Parsed``, of which every place makes an expression of its own.
Known: TypeAlias = tuple[Mapping[Any, Any], bool]
#: How objects of the same keys are read: for each key its name, the end of its pointer, what reads
#: its value, and what is known of values.
ByKey: TypeAlias = tuple[tuple[str, str, Reader, Mapping[Any, Any], bool], ...]
#: The same for kinds of which the row says more: (row, node, pointer).
RowReader: TypeAlias = Callable[[Key, Node, str], Any]
_new: Final = object.__new__


class Readers:
    """The readers of one document."""

    def __init__(
        self,
        fields: Fields,
        literals: Literals,
        others: Mapping[str, Reader],
        others_by_row: Mapping[str, RowReader],
    ) -> None:
        """``others``: the readers of kinds that hold steps, and of their parts."""
        self._fields = f = fields
        lit = literals
        #: Kind of a row -> how its value is read: from a node, its pointer and the key's name.
        self._readers: dict[str, Reader] = {
            "expr": f.expr,
            "template": f.template,
            "text": f.text,
            "switchable": lit.switchable,
            "duration": f.duration,
            "backoff": lit.backoff,
            "name": f.name,
            "target": f.target,
            "targets": lit.targets,
            "args": f.args,
            "limit": lit.limit,
            "join": lit.join,
            "schema": lit.schema,
            "literals": lit.literals,
            "handler": lambda node, at, _: f.label(node, at, "handler", "handler's name"),
            "skript": lit.skript,
            "queue": lambda node, at, _: f.label(node, at, "queue", "queue's name"),
            "errors": lit.error_types,
            "silences": lambda node, at, _: read_allows(f, node, at),
            **others,
        }
        self._row_readers: dict[str, RowReader] = {
            "word": lit.word,
            "count": lit.count,
            "nothing": lit.nothing,
            "flag": lit.flag,
            **others_by_row,
        }
        #: Kind of a row -> what is known of texts that stand for such a value.
        self._known: dict[str, Known] = {
            "expr": (f.bare, True),
            "template": (f.texts, True),
            "text": (f.wholly_text, True),
            "duration": (f.durations, True),
            "backoff": (lit.backoffs, False),
            "handler": (f.labels["handler"], False),
            "queue": (f.labels["queue"], False),
        }
        #: Identity of a row (there are as many as the language has keys) -> its reader.
        self._by_row: dict[int, Reader] = {}

    def of(self, row: Key) -> Reader:
        """What reads the value of the key that a row describes."""
        known = self._by_row.get(id(row))
        if known is None:
            known = self._by_row[id(row)] = self._bound(row)
        return known

    def by_key(self, rows: Mapping[str, Key], keys: Iterable[str]) -> ByKey:
        """How objects with these keys are read."""
        return tuple(
            [(key, f"/{key}", self.of(rows[key]), *self._known_of(rows[key])) for key in keys]
        )

    def values(self, node: Map, by_key: ByKey, pointer: str) -> dict[str, Any]:
        """What the values of an object say, the keys of which were seen before.

        Most are texts, and most of these were seen before too: what is known to be right need not
        be looked at by its reader.
        """
        entries, places = node.entries, self._fields.places
        values: dict[str, Any] = {}
        for key, end, reader, known, is_parsed in by_key:
            child = entries[key]
            found = known.get(child.value) if type(child) is Scalar else None
            if found is None:
                values[key] = reader(child, pointer + end, key)
            elif is_parsed:
                made: Any = _new(Expr)  # as `Expressions._at`, without the call
                made.ir = found.ir
                made.parsed = found
                made.later = places
                made.node = child
                made.at = pointer
                made.key = key
                values[key] = made
            else:
                values[key] = found
        return values

    def _known_of(self, row: Key) -> Known:
        if row.kind == "word":
            return {word: word for word in row.words}, False
        if row.name == "where":  # it has a local
            return {}, False
        return self._known.get(row.kind, ({}, False))

    def _bound(self, row: Key) -> Reader:
        if row.name == "where":
            return lambda node, at, name: self._fields.expr(node, at, name, ("event",))
        if row.kind in ("cron", "period", "zone"):
            from .schedule_values import schedule_readers  # most documents have none

            return schedule_readers(self._fields)[row.kind]
        if row.kind in ("state", "sources", "event", "roles"):
            from .machine_values import machine_readers  # most documents have none

            return machine_readers(self._fields)[row.kind]
        read = self._row_readers.get(row.kind)
        if read is not None:
            return lambda node, at, _: read(row, node, at)
        return self._readers[row.kind]
