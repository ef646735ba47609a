"""``NamedTuple`` that costs a start a third of what ``typing.NamedTuple`` does, and whose
``_replace`` is two to three times as fast.

That one compiles the annotation of every field to look for forward references; some sixty classes
with their two hundred fields made it a thirtieth of what ``rune run`` costs. Nobody reads these
annotations but the type checker, which is told that this is the class it knows.
"""

from __future__ import annotations

import collections
from typing import TYPE_CHECKING, Any

__all__ = ["NamedTuple"]

if TYPE_CHECKING:
    from typing import NamedTuple
else:

    def _replacing(made: Any) -> Any:
        """``_replace`` that takes time for the fields that change; that of the library asks for
        each field whether it does.
        """
        places = {field: place for place, field in enumerate(made._fields)}
        make = tuple.__new__

        def _replace(self: Any, /, **changes: Any) -> Any:
            fields = list(self)
            try:
                for field, value in changes.items():
                    fields[places[field]] = value
            except KeyError:
                unknown = [field for field in changes if field not in places]
                raise ValueError(f"Got unexpected field names: {unknown!r}") from None
            return make(type(self), fields)

        return _replace

    class _Meta(type):
        """Makes a named tuple of a class statement, as ``typing.NamedTupleMeta`` does."""

        def __new__(mcs, name: str, bases: tuple[type, ...], body: dict[str, Any]) -> type:
            fields = body.get("__annotations__", {})
            if not bases:
                return super().__new__(mcs, name, bases, body)
            defaults = [body.pop(field) for field in fields if field in body]
            made = collections.namedtuple(
                name, fields, defaults=defaults, module=body["__module__"]
            )
            made.__annotations__ = fields
            made._replace = _replacing(made)
            for key, value in body.items():
                if key not in ("__module__", "__annotations__", "__qualname__"):
                    setattr(made, key, value)
            made.__qualname__ = body["__qualname__"]
            return made

    class NamedTuple(metaclass=_Meta):
        """Stands for ``typing.NamedTuple``."""
