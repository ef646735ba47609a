"""The optimizer: one pass per file, in the order of ``PASSES``. Each rewrites the core form.

A pass may change what a run costs, never what it does: decoded events, results and errors are equal
with it and without. Passes know nothing of each other and of structure: the core form is labels and
jumps, and any pass may be left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from ...errors import UnknownPassError
from ...model.catalog import HandlerCatalog
from ...model.nearest import did_you_mean
from ...model.records import record
from .. import core
from .decide import decide
from .drop_dead import drop_dead
from .fold import fold
from .fork_call import fork_call
from .fuse import fuse
from .group_calls import group_calls
from .join_pure import join_pure
from .propagate import propagate
from .pure_fork import pure_fork
from .thread import thread


@record
class Pass:
    """One pass: its name, the function, and in one line why it pays.

    ``run`` changes the operations of a program in place; the catalog says what is known of the
    handlers.
    """

    name: str
    run: Callable[[core.Program, HandlerCatalog], None]
    why: str


#: All passes, in the order in which they run.
PASSES: Final[tuple[Pass, ...]] = (
    Pass("fold", fold, "what does not depend on the run is computed once, here"),
    Pass("propagate", propagate, "what is known of a variable is put where it is read"),
    Pass("decide", decide, "a branch that is never taken need not be there"),
    Pass("thread", thread, "whoever would only be sent on goes there at once"),
    Pass("drop_dead", drop_dead, "what nobody reads is not computed, stored or carried along"),
    Pass("join_pure", join_pure, "steps in a row that only compute run as one function"),
    Pass("fork_call", fork_call, "branches of one call each leave as one effect and are no tokens"),
    Pass("pure_fork", pure_fork, "branches that only compute run as one function, not as tokens"),
    Pass("fuse", fuse, "conditionals and loops that only compute run as one function"),
    Pass("group_calls", group_calls, "calls that a crash may repeat need no commit between them"),
)


def choose(names: Iterable[str] | None) -> tuple[Pass, ...]:
    """The passes of these names in the order in which they run; all of them for None.

    Raises UnknownPassError.
    """
    if names is None:
        return PASSES
    wanted = set(names)
    known = [one.name for one in PASSES]
    for name in sorted(wanted.difference(known)):
        raise UnknownPassError(name, did_you_mean(name, known) or f"passes: {', '.join(known)}")
    return tuple(one for one in PASSES if one.name in wanted)


def optimize(
    program: core.Program,
    catalog: HandlerCatalog,
    passes: Iterable[Pass] = PASSES,
    after: Callable[[Pass], None] | None = None,
) -> None:
    """Run passes in order; ``after`` is told of each that has run."""
    for one in passes:
        one.run(program, catalog)
        if after is not None:
            after(one)
