"""The expressions of a document at their places.

A document has tens of thousands, and the checks go through all of them. So what is known of each
stands in columns, where it costs no object: ``Use`` is made for whoever asks for one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal, TypeAlias

from ...model import ast
from ...model.ast import Expr
from ...model.rows import NamedTuple
from .scopes import Scope

#: What an expression is for: ``code`` is a bare expression, ``text`` a value with ``${...}``
#: inserts, ``with`` a parameter of a call (the one place for secrets), ``duration`` a time,
#: ``function`` the body of a function.
Role: TypeAlias = Literal["code", "text", "with", "duration", "function"]


class Use(NamedTuple):
    """One expression at its place."""

    expr: Expr
    role: Role
    scope: Scope
    #: The step whose ``event`` is in scope (its ``where``).
    event: ast.Listen | None = None


class Uses:
    """The expressions of a document that are more than a value written out, in its order."""

    __slots__ = ("events", "exprs", "roles", "scopes")

    def __init__(self) -> None:
        self.exprs: list[Expr] = []
        self.roles: list[Role] = []
        self.scopes: list[Scope] = []
        #: Number of an expression -> the step whose ``event`` it sees.
        self.events: dict[int, ast.Listen] = {}

    def add(self, expr: Expr, role: Role, scope: Scope) -> None:
        """One more expression."""
        if expr.ir[0] != "const":
            self.exprs.append(expr)
            self.roles.append(role)
            self.scopes.append(scope)

    def add_where(self, expr: Expr, step: ast.Listen, scope: Scope) -> None:
        """One that sees the ``event`` of its step."""
        if expr.ir[0] != "const":
            self.events[len(self.exprs)] = step
            self.add(expr, "code", scope)

    def add_all(self, exprs: Iterable[Expr], role: Role, scope: Scope) -> None:
        """Several of a kind."""
        some = [expr for expr in exprs if expr.ir[0] != "const"]
        self.exprs += some
        self.roles += [role] * len(some)
        self.scopes += [scope] * len(some)

    def __iter__(self) -> Iterator[Use]:
        event = self.events.get
        rows = zip(self.exprs, self.roles, self.scopes, strict=True)
        return (Use(*row, event(number)) for number, row in enumerate(rows))
