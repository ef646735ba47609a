"""Lowers the steps that are one operation, and the conditionals."""

from __future__ import annotations

from ...model import ast
from ...model.ast import IR
from .. import core
from ..irtools import NULL, compare, const, name
from .builder import RETURN, Builder, FinallyWays


def lower_set(b: Builder, step: ast.Set, site: int) -> None:
    """``set``: one assignment after the other."""
    for target, value in step.assignments:
        b.assign(site, target, b.ir(value), (value,))


def lower_call(b: Builder, step: ast.Call, site: int) -> None:
    """``call``."""
    params, reads = b.args(step.args)
    policy = _policy(b, step, step.on_crash, step.queue)
    into = b.into(step.into)
    undo = _undo(b, step, into, site)
    reads = (*reads, step.timeout) if step.timeout is not None else reads
    b.op(core.Call(site, reads, step.handler, params, into, policy, undo))
    b.stored(site, step.into, into)


def lower_run(b: Builder, step: ast.Run, site: int) -> None:
    """``run``."""
    params, reads = b.args(step.args)
    policy = _policy(b, step, "rerun", None)
    into = b.into(step.into)
    undo = _undo(b, step, into, site)
    reads = (*reads, step.timeout) if step.timeout is not None else reads
    b.op(
        core.Run(
            site,
            reads,
            step.name,
            step.version,
            step.path,
            step.skript_span,
            params,
            into,
            policy,
            undo,
            step.detach,
        )
    )
    b.stored(site, step.into, into)


def _policy(
    b: Builder, step: ast.Call | ast.Run, on_crash: str, queue: str | None
) -> core.Policy | None:
    retry = step.retry
    if retry is None and step.timeout is None and on_crash == "rerun" and queue is None:
        return None
    policy = core.Policy(timeout=b.optional(step.timeout), queue=queue)
    policy.on_crash = "fail" if on_crash == "fail" else "rerun"
    if retry is not None:
        policy.max_attempts = retry.max
        policy.retry_on = retry.on
        policy.backoff_ms = retry.backoff_ms
        policy.backoff_max_ms = retry.backoff_max_ms
    return policy


def _undo(b: Builder, step: ast.Call | ast.Run, into: str | None, site: int) -> core.Body | None:
    undo, target = step.undo, step.into
    if undo is None:
        return None
    inner = b.inner(f"{step.site.name}.undo", "undo")
    if target is not None and target.path and into is not None:
        # The frame is captured when the call completes, before `into: a.b` is carried out.
        keys = tuple(inner.ir(key) for key in target.path)
        inner.pure(site, ("path", site, target.name, keys, name(into)))
    inner.step(undo)
    inner.op(core.Arrive(site, ()))
    return inner.body


def lower_if(b: Builder, step: ast.If, site: int) -> None:
    """``if`` with ``then``, and every ``elif``."""
    after = b.label()
    for number, (condition, block) in enumerate(step.branches, 1):
        last = number == len(step.branches) and not step.otherwise
        otherwise = after if last else b.label()
        b.test(site, b.ir(condition), otherwise, (condition,))
        b.block(block)
        if not last:
            b.jump(site, after)
            b.mark(site, otherwise)
    b.block(step.otherwise)
    b.mark(site, after)


def lower_switch(b: Builder, step: ast.Switch, site: int) -> None:
    """``switch``: the subject once, then one comparison after the other."""
    subject = b.hidden("switch")
    b.set(site, subject, b.ir(step.subject), (step.subject,))
    after = b.label()
    for values, block in step.cases:
        tests = tuple(compare("==", name(subject), b.ir(value)) for value in values)
        otherwise = b.label()
        b.test(site, tests[0] if len(tests) == 1 else ("or", tests), otherwise, values)
        b.block(block)
        b.jump(site, after)
        b.mark(site, otherwise)
    b.block(step.otherwise)
    b.mark(site, after)


def lower_do(b: Builder, step: ast.Do, site: int) -> None:
    """``do``: a group."""
    b.block(step.body)


def lower_wait(b: Builder, step: ast.Wait, site: int) -> None:
    """``wait``."""
    if step.until is not None:
        due: IR = ("instant", b.ir(step.until))
        b.op(core.Wait(site, (step.until,), due, "until", None, None))
    elif step.delay is not None:
        b.op(core.Wait(site, (step.delay,), b.ir(step.delay), "delay", None, None))


def lower_listen(b: Builder, step: ast.Listen, site: int) -> None:
    """``listen``; its ``timeout`` is a timer beside it."""
    listen = core.Listen(
        b.ir(step.topic), b.optional(step.key), b.optional(step.where), step.schema
    )
    parts = (step.topic, step.key, step.where, step.timeout)
    reads = tuple(expr for expr in parts if expr is not None)
    into = b.into(step.into)
    b.op(core.Wait(site, reads, b.optional(step.timeout), "delay", listen, into))
    b.stored(site, step.into, into)


def lower_emit(b: Builder, step: ast.Emit, site: int) -> None:
    """``emit``."""
    data, reads = b.args(step.args)
    parts = (step.topic, step.key, step.to, step.keep)
    reads = (*(expr for expr in parts if expr is not None), *reads)
    b.op(
        core.Emit(
            site,
            reads,
            b.ir(step.topic),
            b.optional(step.key),
            b.optional(step.to),
            data,
            b.optional(step.keep),
        )
    )


def lower_log(b: Builder, step: ast.Log, site: int) -> None:
    """``log``."""
    b.op(core.Log(site, (step.text,), b.ir(step.text), step.level))


def lower_raise(b: Builder, step: ast.Raise, site: int) -> None:
    """``raise``."""
    fields = (
        ("type", step.type),
        ("message", step.message),
        ("data", step.data),
        ("compensate", step.compensate),
    )
    given = [(key, expr) for key, expr in fields if expr is not None]
    error: IR = ("object", tuple((const(key), b.ir(expr)) for key, expr in given))
    b.op(core.Raise(site, tuple(expr for _, expr in given), error))


def lower_return(b: Builder, step: ast.Return, site: int) -> None:
    """``return``: at once, or through every ``finally`` around it."""
    value = b.ir(step.value)
    if b.shielded or b.body.kind != "root":
        # Refused where structure is checked; what comes behind it is not reported besides.
        b.set(site, "$return", value, (step.value,))
    elif any(isinstance(ways, FinallyWays) for ways in b.ways):
        b.set(site, "$return", value, (step.value,))
        b.go(site, RETURN)
    else:
        b.op(core.Return(site, (step.value,), None if value == NULL else value))


def lower_yield(b: Builder, step: ast.Yield, site: int) -> None:
    """``yield``: sets the value of the innermost branch, iteration or collecting loop."""
    if b.yields:
        b.yielded = b.yielded or b.yields[-1] == b.body.result
        b.set(site, b.yields[-1], b.ir(step.value), (step.value,))


def lower_flow(b: Builder, step: ast.Flow, site: int) -> None:
    """A ``Flow``: labelled steps with jumps between them.

    Every jump back leads to the head of a loop, where pure code yields, counts its turns and can be
    cancelled; in every cycle there is one.
    """
    after = b.label()
    labels = [b.label() for _ in step.steps]
    heads = {
        target
        for at, jumps in enumerate(step.jumps)
        for _, target in jumps
        if target is not None and target <= at
    }
    b.used.update(labels)  # any of them may be the target of a jump further down
    # What does not fit is reported by the validation (``structure.py``).
    for at, (label, inner, jumps) in enumerate(zip(labels, step.steps, step.jumps, strict=False)):
        b.mark(site, label)
        if at in heads:
            b.op(core.Pure(site, (), (("exit", 0),), core.ONWARD, loop=True))
        here = b.step(inner)
        for condition, target in jumps:
            known = target is not None and 0 <= target < len(labels)
            to = labels[target] if known and target is not None else after
            if condition is None:
                b.jump(here, to)
                break
            test = ("if", here, b.ir(condition), (("exit", 0),), (("exit", 1),))
            b.op(core.Pure(here, (condition,), (test,), (to, None)))
        else:
            b.jump(here, after)
    b.mark(site, after)
