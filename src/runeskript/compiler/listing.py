"""The core form as text: one line per operation, one stanza per body."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from ..model.ir_text import expression_text as show
from ..model.ir_text import region_text
from . import core, machine_ops


def show_core(program: core.Program) -> str:
    """All bodies of a program."""
    lines: list[str] = []
    for body in program.bodies():
        lines += _body(program, body)
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def _body(program: core.Program, body: core.Body) -> Iterator[str]:
    yield f"{body.kind} {body.name}"
    for key, value in (("item", body.item), ("index", body.index), ("yields", body.result)):
        if value is not None:
            yield f"  {key} {value}"
    for inner, outer, reducer in body.outs:
        yield f"  out {inner} -> {outer}{f' ({reducer})' if reducer else ''}"
    used = core.labels_used(body)
    for op in body.ops:
        if isinstance(op, core.Mark):
            if op.label in used:
                yield f"L{op.label}:"
            continue
        for line in _OPS[type(op)](op):
            yield f"    {line}"
    for row in body.ranges:
        yield (
            f"  {row.kind} L{row.start}..L{row.end} -> L{row.handler}, "
            f"{row.depth} scopes, {row.variable}"
        )


def _jump(op: core.Jump) -> Iterator[str]:
    yield f"goto L{op.to}"


def _pure(op: core.Pure) -> Iterator[str]:
    exits = ["on" if to is None else f"L{to}" for to in op.exits]
    lines = [text for _, text in region_text(op.statements, None, exits)]
    if lines and lines[-1] == "goto on":
        lines.pop()
    yield "loop" if op.loop else "pure"
    yield from (f"    {line}" for line in lines)


def _policy(policy: core.Policy | None, undo: core.Body | None) -> str:
    parts = []
    if policy is not None:
        if policy.max_attempts != 1:
            on = f" on {' '.join(policy.retry_on)}" if policy.retry_on else ""
            parts.append(
                f"retry {policy.max_attempts}{on} {policy.backoff_ms}..{policy.backoff_max_ms}ms"
            )
        if policy.timeout is not None:
            parts.append(f"timeout {show(policy.timeout)}")
        if policy.on_crash != "rerun":
            parts.append(f"on_crash {policy.on_crash}")
        if policy.queue is not None:
            parts.append(f"queue {policy.queue}")
    if undo is not None:
        parts.append(f"undo {undo.name}")
    return "".join(f"; {part}" for part in parts)


def _into(name: str | None) -> str:
    return "" if name is None else f"{name} = "


def _call(op: core.Call) -> Iterator[str]:
    params = "" if op.params is None else f" {show(op.params)}"
    more = _policy(op.policy, op.undo) + ("; grouped" if op.grouped else "")
    yield f"{_into(op.into)}call {op.handler}{params}{more}"


def _run(op: core.Run) -> Iterator[str]:
    name = op.path if op.path is not None else op.name
    version = "" if op.version is None else f"@{op.version}"
    params = "" if op.params is None else f" {show(op.params)}"
    detach = "; detach" if op.detach else ""
    yield f"{_into(op.into)}run {name}{version}{params}{_policy(op.policy, op.undo)}{detach}"


def _fork(op: core.Fork) -> Iterator[str]:
    pure = "; pure" if op.pure else ""
    yield f"fork {', '.join(body.name for body in op.bodies)}; need {op.need or 'all'}{pure}"


def _forkn(op: core.ForkN) -> Iterator[str]:
    limit = "" if op.limit is None else f"; limit {show(op.limit)}"
    how = "; calls" if op.calls else "; pure" if op.pure else ""
    yield f"fork {op.body.name} over {show(op.over)}{limit}; need {op.need or 'all'}{how}"


def _join(op: core.Join) -> Iterator[str]:
    yield f"{_into(op.into)}join {op.shape}"


def _wait(op: core.Wait) -> Iterator[str]:
    parts = []
    if op.due is not None:
        parts.append(f"{op.clock} {show(op.due)}")
    if op.listen is not None:
        listen = op.listen
        key = "" if listen.key is None else f" key {show(listen.key)}"
        where = "" if listen.where is None else f" where {show(listen.where)}"
        schema = "" if listen.schema is None else f" schema {show(('const', listen.schema))}"
        parts.append(f"listen {show(listen.topic)}{key}{where}{schema}")
    yield f"{_into(op.into)}wait {'; '.join(parts)}"


def _emit(op: core.Emit) -> Iterator[str]:
    parts = [("key", op.key), ("to", op.to), ("with", op.data), ("keep", op.keep)]
    rest = "".join(f" {key} {show(ir)}" for key, ir in parts if ir is not None)
    yield f"emit {show(op.topic)}{rest}"


def _log(op: core.Log) -> Iterator[str]:
    yield f"log {op.level} {show(op.text)}"


def _enter(op: core.Enter) -> Iterator[str]:
    yield f"enter {op.kind}" + ("" if op.deadline is None else f" {show(op.deadline)}")


def _return(op: core.Return) -> Iterator[str]:
    yield "return" if op.value is None else f"return {show(op.value)}"


def _await(op: machine_ops.Await) -> Iterator[str]:
    yield f"{op.event}, {op.actor}, {op.into} = await state {op.state}"


def _move(op: machine_ops.Move) -> Iterator[str]:
    due = "" if op.due is None else f" due {show(op.due)}"
    yield f"move {op.to}{_by(op.transition)}{due}"


def _by(transition: int | None) -> str:
    return "" if transition is None else f" by {transition}"


def _word(word: str) -> Callable[[Any], Iterator[str]]:
    return lambda op: iter((word,))


_OPS: Final[dict[type[core.Op], Callable[[Any], Iterator[str]]]] = {
    core.Jump: _jump,
    core.Pure: _pure,
    core.Call: _call,
    core.Run: _run,
    core.Fork: _fork,
    core.ForkN: _forkn,
    core.Arrive: _word("arrive"),
    core.Join: _join,
    core.Wait: _wait,
    core.Emit: _emit,
    core.Log: _log,
    core.Enter: _enter,
    core.Leave: _word("leave"),
    core.Raise: lambda op: iter((f"raise {show(op.error)}",)),
    core.Reraise: lambda op: iter((f"reraise {op.variable}",)),
    core.Compensate: lambda op: iter((f"compensate {op.variable}",)),
    core.Return: _return,
    machine_ops.Await: _await,
    machine_ops.Pass: lambda op: iter((f"pass {op.into}",)),
    machine_ops.Refuse: lambda op: iter((f"refuse {op.variable}",)),
    machine_ops.Move: _move,
    machine_ops.Fail: lambda op: iter((f"fail {op.variable}" + _by(op.transition),)),
    machine_ops.Event: lambda op: iter((f"event {show(op.event)}",)),
}
