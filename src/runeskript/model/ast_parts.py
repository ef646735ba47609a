"""What every node of the AST is made of: expressions, parameters, where a step stands.

``ast.py`` has the nodes themselves.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field
from typing import Any, TypeAlias

from .parsed import IR, Name, Parsed
from .records import record
from .spans import NOWHERE, Place, Span


class Later:
    """Works out where something stands, and how it is written, when that is first asked.

    A document has tens of thousands of expressions, and few that anything is said of. A front end
    that makes many sets ``later`` in the place of ``source``, ``span`` and ``pointer``: what finds
    them, and what it is given, ``node``, ``at`` and ``key``. They are fields because a tuple of
    them would be one object more that the garbage collector has to look at.
    """

    __slots__ = ("at", "key", "later", "node")
    later: Callable[[Any, str, Any], tuple[str, Span, str]]
    node: Any
    at: str
    key: Any

    def __getattr__(self, name: str) -> Any:
        if name not in ("source", "span", "pointer"):
            raise AttributeError(name)
        source, span, pointer = self.later(self.node, self.at, self.key)
        object.__setattr__(self, "span", span)
        object.__setattr__(self, "pointer", pointer)
        if hasattr(type(self), "source"):
            object.__setattr__(self, "source", source)
        return object.__getattribute__(self, name)


class _Read(Later):
    """The names in an expression are those of ``parsed``, what its text was read as."""

    __slots__ = ("parsed",)
    parsed: Parsed

    def __getattr__(self, name: str) -> Any:
        found: Any
        if name == "names":
            found = self.parsed.names
            object.__setattr__(self, name, found)
            return found
        if name == "parsed":  # of one that was made from its parts
            found = Parsed(self.ir, self.names)
            object.__setattr__(self, name, found)
            return found
        return super().__getattr__(name)


@record
class Expr(_Read):
    """An expression, a text with ``${...}`` inserts, or a literal: whatever yields a value.

    ``ir`` refers to variables by name (``("name", "x")``); code generation turns names into slots.
    """

    source: str
    ir: IR
    span: Span = NOWHERE
    pointer: str = ""
    names: tuple[Name, ...] = ()

    @property
    def is_const(self) -> bool:
        """Whether the value is known from the text alone."""
        return bool(self.ir[0] == "const")


class _Placed:
    """Makes the span of its ``place`` when it is first asked for, where there is a place alone."""

    __slots__ = ("place",)
    place: Place

    def __getattr__(self, name: str) -> Any:
        if name == "span":
            found: Any = Span(*self.place)
        elif name == "place":
            found = tuple([getattr(self.span, field) for field in Span.__match_args__])
        else:
            raise AttributeError(name)
        object.__setattr__(self, name, found)
        return found


@record
class Args(_Placed):
    """``with:`` either as an object written out (``entries``) or one ``${...}`` (``whole``)."""

    entries: dict[str, Expr] = field(default_factory=dict)
    whole: Expr | None = None
    span: Span = NOWHERE
    pointer: str = ""


@record
class Allow:
    """One entry of ``allow``: findings of this code are meant to be here, and why."""

    code: str
    reason: str
    span: Span = NOWHERE
    pointer: str = ""


@record
class Site(_Placed):
    """Where a step stands: its id, if it has one, its JSON pointer and its span.

    ``allow``: the findings that are silenced in it; no part of what the document means.
    """

    pointer: str
    span: Span = NOWHERE
    id: str | None = None
    allow: tuple[Allow, ...] = ()

    @property
    def name(self) -> str:
        """The step's name in events and errors: the id where given, else the pointer."""
        return self.id if self.id is not None else self.pointer


@record
class Step:
    """What every step has. ``when`` is the ``if`` modifier; ``timeout`` applies to the step."""

    site: Site
    when: Expr | None
    timeout: Expr | None


Block: TypeAlias = tuple[Step, ...]
