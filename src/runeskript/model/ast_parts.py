"""What every node of the AST is made of: expressions, parameters, where a step stands.

``ast.py`` has the nodes themselves.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from .parsed import IR, Name, Parsed
from .records import record
from .spans import NOWHERE, Span


class _Placed:
    """Works out where an expression stands, and how it is written, when that is first asked.

    A document has tens of thousands of expressions, and few that anything is said of. A front end
    that makes many sets ``later`` in the place of the fields: a function and its arguments. The
    names in it are those of ``parsed``, what its text was read as.
    """

    __slots__ = ("later", "parsed")
    later: tuple[Any, ...]
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
        if name not in ("source", "span", "pointer"):
            raise AttributeError(name)
        place, *given = self.later
        for field, value in zip(("source", "span", "pointer"), place(*given), strict=True):
            object.__setattr__(self, field, value)
        return object.__getattribute__(self, name)


@record
class Expr(_Placed):
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


@record
class Args:
    """``with:`` either as an object written out (``entries``) or one ``${...}`` (``whole``)."""

    entries: tuple[tuple[str, Expr], ...] = ()
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
class Site:
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
