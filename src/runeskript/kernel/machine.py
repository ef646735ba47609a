"""Declared state machines: which transition an event takes, and what is recorded of it.

The code of a machine rests at an AWAIT until an event comes that some transition of its state has
and whose roles fit; it then tries the guards, one transition after the other, and carries the first
one out. What comes meanwhile stands in line. Events that nobody may fire here are refused at once.

What a machine says of itself (``Moved``, ``Refused``, ``MoveFailed``) follows from its inputs, so
replay recomputes it; it is in the journal for those who read that.
"""

from __future__ import annotations

from typing import Any, Final

from ..errors import StepError
from ..model.batches import weights
from ..model.blueprint import MachineTable
from ..model.events import Moved, MoveFailed, Refused, Sent, SentIf
from ..model.faults import Fault
from ..model.limits import MACHINE_QUEUE
from ..model.machine import RAISED
from ..model.run import MachineState, Run, Token, TokenState
from ..model.values import UNSET, Value
from .dispatch import evaluate, milliseconds, set_timer
from .ready import Vm
from .scopes import drop_wait, take_undos

#: Who fires what a machine raises by itself. It needs no role.
SYSTEM: Final = "system"
#: In the line, in the place of a count of moves: an event that came for another revision.
STALE: Final = -1


def machine_of(vm: Vm) -> tuple[MachineState, MachineTable]:
    """The machine of a run. Raises StepError where it has none, or where it does not run."""
    state, table = vm.run.machine, vm.program.blueprint.machine
    if state is None or table is None:
        raise StepError("value", "the run has no machine")
    return state, table


# --- events -------------------------------------------------------------------------------------
def sent(vm: Vm, event: Sent) -> Sent | None:
    """An event from outside: it stands in line, until :func:`choose`."""
    run = vm.run
    machine = run.machine
    if machine is None or run.root is None or run.ending is not None or run.finished is not None:
        return None
    machine.queue.append((event, None))
    return event


def sent_if(vm: Vm, event: SentIf) -> SentIf | None:
    """An event with conditions. One that is for a revision is decided at once, or refused: what
    stands in line in front of it changes the job.
    """
    run = vm.run
    machine = run.machine
    if machine is None or run.root is None or run.ending is not None or run.finished is not None:
        return None
    if not run.replaying:
        event = event._replace(version=run.length + weights(vm.out.events))
    moves = None
    if event.expected is not None:
        token = machine.token
        rests = token is not None and token.state == TokenState.WAITING and not machine.queue
        moves = None if rests and event.version == event.expected else STALE
    machine.queue.append((event, moves))
    return event


def _stale(vm: Vm, event: Sent | SentIf) -> None:
    machine, table = machine_of(vm)
    version, expected = event[-1], event[-3]
    text = f"the job is at version {version}, not {expected}"
    if version == expected:
        text = f"the job is about to leave version {version}: an event is being dealt with"
    state = table.states[machine.state].name
    vm.out.events.append(stale(vm.run.now, state, event, text))


def stale(at: int, state: str, event: Sent | SentIf, message: str) -> Refused:
    """What is said of an event for another revision; behind that the job has this ``version``."""
    version: Any = event[-1]
    error: dict[str, Value] = {"type": "machine.version", "message": message}
    error["version"] = version + 2
    return Refused(at, state, event.name, event.id, event.actor, "version", error)


def choose(vm: Vm) -> None:
    """Take events out of the line while the machine rests, until one wakes it."""
    machine, _ = machine_of(vm)
    if machine.queue[-1][1] == STALE:
        _stale(vm, machine.queue.pop()[0])
    # What the machine raised itself needs no place: there are few of these, and they come once.
    while len(machine.queue) > MACHINE_QUEUE and machine.queue[-1][1] is None:
        event, _ = machine.queue.pop()
        text = f"more than {MACHINE_QUEUE} events wait for this machine"
        _refuse(vm, event, "limit", "limit.queue", text)
    token = machine.token
    while machine.queue and token is not None:
        if token.state != TokenState.WAITING:
            machine.token = None  # it was cancelled
            return
        event, moves = machine.queue.popleft()
        if moves is not None and moves != machine.moves:
            continue  # raised for a state that is left by now
        first = _next(vm, machine, event, -1)
        if first < 0:
            _refuse_here(vm, event)
            continue
        machine.moving, machine.token = event, None
        drop_wait(vm, token)
        _, _, at_event, at_actor, into = vm.program.code[token.pc]
        token.frame[at_event] = {
            "name": event.name,
            "data": event.data,
            "id": event.id,
            "at": event.at,
        }
        token.frame[at_actor] = event.actor
        token.frame[into] = first
        vm.goto(token, token.pc + 1)
        return


def _next(vm: Vm, machine: MachineState, event: Sent | SentIf, after: int) -> int:
    """Try the next transition behind the ``after``-th that the event may take, by its name and
    roles; its place among those of the state, or -1.
    """
    if event.id and event.name in RAISED:
        return -1
    ways = vm.program.machine.get((machine.state, event.name), ())
    to = event.to if type(event) is SentIf else None
    for at in range(after + 1, len(ways)):
        number, roles, target = ways[at]
        if to is not None and to != target:
            continue
        if roles is None or may(roles, event.actor):
            machine.tried = at
            return number
    return -1


def may(roles: tuple[str, ...] | None, actor: dict[str, Value]) -> bool:
    """Whether an actor has one of these roles (None: nobody needs any)."""
    if roles is None or actor.get("id") == SYSTEM:
        return True
    has = actor.get("roles")
    return isinstance(has, list) and any(role in has for role in roles)


def allowed(table: MachineTable, state: str, actor: dict[str, Value]) -> list[str]:
    """The events that somebody may fire in a state, guards aside, in the order of the table."""
    found = [
        row.event
        for row in table.transitions
        if table.states[row.source].name == state
        and row.event not in RAISED
        and may(row.roles, actor)
    ]
    return list(dict.fromkeys(found))


def refusal(table: MachineTable, state: str, event: Sent | SentIf) -> tuple[str, str] | None:
    """(reason, message) where no transition of a state could take an event, guards aside."""
    if event.id and event.name in RAISED:
        return "conflict", f"`{event.name}` is raised by the end of an activity only"
    rows = [
        row
        for row in table.transitions
        if row.event == event.name and table.states[row.source].name == state
    ]
    if type(event) is SentIf and event.to is not None:
        rows = [row for row in rows if table.states[row.to].name == event.to]
        if not rows:
            text = f"no transition leads from state `{state}` to `{event.to}` by `{event.name}`"
            return "conflict", text
    if not rows:
        return "conflict", f"no transition takes `{event.name}` in state `{state}`"
    if any(may(row.roles, event.actor) for row in rows):
        return None
    roles = sorted({role for row in rows for role in row.roles or ()})
    return "forbidden", f"`{event.name}` in state `{state}` is for {', '.join(roles) or 'nobody'}"


def _refuse_here(vm: Vm, event: Sent | SentIf) -> None:
    """No transition of the state takes the event; one the machine raised itself goes unsaid."""
    machine, table = machine_of(vm)
    found = refusal(table, table.states[machine.state].name, event)
    if found is not None and event.id:
        _refuse(vm, event, found[0], f"machine.{found[0]}", found[1])


def _refuse(vm: Vm, event: Sent | SentIf, reason: Any, type_: str, message: str) -> None:
    machine, table = machine_of(vm)
    error: dict[str, Value] = {"type": type_, "message": message}
    state = table.states[machine.state].name
    vm.out.events.append(
        Refused(vm.run.now, state, event.name, event.id, event.actor, reason, error)
    )


# --- opcodes ------------------------------------------------------------------------------------
def op_await(vm: Vm, token: Token, ins: Any) -> bool:
    """AWAIT."""
    machine, _ = machine_of(vm)
    if ins[1] != machine.state:
        raise StepError("value", "the machine is in another state than its code")
    token.state = TokenState.WAITING
    if machine.due is not None:
        set_timer(vm, token, max(machine.due - vm.run.now, 0), "timeout")
    machine.token = token
    machine.moving = None
    if machine.queue:
        choose(vm)
    return False


def time_is_over(vm: Vm, token: Token) -> None:
    """The timeout of the state that a token rests in: its event, once."""
    machine, table = machine_of(vm)
    token.timer = None
    machine.due = None
    name = table.states[machine.state].after
    if name is not None:
        machine.queue.append((_own(vm, name, None), machine.moves))


def _own(vm: Vm, name: str, data: Value) -> Sent:
    return Sent(vm.run.now, "", name, data, {"id": SYSTEM, "roles": []}, None)


def op_event(vm: Vm, token: Token, ins: Any) -> bool:
    """EVENT."""
    machine, _ = machine_of(vm)
    event = evaluate(vm, token, ins[1])
    name = event.get("name") if isinstance(event, dict) else None
    if not isinstance(name, str):
        raise StepError("type", "an event is an object with a name")
    if len(machine.queue) > MACHINE_QUEUE:  # only code that no compiler makes comes here
        raise StepError("limit.queue", "too many events of its own wait for this machine")
    if (machine.state, name) in vm.program.machine:
        machine.queue.append((_own(vm, name, event.get("data")), machine.moves))
    token.pc += 1
    return True


def op_pass(vm: Vm, token: Token, ins: Any) -> bool:
    """PASS."""
    machine, table = machine_of(vm)
    event = machine.moving
    if event is None:
        raise StepError("value", "no event is being dealt with")
    found = token.frame[ins[1]] = _next(vm, machine, event, machine.tried)
    if found < 0:
        machine.moving = None
        if event.id:
            state = table.states[machine.state].name
            text = f"the guard of `{event.name}` does not hold in state `{state}`"
            _refuse(vm, event, "conflict", "machine.guard", text)
    token.pc += 1
    return True


def op_refuse(vm: Vm, token: Token, ins: Any) -> bool:
    """REFUSE."""
    machine, _ = machine_of(vm)
    event, machine.moving = machine.moving, None
    if event is not None:
        fault = Fault.load(token.frame[ins[1]])
        _refuse(vm, event, "guard", fault.type, fault.message)
    token.pc += 1
    return True


def op_move(vm: Vm, token: Token, ins: Any) -> bool:
    """MOVE."""
    machine, table = machine_of(vm)
    _, to, transition, due = ins
    after = None if due is None else milliseconds(evaluate(vm, token, due))
    event = machine.moving
    if transition is None:
        record = Moved(vm.run.now, "", table.states[to].name, "", "", {}, None)
    else:
        row = table.transitions[transition]
        if event is None or row.source != machine.state or row.to != to or row.event != event.name:
            raise StepError("value", "this is no move that the machine could make")
        source, target = table.states[row.source].name, table.states[to].name
        record = Moved(vm.run.now, source, target, event.name, event.id, event.actor, event.why)
    machine.moving = None
    take_undos(token, 0)  # those of an activity that has ended, too: what was done is done
    machine.state, machine.since = to, vm.run.now
    machine.due = None if after is None else vm.run.now + after
    machine.moves += 1
    vm.out.events.append(record)
    vm.out.moved = True
    token.pc += 1
    return True


def op_fail(vm: Vm, token: Token, ins: Any) -> bool:
    """FAIL."""
    machine, table = machine_of(vm)
    _, error, transition = ins
    event, machine.moving = machine.moving, None
    fault = Fault.load(token.frame[error])
    fault.compensate = True
    token.frame[error] = fault.stored()
    row = table.transitions[transition]
    if event is None:
        raise StepError("value", "no event is being dealt with")
    names = [table.states[state].name for state in (row.source, row.to)]
    vm.out.events.append(
        MoveFailed(
            vm.run.now, names[0], names[1], event.name, event.id, event.actor, fault.public()
        )
    )
    token.pc += 1
    return True


# --- what others see ----------------------------------------------------------------------------
def state_of(table: MachineTable, run: Run) -> str:
    """The name of the state a run is in."""
    machine = run.machine
    return table.states[table.initial if machine is None else machine.state].name


def data_of(table: MachineTable, run: Run) -> Value:
    """The data of a machine."""
    if run.root is None:
        return None
    value: Any = run.root.frame[table.data]
    found: Value = None if value is UNSET else value
    return found
