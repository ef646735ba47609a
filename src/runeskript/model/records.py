"""``record`` and ``mutable``: slotted data classes that are cheap to define and to make.

``@dataclass(frozen=True, slots=True)`` generates and compiles six functions a class, half a
millisecond each time a process starts; over a hundred classes made that a tenth of what ``rune
run`` costs. Here equality, hash and repr are written once, and ``__init__`` is generated (by
``dataclass``, for its rules and its speed) when the first instance of a class is made, which most
runs never do for most classes. A record is frozen for the type checker (``dataclass_transform``),
which is who reads our code.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, TypeVar, dataclass_transform

_T = TypeVar("_T")

#: Where a class keeps its own annotations and defaults until ``__init__`` is generated.
_OWN: Final = "__record_own__"


def fields_of(cls: type[Any]) -> tuple[str, ...]:
    """The names of a record's fields, those of its bases first, in the order of ``__init__``."""
    names: tuple[str, ...] = cls.__match_args__
    return names


def _eq(self: Any, other: Any) -> bool:
    if type(self) is not type(other):
        return NotImplemented  # type: ignore[no-any-return]
    return all(getattr(self, f) == getattr(other, f) for f in self.__match_args__)


def _hash(self: Any) -> int:
    return hash((type(self), *[getattr(self, f) for f in self.__match_args__]))


def _repr(self: Any) -> str:
    shown = ", ".join(f"{f}={getattr(self, f)!r}" for f in self.__match_args__)
    return f"{type(self).__name__}({shown})"


def is_record(cls: type[Any]) -> bool:
    """Whether a class was made by ``record`` or ``mutable``."""
    return _OWN in cls.__dict__


class _Fields:
    """``__dataclass_fields__``, made when ``dataclasses`` asks (``fields``, ``replace``, ...)."""

    def __get__(self, instance: object, cls: type[Any]) -> Any:
        return getattr(_shadow(cls), "__dataclass_fields__")  # noqa: B009 - dataclass has set it


def _shadow(cls: type[Any]) -> type[Any]:
    """The plain dataclass with the fields of ``cls``, which knows their rules and defaults."""
    names: dict[str, Any] = {}
    defaults: dict[str, Any] = {}
    for base in reversed(cls.__mro__):
        if _OWN in base.__dict__:
            own, given = base.__dict__[_OWN]
            # No text is left for ``dataclass`` to search for ClassVar and InitVar.
            names |= dict.fromkeys(own, object)
            defaults |= given
    # A docstring keeps it from writing one, which takes as long as all the rest.
    body = {**defaults, "__annotations__": names, "__doc__": "Never seen."}
    made = type(cls.__name__, (), body)
    return dataclass(eq=False, repr=False, match_args=False)(made)


def _first_init(self: Any, *args: Any, **kwargs: Any) -> None:
    """Stands for ``__init__`` until the first call, which puts the generated one in its place."""
    owner: Any = next(cls for cls in type(self).__mro__ if _OWN in cls.__dict__)
    init: Any = vars(_shadow(owner))["__init__"]
    owner.__init__ = init
    init(self, *args, **kwargs)


def _define(cls: type[_T]) -> type[_T]:
    """The class anew, with slots for the fields it declares and ``__init__`` to come."""
    namespace = dict(cls.__dict__)
    own: dict[str, Any] = namespace.get("__annotations__", {})
    inherited = [name for base in cls.__bases__ for name in getattr(base, "__match_args__", ())]
    # A default would stand where the slot has to; the generated ``__init__`` knows it.
    defaults = {name: namespace.pop(name) for name in own if name in namespace}
    for name in ("__dict__", "__weakref__"):
        namespace.pop(name, None)
    namespace["__slots__"] = tuple(name for name in own if name not in inherited)
    namespace["__match_args__"] = tuple(dict.fromkeys([*inherited, *own]))
    namespace["__init__"] = _first_init
    namespace["__repr__"] = namespace.get("__repr__", _repr)
    namespace["__dataclass_fields__"] = _Fields()
    namespace[_OWN] = (own, defaults)
    made: type[_T] = type(cls.__name__, cls.__bases__, namespace)
    return made


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def record(cls: type[_T]) -> type[_T]:
    """Make a class a record: slots, ``__init__`` from its annotations, equality by value."""
    made = _define(cls)
    made.__eq__ = _eq  # type: ignore[method-assign]
    made.__hash__ = _hash  # type: ignore[method-assign]
    return made


@dataclass_transform(field_specifiers=(field,))
def mutable(cls: type[_T]) -> type[_T]:
    """A slotted class with only a generated ``__init__``; compared by identity."""
    return _define(cls)
