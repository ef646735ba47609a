"""Lints: what compiles and is hardly meant. Warnings, which a project may weigh and a step allow.

Plain functions in one tuple, one file a concern, each with its reason. They look at a document
without errors only, change nothing, and take time in proportion to the document. A plain run does
without them: nobody reads them then, and its start-up would pay for the import.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from ...model.catalog import HandlerCatalog
from ...model.diagnostics import Diagnostics
from ...model.limits import CALLS
from ...model.rows import NamedTuple
from ..read import Source
from ..validate.environment import Environment
from ..validate.facts import Facts
from .calls import check_calls
from .clauses import check_clauses
from .conditions import check_conditions
from .joins import check_joins
from .loops import check_loops
from .promises import check_promises
from .retries import check_retries
from .subject import Subject
from .times import check_times
from .undos import check_undos
from .unused import check_unused

__all__ = ["LINTS", "Lint", "lint"]


class Lint(NamedTuple):
    """One lint: the codes it finds, and how."""

    codes: tuple[str, ...]
    check: Callable[[Subject], None]


LINTS: Final = (
    Lint(("RUNE-3101", "RUNE-3102"), check_retries),
    Lint(("RUNE-3103", "RUNE-3104"), check_times),
    Lint(("RUNE-3105", "RUNE-3106"), check_loops),
    Lint(("RUNE-3107",), check_undos),
    Lint(("RUNE-3120", "RUNE-3121"), check_conditions),
    Lint(("RUNE-3122", "RUNE-3123"), check_clauses),
    Lint(("RUNE-3130", "RUNE-3131"), check_joins),
    Lint(("RUNE-3140", "RUNE-3141"), check_calls),
    Lint(("RUNE-3150",), check_promises),
    Lint(("RUNE-3110", "RUNE-3111", "RUNE-3112", "RUNE-3113", "RUNE-3114"), check_unused),
)


def lint(
    facts: Facts,
    types: Environment,
    catalog: HandlerCatalog,
    found: Diagnostics,
    source: Source | None = None,
    max_calls: int = CALLS,
) -> None:
    """Run every lint that can say something; ``source``: the text's tree, for places."""
    subject = Subject(facts, types, catalog, found, source, max_calls)
    for row in LINTS:
        if not all(found.is_off(code) for code in row.codes):
            row.check(subject)
