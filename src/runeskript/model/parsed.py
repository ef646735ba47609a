"""What the text of an expression was read as.

All expressions of one text share it, wherever they stand: a document has tens of thousands of
expressions and far fewer texts. So whatever does not depend on the place is kept, and asked, here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Literal, TypeAlias

from .records import record

#: Expression IR: nested tuples, first element the node's tag (table in ``expr/ir.py``).
IR: TypeAlias = tuple[Any, ...]


@record
class Name:
    """One use of a variable or function in an expression."""

    name: str
    #: Characters from the start of the expression's ``span``.
    offset: int
    #: ``secret`` marks ``secrets.X`` (``name`` is ``X``); ``maybe`` a variable that may be unset
    #: here without harm (the expression looks first).
    kind: Literal["variable", "function", "secret", "maybe"]


class _Known:
    """What follows from the fields of a ``Parsed``, or is known beside them.

    ``used``: the names without their places, for questions about sets of them. A variable stands
    as it is; what else there is takes a form that no variable has, so that whoever knows variables
    only looks closer: ``f(`` for a function, ``secrets.X``, and ``x?`` beside an ``x`` that may be
    unset.

    ``mould``, ``operands``: of a simple expression, what it has in common with all of its shape
    (``expr/moulds.py``), and the IRs that the mould put together; None and nothing for others.
    ``inserts``: of a text with inserts, what these were read as; nothing where that is not known.

    Where names stand is hardly ever asked. Who reads many sets ``later`` in their place, a function
    that gives them, and ``given``, what it works them out from.
    """

    __slots__ = ("given", "inserts", "later", "mould", "operands", "used")
    inserts: tuple[Parsed, ...]
    later: Callable[[Parsed], tuple[Name, ...]]
    given: Any
    mould: Any
    operands: tuple[Any, ...]
    used: tuple[str, ...]

    def __getattr__(self: Any, name: str) -> Any:
        """A field that is asked for the first time, of one made without it."""
        found: Any
        if name == "names":
            found = self.later(self)
        elif name == "used":
            found = used_by(self.names)
        elif name == "inserts" or name == "operands":
            found = ()
        elif name == "mould":
            found = None
        else:
            raise AttributeError(name)
        object.__setattr__(self, name, found)
        return found


@record
class Parsed(_Known):
    """An expression that was read.

    ``names``: every use of a variable, of a secret and of a function that is not in the function
    table (so: of a user function), in order of the text. ``bound``: the names that comprehensions
    bind, with their places, for the rule that they must not shadow.
    """

    ir: IR
    names: tuple[Name, ...]
    bound: tuple[Name, ...] = ()


def used_by(names: Iterable[Name]) -> tuple[str, ...]:
    """``Parsed.used`` of these names."""
    used: list[str] = []
    for name in names:
        kind, text = name.kind, name.name
        if kind == "variable":
            used.append(text)
        elif kind == "function":
            used.append(text + "(")
        elif kind == "secret":
            used.append("secrets." + text)
        else:
            used += (text, text + "?")
    return tuple(used)


_new = object.__new__


def parsed(ir: IR, names: tuple[Name, ...] = (), bound: tuple[Name, ...] = ()) -> Parsed:
    """A ``Parsed``, in half the time of its ``__init__``."""
    made: Any = _new(Parsed)
    made.ir = ir
    made.names = names
    made.bound = bound
    return made  # type: ignore[no-any-return]


#: What a constant uses.
NOTHING: tuple[Any, ...] = ()


def constant(value: Any) -> Parsed:
    """A ``Parsed`` of a value that was written out."""
    made: Any = _new(Parsed)
    made.ir = "const", value
    made.names = made.bound = made.used = made.operands = made.inserts = NOTHING
    made.mould = None
    return made  # type: ignore[no-any-return]
