"""What the verifier's stages find out about a Blueprint and hand on to each other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import field
from typing import Any, Final, Literal, Protocol, TypeAlias

from ..ast import IR
from ..blueprint import Blueprint
from ..limits import BRANCHES, SLOTS
from ..records import mutable, record
from ..values import Value


class CheckIr(Protocol):
    """The verifier of expressions, ``expr.ir_check.check_ir``."""

    def __call__(
        self,
        *irs: IR,
        slots: int,
        functions: Sequence[int],
        locals_: int,
        secrets: bool,
        tally: list[int] | None = None,
    ) -> Sequence[str]:
        """The problems of all of ``irs``, one after the other; never raises.

        ``slots`` is the size of the frame, ``functions`` the number of parameters of each user
        function, ``locals_`` how many locals are bound from outside; ``secrets`` whether they
        may be mentioned. The number of all nodes is appended to ``tally``.
        """


#: The verifier of schemas, ``expr.schema.check_schema``: findings as (pointer, message, hint).
CheckSchema: TypeAlias = Callable[[Value], Sequence[tuple[str, str, str | None]]]


#: The sections of a Blueprint that a problem can be in -> what one entry is called.
PLACES: Final = {
    "header": "header",
    "machine": "machine",
    "code": "address",
    "sites": "site",
    "steps": "step",
    "bodies": "body",
    "exceptions": "exception row",
    "roots": "roots",
    "policies": "policy",
    "listens": "listen",
    "skripts": "skript",
    "handlers": "handler",
    "exprs": "expr",
    "regions": "region",
    "functions": "function",
    "input": "input",
    "debug": "debug",
}
#: What kind of problem it is -> its code, with a page in docs/errors.
Kind: TypeAlias = Literal[
    "limit", "layout", "instruction", "entry", "flow", "loop", "expression", "schema"
]
CODES: Final[dict[Kind, str]] = {
    "limit": "RUNE-4006",
    "layout": "RUNE-4020",
    "instruction": "RUNE-4021",
    "entry": "RUNE-4022",
    "flow": "RUNE-4023",
    "loop": "RUNE-4024",
    "expression": "RUNE-4025",
    "schema": "RUNE-4026",
}
#: Problems kept for one Blueprint; it is refused at the first, the rest are for the reader.
MAX_PROBLEMS: Final = 50


@record
class Problem:
    """One thing that is wrong. ``index`` is the entry of the section: an address, for ``code``."""

    code: str
    message: str
    section: str
    index: int | None = None
    #: The name of the opcode at an address, where there is one.
    op: str | None = None

    def __str__(self) -> str:
        place = PLACES[self.section]
        if self.index is not None:
            place += f" {self.index}" + (f" ({self.op})" if self.op else "")
        return f"{place}: {self.message}"


#: What the users of one pool entry offer it, the least of all of them: slots; locals bound from
#: outside (expressions) or exit addresses (regions); whether every user is the ``with`` of a call,
#: the one place for secrets. As many as there are expressions, hence no records.
Use: TypeAlias = tuple[int, int, bool]
#: What nobody uses is offered as much as can be.
UNUSED: Final[Use] = (SLOTS, BRANCHES, True)


@mutable
class Facts:
    """The Blueprint, its problems so far, and what later stages need to know."""

    bp: Blueprint
    #: The first ``MAX_PROBLEMS``.
    problems: list[Problem] = field(default_factory=list)
    #: The body that each address belongs to.
    owner: list[int] = field(default_factory=list)
    #: Addresses that control reaches from the entry of a body, errors included; flow fills it.
    reached: set[int] = field(default_factory=set)
    #: Body -> its slots with a list that some region appends to in place (``push``).
    holders: dict[int, set[int]] = field(default_factory=dict)
    #: Bodies whose code runs a region.
    region_bodies: dict[int, tuple[int, ...]] = field(default_factory=dict)
    #: Users of ``exprs`` and ``regions``, by index.
    expr_uses: dict[int, Use] = field(default_factory=dict)
    region_uses: dict[int, Use] = field(default_factory=dict)
    #: The expressions inside each region, by its index.
    region_exprs: dict[int, list[IR]] = field(default_factory=dict)
    #: Regions that hold loops -> whether they begin with one.
    looping: dict[int, bool] = field(default_factory=dict)

    def say(
        self,
        kind: Kind,
        message: str,
        section: str,
        index: int | None = None,
        op: str | None = None,
    ) -> None:
        """Record a problem."""
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(Problem(CODES[kind], message, section, index, op))


def is_index(value: object, size: int) -> bool:
    """Whether ``value`` is an int (no bool) from 0 up to ``size``, exclusive."""
    return type(value) is int and 0 <= value < size


def all_indexes(values: Sequence[Any], size: int) -> bool:
    """Whether ``is_index`` holds of all; the host does the work on the whole list."""
    if not values:
        return True
    return set(map(type, values)) == {int} and min(values) >= 0 and max(values) < size


def is_node(ir: object) -> bool:
    """Whether ``ir`` looks like an expression from outside."""
    return type(ir) is tuple and bool(ir) and type(ir[0]) is str


def shown(value: object) -> str:
    """Something of unknown size and depth, for a message."""
    if value is None or type(value) in (bool, int):
        return repr(value)
    if type(value) is str:
        return repr(value[:40])
    if type(value) is tuple and value and type(value[0]) is str:
        return f"({value[0][:40]!r}, ...)"
    return f"a {type(value).__name__}"
