"""The verifier of expressions: IR of unknown origin in, what is wrong with it out.

A Blueprint may come from a stranger, and code is generated from its expressions: nothing about them
is believed.
"""

from __future__ import annotations

from collections.abc import Sequence

from .ir import MAX_LOCALS
from .ir_checker import Checker
from .ir_together import Together


def check_ir(
    *irs: object,
    slots: int,
    functions: Sequence[int],
    locals_: int,
    secrets: bool = True,
    tally: list[int] | None = None,
) -> list[str]:
    """Verify IR of unknown origin; returns what is wrong with it, nothing where it is sound.

    ``slots`` is the size of the frame, ``functions`` the number of parameters of each user
    function, ``locals_`` how many locals are bound from outside (parameters, the event).
    ``secrets`` False refuses secrets altogether (all but parameters of calls). The number of nodes
    is appended to ``tally``. Never raises and never recurses, whatever it is given.

    Of several expressions the findings of all come one after the other, and ``tally`` gets one
    number for all: to look at many together is quicker, where there is nothing to say of any.
    """
    if type(locals_) is not int or not 0 <= locals_ <= MAX_LOCALS:
        return [f"a function may have at most {MAX_LOCALS} parameters"]
    nodes, found = Together(slots, functions, locals_).nodes_of(irs), []
    if not nodes:
        for ir in irs:
            checker = Checker(slots, functions, secrets)
            found += checker.run(ir, locals_)
            nodes += checker.nodes
    if tally is not None:
        tally.append(nodes)
    return found
