"""Control flow that is not straight on: errors, cancel, joins, compensation.

The functions here call each other (the end of a branch settles its fork, which may raise in the
owner, which may end that branch ...), so they stand together. Recursion is bounded by
``limits.FORK_DEPTH``.
"""

from __future__ import annotations

from typing import Any

from ..errors import KernelInvariantError
from ..model.effects import CallDrop, CallsDrop, LogOut
from ..model.faults import Fault, catchable
from ..model.run import Calls, Compensation, Fork, Token, TokenState
from ..model.values import UNSET, Value
from .branches import calling_token, start_branches
from .ending import finish
from .joins import apply_outs, shape_result
from .ready import Vm
from .scopes import drop_child, drop_scopes, drop_wait, shielded, take_undos

_UNNEEDED = "the branch is no longer needed"


# --- errors -------------------------------------------------------------------------------------
def raise_fault(vm: Vm, token: Token, fault: Fault, limit: int | None = None) -> None:
    """Route a typed error by the exception table, or end the token with it.

    ``limit``: only rows that keep at most this many scopes (an error at the edge of a scope).
    """
    can_catch = catchable(fault.type)
    for row in vm.program.rows_at(token.pc):
        if (limit is None or row.depth <= limit) and (can_catch or row.kind != "catch"):
            if _deferred_cancel(vm, token, row.depth, fault):
                return
            _enter_handler(vm, token, row.handler, row.depth, row.slot, fault)
            return
    if not _deferred_cancel(vm, token, 0, fault):
        end_token(vm, token, fault)


def _deferred_cancel(vm: Vm, token: Token, depth: int, fault: Fault) -> bool:
    """Take up a cancel that waited for a shield which an error is about to leave.

    The error is kept in the cancel's data: the cancel takes its place, but does not hide it.
    """
    cancel_ = token.deferred
    if cancel_ is None or shielded(token, cancel_.scope, depth):
        return False
    token.deferred = None
    if cancel_.scope >= depth > 0 or (depth == 0 and cancel_.scope >= 0):
        return False  # the error leaves the timed block anyway
    unwind_cancel(vm, token, cancel_.with_list("others", [fault.public()]))
    return True


def _enter_handler(vm: Vm, token: Token, handler: int, depth: int, slot: int, fault: Fault) -> None:
    drop_scopes(vm, token, depth)
    token.entry = 0
    token.frame[slot] = fault.stored()
    vm.goto(token, handler)


# --- cancel -------------------------------------------------------------------------------------
def cancel(vm: Vm, token: Token, fault: Fault) -> None:
    """Cancel a token (``fault.scope`` -1) or one of its scopes; what it waits for is dropped."""
    state = token.state
    if (
        state == TokenState.COMPENSATING
        or shielded(token, fault.scope)
        or (state == TokenState.READY and token.pc in vm.program.finallys)
    ):
        token.deferred = _wider(token.deferred, fault)
        return
    run = vm.run
    if state == TokenState.READY:
        unwind_cancel(vm, token, fault)
    elif state == TokenState.CALLING:
        if vm.program.code[token.pc][5] is not None:
            # It may have succeeded already, unseen: then its undo must be registered.
            if token.cancelling is None:
                step = vm.program.step_at(token.pc)
                vm.effect(CallDrop(token.path, token.n, step, token.attempt, True))
            token.cancelling = _wider(token.cancelling, fault)
            return
        del run.calls[token.path]
        step = vm.program.step_at(token.pc)
        vm.effect(CallDrop(token.path, token.n, step, token.attempt))
        unwind_cancel(vm, token, fault)
    elif state == TokenState.PENDING:  # whoever completes it comes too late
        del run.calls[token.path]
        drop_wait(vm, token)
        unwind_cancel(vm, token, fault)
    elif state in (TokenState.WAITING, TokenState.RETRYING):
        drop_wait(vm, token)
        unwind_cancel(vm, token, fault)
    elif state == TokenState.CHILD:
        if token.cancelling is None:
            drop_child(vm, token)
        token.cancelling = _wider(token.cancelling, fault)
    elif state == TokenState.JOINING:
        token.cancelling = _wider(token.cancelling, fault)
        close_fork(vm, token.child)
    # DONE: nothing left to cancel.


def _wider(one: Fault | None, other: Fault) -> Fault:
    """Of two cancels the one that unwinds further; an error that is no cancel yields to one."""
    if one is None or one.type != "cancel" or other.scope < one.scope:
        return other
    return one


def unwind_cancel(vm: Vm, token: Token, fault: Fault) -> None:
    """Go on unwinding a cancel: through ``finally`` rows, then out at its scope or the token."""
    target = fault.scope
    for row in vm.program.rows_at(token.pc):
        if row.kind == "finally" and row.depth >= target + 2:
            # It is taken up again behind the block: no error of the block may take its place.
            token.deferred = _wider(token.deferred, fault)
            _enter_handler(vm, token, row.handler, row.depth, row.slot, fault)
            return
    if target < 0:
        end_token(vm, token, fault)
        return
    if token.scopes is None or target >= len(token.scopes):
        raise KernelInvariantError("a cancel names a scope that is not open")
    step = token.scopes[target].step
    drop_scopes(vm, token, target)
    # The deadline of the document stands at no step.
    text = "the block took too long" if step else "the job's deadline has passed"
    raise_fault(vm, token, Fault("timeout", text, step or None, data=fault.data), target)


# --- the end of a token -------------------------------------------------------------------------
def end_token(vm: Vm, token: Token, fault: Fault | None) -> None:
    """A token has run its course: tell the fork, the compensation or the run it belongs to."""
    token.state = TokenState.DONE
    drop_scopes(vm, token, 0)
    group = token.fork
    if group is None:
        _end_root(vm, token, fault)
    elif isinstance(group, Compensation):
        if fault is not None:
            group.failures.append({"step": group.step, "error": fault.public()})
        next_undo(vm, group)
    else:
        _end_branch(vm, group, token, fault)


def _end_branch(vm: Vm, fork: Fork, token: Token, fault: Fault | None) -> None:
    if fault is None:
        arrive(vm, fork, token)
        return
    del fork.live[token.index]
    if fault.type != "cancel":
        fork.faults.append((token.index, fault))
    elif isinstance(fault.data, dict):
        # What failed on the way out.
        others = fault.data.get("others")
        for other in others if isinstance(others, list) else ():
            fork.faults.append((token.index, Fault.load(other)))
    if token.undo:
        (fork.lost if fork.need else fork.undo).extend(token.undo)
    count_end(vm, fork)


def arrive(vm: Vm, fork: Fork, token: Token) -> None:
    """A branch reached its end: keep what it yields and leaves, and see whether the join is met.

    Apart from ``end_token``, because a fan-out does little else.
    """
    token.state = TokenState.DONE
    index = token.index
    del fork.live[index]
    fork.wins.append(index)
    body = vm.program.bodies[token.body]
    result = body.result
    if result is not None:
        value = token.frame[result]
        if value is not UNSET:
            fork.results[index] = value
    if body.outs:
        if fork.outs is None:
            fork.outs = {}
        frame = token.frame
        fork.outs[index] = tuple([frame[inner] for inner, _, _ in body.outs])
    if token.undo:
        fork.undo.extend(token.undo)
    if fork.live and not fork.limit and not fork.need and not fork.closing:
        return  # the others are still under way and none waits to be started
    count_end(vm, fork)


def count_end(vm: Vm, fork: Fork) -> None:
    """A branch has ended: see whether the fork is decided, or settled."""
    if not fork.closing:
        _decide(vm, fork)
    elif not fork.under_way:
        _settle(vm, fork)


# --- forks --------------------------------------------------------------------------------------
def _decide(vm: Vm, fork: Fork) -> None:
    """After a branch ended: is the join met, lost or still open?"""
    if fork.need == 0:
        closing = bool(fork.faults) or len(fork.wins) == fork.total
    else:
        open_ = fork.total - len(fork.wins) - len(fork.faults)
        closing = len(fork.wins) >= fork.need or len(fork.wins) + open_ < fork.need
    if closing:
        close_fork(vm, fork)
    elif fork.limit and fork.next < fork.total:
        start_branches(vm, fork)


def join_fork(vm: Vm, fork: Fork) -> None:
    """The owner reached its JOIN; a fork that started no branch is decided there."""
    if not fork.under_way:
        _decide(vm, fork)


def close_fork(vm: Vm, fork: Fork | Compensation) -> None:
    """The outcome is decided: cancel what still runs, then settle."""
    if isinstance(fork, Compensation) or fork.closing:
        return
    fork.closing = True
    if fork.pure is not None:  # branches that have not begun end here, unseen
        fork.pure.state, fork.virtual = TokenState.DONE, 0
    if not fork.under_way:
        _settle(vm, fork)
    elif fork.calls is not None:
        _close_calls(vm, fork, fork.calls)
    else:
        for token in list(fork.live.values()):
            cancel(vm, token, Fault("cancel", _UNNEEDED))


def _close_calls(vm: Vm, fork: Fork, calls: Calls) -> None:
    """The same for a FORKCALL, whose branches are tokens or not, in the order of their indexes.

    A call with an undo has to be awaited, by a token; others are dropped, neighbours as one.
    """
    program, body = vm.program, fork.bodies[0]
    # Branches that never started end here, unseen. Till then they, and one more, keep the fork from
    # being settled by those that are cancelled.
    unseen = fork.next - calls.at
    calls.at, calls.state = fork.next, TokenState.DONE
    fork.virtual += 1
    undone = program.call_body(body).undo is not None
    dropped: list[int] = []

    def drop() -> None:
        if dropped:
            step = program.step_at(program.bodies[body].entry)
            vm.effect(CallsDrop(calls.prefix, 1, step, tuple(dropped)))
            fork.virtual -= len(dropped)
            dropped.clear()

    out = [index for index, is_out in enumerate(calls.out) if is_out]
    for index in sorted([*out, *fork.live]):
        token = fork.live.get(index)
        if token is None and not undone:
            calls.out[index] = 0
            dropped.append(index)
        else:
            drop()
            cancel(vm, token or calling_token(vm, fork, index), Fault("cancel", _UNNEEDED))
    drop()
    fork.virtual -= unseen + 1
    if not fork.under_way:
        _settle(vm, fork)


def _settle(vm: Vm, fork: Fork) -> None:
    """All branches have ended: undo the lost ones (any, n), then wake the owner."""
    owner = fork.owner
    if fork.lost and owner.cancelling is None:
        compensation = Compensation(fork.lost, fork)
        fork.lost = []
        next_undo(vm, compensation)
    else:
        _conclude(vm, fork)


def _conclude(vm: Vm, fork: Fork) -> None:
    owner = fork.owner
    owner.child = None
    if fork.calls is not None:
        del vm.run.forks[fork.calls.prefix]
    gained = fork.undo + fork.lost
    if gained:
        gained.sort(key=lambda e: e.seq)
        if owner.undo is None:
            owner.undo = gained
        else:
            owner.undo.extend(gained)
    if owner.cancelling is not None:
        fault, owner.cancelling = owner.cancelling, None
        others: list[Value] = [other.public() for _, other in fork.faults]
        unwind_cancel(vm, owner, fault.with_list("others", others))
        return
    lost = _join_fault(vm, fork)
    if lost is not None:
        raise_fault(vm, owner, lost)
        return
    fault_ = apply_outs(vm.program, fork, vm.run.context)
    if fault_ is not None:
        raise_fault(vm, owner, fault_)
        return
    _, into, shape = vm.program.code[owner.pc]
    if into is not None:
        owner.frame[into] = shape_result(vm.program, fork, shape)
    vm.goto(owner, owner.pc + 1)


def _join_fault(vm: Vm, fork: Fork) -> Fault | None:
    if fork.need == 0:
        if not fork.faults:
            return None
        first, *others = [fault for _, fault in fork.faults]
        return first.with_list("others", [f.public() for f in others])
    if len(fork.wins) >= fork.need:
        return None
    errors: list[Value] = [fault.public() for _, fault in fork.faults]
    message = f"{len(fork.wins)} of {fork.total} branches arrived, {fork.need} were needed"
    step = vm.program.step_at(fork.owner.pc)
    return Fault("join.failed", message, step, data={"errors": errors})


# --- compensation -------------------------------------------------------------------------------
def next_undo(vm: Vm, compensation: Compensation) -> None:
    """Start the newest undo that is left, or go on with what the compensation was for."""
    if compensation.entries:
        entry = compensation.entries.pop()
        compensation.step = entry.step
        program = vm.program
        pc = program.bodies[entry.body].entry
        path = (*entry.path, entry.n, -1)
        token = Token(path, entry.body, pc, entry.captured, compensation, 0)
        token.state = TokenState.DONE
        vm.wake(token)
        return
    then = compensation.then
    if then is None:
        _finish_ending(vm, compensation.failures)
        return
    for failure in compensation.failures:
        text = f"undo of {failure['step']} failed: {failure['error']['message']}"
        vm.effect(LogOut(str(failure["step"]), "error", text))
    if isinstance(then, Fork):
        _conclude(vm, then)
    else:
        _end_compensate(vm, then, compensation.failures)


def _end_compensate(vm: Vm, token: Token, failures: list[Any]) -> None:
    """COMPENSATE is done: strip the request from the stored error and go on."""
    slot = vm.program.code[token.pc][1]
    fault = Fault.load(token.frame[slot]).with_list("undo_failed", failures)
    fault.compensate = False
    token.frame[slot] = fault.stored()
    deferred = token.deferred
    if deferred is not None and not shielded(token, deferred.scope):
        token.deferred = None
        unwind_cancel(vm, token, deferred)
    else:
        vm.goto(token, token.pc + 1)


# --- the end of the run -------------------------------------------------------------------------
def _end_root(vm: Vm, token: Token, fault: Fault | None) -> None:
    if fault is None:
        raise KernelInvariantError("the root token ended without RETURN")
    status = "Cancelled" if fault.type == "cancel" else "Failed"
    vm.run.ending = (status, fault)
    entries = take_undos(token, 0)
    if entries:
        next_undo(vm, Compensation(entries, None))
    else:
        _finish_ending(vm, [])


def _finish_ending(vm: Vm, failures: list[Any]) -> None:
    if vm.run.ending is None:
        raise KernelInvariantError("a run ends without an outcome")
    status, fault = vm.run.ending
    finish(vm, status, None, fault.with_list("undo_failed", failures).public())
