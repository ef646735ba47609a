"""What operations read and write: the one place where the passes learn of an operation's parts.

Everything here fails loudly for an operation or statement it does not know: a read that nobody
sees would let a pass remove what is still needed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final, TypeAlias

from ...model.ast import IR
from .. import core, machine_ops

#: Rewrites one expression; gives the very same object where there is nothing to do.
Change: TypeAlias = "Callable[[IR], IR]"

#: Operation -> its fields that hold an expression, None where there is none.
EXPRESSIONS: Final[dict[type[core.Op], tuple[str, ...]]] = {
    core.Mark: (),
    core.Jump: (),
    core.Pure: (),
    core.Call: ("params",),
    core.Run: ("params",),
    core.Fork: (),
    core.ForkN: ("over", "limit"),
    core.Arrive: (),
    core.Join: (),
    core.Wait: ("due",),
    core.Emit: ("topic", "key", "to", "data", "keep"),
    core.Log: ("text",),
    core.Enter: ("deadline",),
    core.Leave: (),
    core.Raise: ("error",),
    core.Reraise: (),
    core.Compensate: (),
    core.Return: ("value",),
    machine_ops.Await: (),
    machine_ops.Pass: (),
    machine_ops.Refuse: (),
    machine_ops.Move: ("due",),
    machine_ops.Fail: (),
    machine_ops.Event: ("event",),
}


# --- reads ------------------------------------------------------------------------------------
def statement_names(statement: IR, names: set[str]) -> None:
    """Add the variables a statement of a region reads."""
    tag = statement[0]
    if tag == "set":
        expression_names(statement[3], names)
    elif tag == "path":  # changes a part: the rest of the variable's value is read
        names.add(statement[2])
        for key in statement[3]:
            expression_names(key, names)
        expression_names(statement[4], names)
    elif tag == "if":
        expression_names(statement[2], names)
        for inner in (*statement[3], *statement[4]):
            statement_names(inner, names)
    elif tag not in ("unset", "exit"):
        raise ValueError(f"no pass knows what {tag!r} reads")


def expression_names(ir: Any, names: set[str]) -> None:
    """Add the variables of an expression: all tuples in it are IR or lists of IR, but constants."""
    if ir is None:
        return
    tag = ir[0]
    if tag == "const":
        return
    if tag == "name" or tag == "isset":
        names.add(ir[1])
    else:
        for part in ir:
            if type(part) is tuple and part:
                expression_names(part, names)


# --- writes -----------------------------------------------------------------------------------
_STORING = (core.Call, core.Run, core.Wait)


def written(op: core.Op) -> Iterator[str]:
    """The variables an operation gives a value or takes it from, hidden ones included."""
    if isinstance(op, core.Pure):
        for statement in op.statements:
            yield from written_by(statement)
    elif isinstance(op, _STORING):
        if op.into is not None:
            yield op.into
    elif isinstance(op, core.Join):
        if op.into is not None:
            yield op.into
        for body in op.fork.branches:
            for _, outer, _ in body.outs:
                yield outer
    elif isinstance(op, core.Compensate | machine_ops.Fail):
        yield op.variable
    elif isinstance(op, machine_ops.Await):
        yield from (op.event, op.actor, op.into)
    elif isinstance(op, machine_ops.Pass):
        yield op.into


def written_by(statement: IR) -> Iterator[str]:
    """The variables a statement of a region writes."""
    tag = statement[0]
    if tag == "if":
        for inner in (*statement[3], *statement[4]):
            yield from written_by(inner)
    elif tag != "exit":
        yield statement[2]


# --- rewriting --------------------------------------------------------------------------------
def rewrite(op: core.Op, value: Change, part: Change) -> bool:
    """Replace the expressions of an operation; whether anything changed.

    ``value`` is for expressions whose value is kept as it is (an operand, what a variable is set
    to), ``part`` for those that something is made of first (a condition, a key of a path).
    """
    changed = False
    for field in EXPRESSIONS[type(op)]:
        old = getattr(op, field)
        new = old if old is None else value(old)
        if new is not old:
            setattr(op, field, new)
            changed = True
    if isinstance(op, core.Pure):
        statements = rewrite_statements(op.statements, value, part)
        changed = statements is not op.statements
        op.statements = statements
    elif isinstance(op, core.Call | core.Run):
        policy = op.policy
        if policy is not None and policy.timeout is not None:
            timeout = value(policy.timeout)
            if timeout is not policy.timeout:
                op.policy = core.Policy(
                    policy.max_attempts, policy.retry_on, policy.backoff_ms, policy.backoff_max_ms,
                    timeout, policy.on_crash, policy.queue,
                )  # fmt: skip
                changed = True
    elif isinstance(op, core.Wait) and op.listen is not None:
        listen = op.listen
        topic = value(listen.topic)
        key = None if listen.key is None else value(listen.key)
        where = None if listen.where is None else value(listen.where)
        if topic is not listen.topic or key is not listen.key or where is not listen.where:
            op.listen = core.Listen(topic, key, where, listen.schema)
            changed = True
    return changed


def rewrite_statements(statements: tuple[IR, ...], value: Change, part: Change) -> tuple[IR, ...]:
    """The statements with their expressions replaced; the same tuple where nothing changed."""
    out = tuple([_rewrite_statement(s, value, part) for s in statements])
    return statements if all(map(_same, out, statements)) else out


def _rewrite_statement(s: IR, value: Change, part: Change) -> IR:
    tag = s[0]
    new: IR
    if tag == "set":
        new = (tag, s[1], s[2], value(s[3]))
    elif tag == "path":
        new = (tag, s[1], s[2], tuple([part(key) for key in s[3]]), part(s[4]))
        return s if all(map(_same, new[3], s[3])) and new[4] is s[4] else new
    elif tag == "if":
        then = rewrite_statements(s[3], value, part)
        new = (tag, s[1], part(s[2]), then, rewrite_statements(s[4], value, part))
    else:
        return s
    return s if all(map(_same, new, s)) else new


def _same(one: object, other: object) -> bool:
    return one is other
