"""The verifier: what must hold of a Blueprint before anything runs it.

A Blueprint may come from an untrusted store, so nothing in it is believed: what passes here can
make the kernel do no more than a document can. One file per stage, in this order:

* ``bodies.py``  sizes, address ranges, frames, parents
* ``code.py``    every instruction against its row of ``isa.ROWS``
* ``pools.py``   what instructions point to: policies, listens ...
* ``regions.py`` the statements of regions
* ``header.py``  names: of the skript, of what it calls
* ``flow.py``    where control can go: scopes, the exception table, loops
* ``machines.py`` the table of a machine
* ``groups.py``  calls that may leave ahead of a commit
* ``slots.py``   slots that hold errors, or a list that grows in place

Flow and expressions are looked at once the structure holds. The content of expressions and
schemas is the business of the floor above, whose ``check_ir`` and ``check_schema`` the caller hands
in.

Work is linear in the size of the Blueprint (``n log n`` in bodies and exception rows).
"""

from __future__ import annotations

from ..blueprint import Blueprint
from .bodies import check_bodies, check_sizes
from .code import check_code
from .facts import MAX_PROBLEMS, PLACES, CheckIr, CheckSchema, Facts, Problem
from .flow import Table, check_flow
from .groups import check_groups
from .header import check_header
from .machines import check_machine
from .pools import check_exprs, check_pools, check_schemas
from .regions import check_regions
from .slots import check_slots

__all__ = ["MAX_PROBLEMS", "PLACES", "CheckIr", "CheckSchema", "Problem", "Table", "verify"]


def verify(
    bp: Blueprint, check_ir: CheckIr | None = None, check_schema: CheckSchema | None = None
) -> list[Problem]:
    """The problems of ``bp``, each with its place; an empty list means that it may run.

    Never raises for a Blueprint whose fields have their declared types (which is what
    ``blueprint_codec.decode`` returns). What no function is given for, expressions or schemas, is
    taken on trust; whoever runs the Blueprint passes both. At most ``MAX_PROBLEMS`` are listed.
    """
    facts = Facts(bp)
    # Each group reads what the groups before it have checked.
    for group in (
        (check_sizes,),
        (check_bodies,),
        (check_code, check_pools, check_regions, check_header, check_machine),
    ):
        for check in group:
            check(facts)
        if facts.problems:
            return facts.problems
    check_flow(facts)
    check_groups(facts)
    check_slots(facts)
    if check_ir is not None:
        check_exprs(facts, check_ir)
    if check_schema is not None:
        check_schemas(facts, check_schema)
    return facts.problems
