"""``NamedTuple`` that costs a start a third of what ``typing.NamedTuple`` does.

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
            for key, value in body.items():
                if key not in ("__module__", "__annotations__", "__qualname__"):
                    setattr(made, key, value)
            made.__qualname__ = body["__qualname__"]
            return made

    class NamedTuple(metaclass=_Meta):
        """Stands for ``typing.NamedTuple``."""
