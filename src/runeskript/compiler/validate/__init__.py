"""Validation: whatever can be known of a document before it runs. All findings in one go.

The checks read the AST (through ``facts.collect_facts``) and the core form; none changes anything.
"""

from __future__ import annotations

from collections.abc import Sequence

from ...model.catalog import HandlerCatalog
from ...model.diagnostics import Diagnostics
from .. import core
from .arguments import check_arguments
from .built import check_built
from .environment import Environment
from .facts import Facts
from .flow import check_flow
from .forks import check_forks
from .handlers import check_handlers
from .hints import Hints
from .names import check_names
from .structure import check_structure
from .types import check_types

__all__ = ["validate"]


def validate(
    facts: Facts,
    program: core.Program,
    catalog: HandlerCatalog,
    found: Diagnostics,
    *,
    parsed: bool = True,
) -> Environment:
    """Run every check on a document (``facts``) and its core form; the types of its names.

    ``parsed`` False: the document did not come from a text, so nobody has looked at its names yet.
    """
    if not parsed:
        check_built(facts, found)
    sound = not found.has_errors  # else much would only follow from what is known to be wrong
    hints = Hints()
    check_names(facts, hints, found)
    programs: Sequence[core.Program] = (program,)
    machine = facts.document.machine
    if machine is not None:
        from .bodies import programs_of  # most documents are none

        programs = programs_of(facts.document, machine)
    check_structure(facts, programs, found)
    check_forks(facts, programs, found)
    check_handlers(facts, catalog, hints, found)
    for one in programs:
        check_flow(facts, one, found)
    env = Environment(facts, catalog)
    check_types(facts, env, found)
    check_arguments(facts, env, catalog, found)
    if machine is not None:
        from .machine_steps import check_machine_steps  # as above
        from .machines import check_machine

        check_machine_steps(facts, env, found)
        if sound:
            check_machine(facts.document, machine, found)
    return env
