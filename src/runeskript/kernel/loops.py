"""Running a region that has loops of its own, within the slice of its token."""

from __future__ import annotations

from operator import length_hint
from typing import Any

from ..expr.turns import grant, passed, was_woken
from ..model.limits import LOOP_TURNS
from ..model.run import Token
from .ready import Vm


def run_loops(vm: Vm, token: Token, ins: Any, left: int) -> tuple[int, int]:
    """Run the region at ``token.pc`` from its label on; returns (what is left of the slice, pc).

    The pc is -1 where the region gave way: at the end of the slice, or where replay has to stop.
    Each head that is passed counts as a LOOP would: so the places have the same names, fused or
    not.
    """
    _, index, exits = ins
    program, context, stop = vm.program, vm.run.context, vm.run.stop
    looped = program.loops.get(index) or program.looped(index)
    while True:
        entry, turns = token.entry, token.turns
        depth = looped.labels[entry - 1].depth if entry else 0
        given = max(left, 0)
        if stop is not None and stop[0] == token.path and stop[1] > turns - (not turns & 1):
            given = min(given, (stop[1] >> 1) - (turns >> 1))
        given = min(given, LOOP_TURNS - (turns >> 1))
        grant(context, given, turns >> 1, depth, woken=bool(turns & 1))
        try:
            k = looped(token.frame, context, entry)
        except Exception:
            token.turns = 2 * passed(context) | was_woken(context)
            token.entry = 0
            raise
        token.turns = 2 * passed(context) | was_woken(context)
        left -= given - length_hint(context.budget)
        if k >= 0:
            token.entry = 0
            return left, exits[k]
        token.entry = -k
        if left <= 0 or stop == (token.path, token.turns):
            return left, -1
