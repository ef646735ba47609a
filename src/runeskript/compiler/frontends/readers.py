"""What reads the value of a key, by its row in the tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from ..kinds import Key
from ..nodes import Node
from .allows import read_allows
from .fields import Fields
from .literals import Literals

#: Reads the value of a key: (node, pointer, name of the key).
Reader: TypeAlias = Callable[[Node, str, str], Any]
#: How objects of the same keys are read: for each key its name, the end of its pointer, a reader.
ByKey: TypeAlias = tuple[tuple[str, str, Reader], ...]
#: The same for kinds of which the row says more: (row, node, pointer).
RowReader: TypeAlias = Callable[[Key, Node, str], Any]


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
        #: Identity of a row (there are as many as the language has keys) -> its reader.
        self._by_row: dict[int, Reader] = {}

    def of(self, row: Key) -> Reader:
        """What reads the value of the key that a row describes."""
        known = self._by_row.get(id(row))
        if known is None:
            known = self._by_row[id(row)] = self._bound(row)
        return known

    def _bound(self, row: Key) -> Reader:
        if row.name == "where":
            return lambda node, at, name: self._fields.expr(node, at, name, ("event",))
        if row.kind in ("cron", "period", "zone"):
            from .schedule_values import schedule_readers  # most documents have none

            return schedule_readers(self._fields)[row.kind]
        read = self._row_readers.get(row.kind)
        if read is not None:
            return lambda node, at, _: read(row, node, at)
        return self._readers[row.kind]
