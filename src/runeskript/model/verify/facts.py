"""What the verifier's stages find out about a Blueprint and hand on to each other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from ..ast import IR
from ..blueprint import Blueprint
from ..limits import BRANCHES, SLOTS
from ..values import Value


class CheckIr(Protocol):
    """The verifier of expressions, ``expr.ir.check_ir``."""

    def __call__(
        self, ir: IR, *, slots: int, functions: Sequence[int], locals_: int, secrets: bool
    ) -> Sequence[str]:
        """The problems of ``ir``; never raises.

        ``slots`` is the size of the frame, ``functions`` the number of parameters of each user
        function, ``locals_`` how many locals are bound from outside; ``secrets`` whether they
        may be mentioned.
        """


#: The verifier of schemas, ``expr.schema.check_schema``: findings as (pointer, message, hint).
CheckSchema: TypeAlias = Callable[[Value], Sequence[tuple[str, str, str | None]]]


@dataclass(slots=True)
class Use:
    """What the users of one pool entry offer it: the least of all of them."""

    slots: int = SLOTS
    #: Locals bound from outside (expressions), or exit addresses (regions).
    least: int = BRANCHES
    #: Whether every user is a ``with``, the one place for secrets.
    secret: bool = True

    def narrow(self, slots: int, least: int, *, secret: bool) -> None:
        """Take one more user into account."""
        self.slots = min(self.slots, slots)
        self.least = min(self.least, least)
        self.secret = self.secret and secret


@dataclass(slots=True)
class Facts:
    """The Blueprint, its problems so far, and what later stages need to know."""

    bp: Blueprint
    problems: list[str] = field(default_factory=list)
    #: The body that each address belongs to.
    owner: list[int] = field(default_factory=list)
    #: Users of ``exprs`` and ``regions``, by index.
    expr_uses: dict[int, Use] = field(default_factory=dict)
    region_uses: dict[int, Use] = field(default_factory=dict)
    #: The expressions inside each region, with the region's index.
    region_exprs: list[tuple[int, IR]] = field(default_factory=list)

    def say(self, problem: str) -> None:
        """Record a problem."""
        self.problems.append(problem)


def is_index(value: object, size: int) -> bool:
    """Whether ``value`` is an int (no bool) from 0 up to ``size``, exclusive."""
    return type(value) is int and 0 <= value < size


def is_node(ir: object) -> bool:
    """Whether ``ir`` looks like an expression from outside."""
    return type(ir) is tuple and bool(ir) and type(ir[0]) is str
