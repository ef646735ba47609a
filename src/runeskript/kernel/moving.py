"""Events that only move a machine, one after the other, without waking a token for each.

An event whose guards and actions only compute is most of what machines are sent. What it does is
known before: the region that picks the transition, that of its action, the state behind. The
general way (``machine.py`` and the loop of ``vm.py``) comes to the same, token by token; replay
takes that one, and compares.
"""

from __future__ import annotations

from itertools import islice
from typing import Any

from ..model.blueprint import MachineTable
from ..model.events import Moved, Sent
from ..model.isa import Op
from ..model.limits import PURE_WORK
from ..model.machine import RAISED
from ..model.rows import NamedTuple
from ..model.run import TokenState
from .load import Program
from .machine import may
from .ready import Vm

_new: Any = tuple.__new__  # skips the NamedTuple's own constructor


class Plan(NamedTuple):
    """A transition that only computes: its region, if any, and where the machine rests then."""

    region: int | None
    to: int
    source: str
    target: str
    rest: int


class Entry(NamedTuple):
    """What an AWAIT does with one event: the slots it fills, the region that picks, and for each
    exit of that the plan, None where there is none.
    """

    roles: tuple[str, ...] | None
    number: int
    event: int
    actor: int
    into: int
    pick: int
    plans: tuple[Plan | None, ...]


def take_events(vm: Vm) -> None:
    """Take the events in front that only move the machine, within the slice that is left.

    What is left in front is for the general way: another event, one that is refused, one whose
    guard or action fails.
    """
    run, program, inbox = vm.run, vm.program, vm.run.inbox
    machine, token, table = run.machine, run.root, program.blueprint.machine
    if (
        machine is None
        or token is None
        or table is None
        or machine.token is not token
        or token.state != TokenState.WAITING
        or token.timer is not None
        or token.undo  # of an activity that has ended: the next move forgets it
        or machine.queue
        or program.entropy
    ):
        return
    regions, frame, context, slot = program.regions, token.frame, run.context, table.data
    out, now, pc, state, plans_at = vm.out.events, run.now, token.pc, machine.state, program.plans
    left, most = vm.left, max(vm.left, 0)
    note, new, moved, work = out.append, _new, Moved, PURE_WORK
    context.depth = taken = 0
    for event in list(islice(inbox, most)):
        if type(event) is not Sent or left <= 0:
            break
        entries = plans_at.get(pc)
        if entries is None:
            entries = _entries(program, pc)
        at, id_, name, data, actor, why = event
        entry = entries.get(name)
        if entry is None:
            break
        roles, number, at_event, at_actor, into, pick, plans = entry
        if roles is not None and not may(roles, actor):
            break
        before = frame[slot]
        frame[at_event] = {"name": name, "data": data, "id": id_, "at": at}
        frame[at_actor] = actor
        frame[into] = number
        if at > now:
            run.now = context.now_ms = at
        try:
            context.fuel = work
            plan = plans[regions[pick](frame, context)]
            if plan is not None:
                region, to, source, target, rest = plan
                if region is not None:
                    regions[region](frame, context)
        except Exception:
            plan = None
        if plan is None:  # nothing has happened; the general way begins anew
            frame[slot] = before
            run.now = context.now_ms = now
            context.depth = 0
            break
        state, pc, now = to, rest, run.now
        taken += 1
        # A turn of the token, one of the loop, sixteen units of work to a turn, as in ``vm.py``.
        left -= 2 + (work - context.fuel >> 4)
        note(event)
        note(new(moved, (now, source, target, name, id_, actor, why)))
    if taken:
        if taken == len(inbox):
            inbox.clear()
        else:
            for _ in range(taken):
                inbox.popleft()
        machine.state, machine.since, machine.due = state, now, None
        machine.moves += taken
        machine.tried = 0
        token.pc = pc
        # Each time it was woken, and stood at the head of the loop.
        token.turns = (token.turns + 2 | 1) + 1 + 4 * (taken - 1)
        vm.left = left
        vm.out.moved = True


def _entries(program: Program, pc: int) -> dict[str, Entry]:
    """What the AWAIT at an address does with each event; remembered."""
    found: dict[str, Entry] = {}
    table = program.blueprint.machine
    _, state, event, actor, into = program.code[pc]
    pick = program.code[pc + 1]
    if table is not None and pick[0] == Op.LOOP:
        plans = tuple(_plan(program, table, to) for to in pick[2])
        for (source, name), ways in program.machine.items():
            if source == state and name not in RAISED:
                number, roles, _ = ways[0]
                found[name] = Entry(roles, number, event, actor, into, pick[1], plans)
    program.plans[pc] = found
    return found


def _plan(program: Program, table: MachineTable, pc: int) -> Plan | None:
    """What the code of a transition at an address does, if it only computes."""
    code = program.code
    region = row = None
    for _ in range(len(code)):
        ins = code[pc]
        op = ins[0]
        if op == Op.PURE and len(set(ins[2])) == 1 and region is None and row is None:
            region, pc = ins[1], ins[2][0]
        elif op == Op.JUMP:
            pc = ins[1]
        elif op == Op.MOVE and row is None and ins[2] is not None and ins[3] is None:
            row, pc = table.transitions[ins[2]], pc + 1
        elif op == Op.AWAIT and row is not None and ins[1] == row.to:
            names = table.states[row.source].name, table.states[row.to].name
            return Plan(region, row.to, *names, pc)
        else:
            return None
    return None
