"""Lowers ``parallel`` and the parallel ``for``: a fork, its bodies, and the join behind it."""

from __future__ import annotations

from typing import Literal

from ...model import ast
from .. import core
from ..irtools import const, isset, name
from .builder import Builder, LoopWays, contribution

Shape = Literal["none", "object", "list", "winner"]


def need(policy: ast.JoinPolicy) -> int:
    """How many branches a join waits for; 0 is all."""
    if policy == "all":
        return 0
    return 1 if policy == "any" else policy


def lower_parallel(b: Builder, step: ast.Parallel, site: int) -> None:
    """``parallel``: one body per branch."""
    bodies = []
    for branch in step.branches:
        inner = b.inner(branch.name, "branch")
        _fill(inner, branch.body, site)
        bodies.append(inner.body)
    shape: Shape = "winner" if step.join == "any" else "object"
    fork = core.Fork(site, (), tuple(bodies), need(step.join))
    _join(b, fork, step.into, "none" if step.into is None else shape, step.join == "all")


def lower_parallel_for(b: Builder, step: ast.For, site: int) -> None:
    """``for`` with ``parallel``: one body for all elements."""
    inner = b.inner(f"{step.site.name}[]", "iteration")
    inner.body.item, inner.body.index = step.item, step.index
    b.shared.loop_names.update(n for n in (step.item, step.index) if n is not None)
    _fill(inner, step.body, site)
    limit = None if step.limit is None or step.limit.ir == const(0) else step.limit
    reads = (step.over,) if limit is None else (step.over, limit)
    over = ("aslist", b.ir(step.over))
    fork = core.ForkN(site, reads, inner.body, over, b.optional(limit), need(step.join))
    _join(b, fork, step.collect, "none" if step.collect is None else "list", outs=False)


def _fill(inner: Builder, block: ast.Block, site: int) -> None:
    """The code of a branch or an iteration; every path ends with Arrive."""
    result = inner.hidden("yield")
    inner.body.result = result
    inner.yields.append(result)
    end = inner.label()
    if inner.body.kind == "iteration":
        inner.ways.append(LoopWays(end, None, end, 0))
    inner.block(block)
    inner.mark(site, end)
    inner.op(core.Arrive(site, ()))
    if not inner.yielded:
        inner.body.result = None


def _join(
    b: Builder, fork: core.Fork | core.ForkN, into: ast.Target | None, shape: Shape, outs: bool
) -> None:
    site = fork.site
    bodies = fork.bodies if isinstance(fork, core.Fork) else (fork.body,)
    written: dict[str, core.Write] = {}
    reduced: list[str] = []
    for body in bodies:
        for variable, write in body.writes.items():
            reducer = b.shared.reducers.get(variable)
            if reducer is not None:
                outer = contribution(variable) if b.contributes(variable) else variable
                body.outs.append((contribution(variable), outer, reducer))
                reduced.append(variable)
            elif outs:
                body.outs.append((variable, variable, ""))
            else:
                continue
            written.setdefault(variable, write)
    variable_into = b.into(into)
    b.op(fork)
    b.op(core.Join(site, (), fork, variable_into, shape))
    for variable, write in written.items():
        b.body.writes.setdefault(variable, write)
    for variable in dict.fromkeys(reduced):
        if b.contributes(variable):
            share = contribution(variable)
            update = ("set", site, variable, name(share))
            b.pure(site, ("if", site, isset(share), (update,), ()))
    b.stored(site, into, variable_into)
