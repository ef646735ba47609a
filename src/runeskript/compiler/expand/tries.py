"""Lowers ``try``: the exception ranges, the clauses, and the one copy of ``finally``.

Without ``finally``::

          ENTER try                      d scopes before, d + 1 from here
    T:    body                           catch [T, TE) -> H, d + 1, $e
    TE:   LEAVE; JUMP after
    H:    error = fault($e); clauses in order; none matches: RERAISE $e
    C:    COMPENSATE $e; LEAVE; error = fault($e); the clause; JUMP after

An error that no clause wants goes on as it came, its undos not yet run: whoever catches it runs
them since *his* try. A ``break`` out of the body leaves by a stub behind TE, because no code in
the range may have fewer scopes than its row keeps.

With ``finally`` the scope stays open until all is over, a second row, finally [T, FH) -> FH,
d + 1, $f, covers body, handler and clauses, and every way out leads through F, its number in $c::

    TE:   $c = 0; JUMP F                 (so do the clauses that complete)
    FH:   $c = 1
    F:    LEAVE; ENTER shield; the block; LEAVE
          0: after   1: RERAISE $f   2...: return, break, continue go on outwards
"""

from __future__ import annotations

from ...model import ast
from ...model.ast import IR
from .. import core
from ..irtools import NULL, compare, const, name
from .builder import Builder, FinallyWays, TryWays


def lower_try(b: Builder, step: ast.Try, site: int) -> None:
    """``try``; the document's own ``catch`` and ``finally`` are lowered as one, too."""
    if step.finally_ is None:
        _with_catches(b, step, site)
    else:
        _with_finally(b, step, step.finally_, site)


def _with_catches(b: Builder, step: ast.Try, site: int) -> None:
    after = b.label()
    b.enter(site, "try")
    ways = TryWays(b.depth)
    b.ways.append(ways)
    handler, fault = _guarded(b, step, site)
    b.ways.pop()
    b.leave(site)
    b.jump(site, after)
    for way, stub in ways.stubs.items():
        b.mark(site, stub)
        b.op(core.Leave(site, ()))
        b.go(site, way)
    b.mark(site, handler, reached=True)
    _clauses(b, step.catches, site, fault, after, close=True)
    b.mark(site, after)


def _with_finally(b: Builder, step: ast.Try, block: ast.Block, site: int) -> None:
    code, fault = b.hidden("way"), b.hidden("fault")
    start, done, handler, onward, after = (b.label() for _ in range(5))
    b.enter(site, "try")
    ways = FinallyWays(code, onward, b.depth)
    b.ways.append(ways)
    b.mark(site, start)
    if step.catches:
        catch, caught = _guarded(b, step, site)
        b.jump(site, done)
        b.mark(site, catch, reached=True)
        _clauses(b, step.catches, site, caught, done, close=False)
    else:
        b.block(step.body)
    b.ways.pop()
    b.mark(site, done)
    completes = b.reachable
    b.set(site, code, const(0))
    b.jump(site, onward)
    b.mark(site, handler, reached=True)
    b.body.ranges.append(core.Range(start, handler, handler, "finally", b.depth, fault))
    b.set(site, code, const(1))
    b.mark(site, onward)
    b.leave(site)
    _finally(b, block, site, code, fault)
    _dispatch(b, site, ways, fault, after if completes else None)
    b.mark(site, after)


def _guarded(b: Builder, step: ast.Try, site: int) -> tuple[core.Label, str]:
    """The body under its catch row; the handler's label and the variable it finds the error in."""
    start, end, handler = b.label(), b.label(), b.label()
    fault = b.hidden("fault")
    b.mark(site, start)
    b.block(step.body)
    b.mark(site, end)
    b.body.ranges.append(core.Range(start, end, handler, "catch", b.depth, fault))
    return handler, fault


def _clauses(
    b: Builder,
    catches: tuple[ast.CatchClause, ...],
    site: int,
    fault: str,
    after: core.Label,
    *,
    close: bool,
) -> None:
    """The clauses in order; ``close``: the scope of the try ends where a clause begins."""
    error = b.hidden("error")
    outer, b.renames = b.renames, {**b.renames, "error": error}
    open_depth, closed_depth = (b.depth + 1, b.depth) if close else (b.depth, b.depth)
    if any(clause.when is not None for clause in catches):
        b.set(site, error, ("fault", name(fault)))
    for clause in catches:
        here = b.site(ast.Site(clause.pointer, clause.span)) if clause.pointer else site
        otherwise = b.label()
        b.depth = open_depth
        if clause.when is not None:
            b.test(here, b.ir(clause.when), otherwise, (clause.when,))
        b.op(core.Compensate(here, (), fault))
        if close:
            b.leave(here)
        b.set(here, error, ("fault", name(fault)))
        b.block(clause.body)
        b.jump(here, after)
        # Behind a clause that catches everything the others are lowered all the same: that they
        # are never reached is one finding, not one for each step in them.
        b.mark(here, otherwise, reached=clause is not catches[-1])
    b.op(core.Reraise(site, (), fault))
    b.depth = closed_depth
    b.renames = outer


def _finally(b: Builder, block: ast.Block, site: int, code: str, fault: str) -> None:
    error = b.hidden("error")
    raised: IR = compare("==", name(code), const(1))
    # The fault's variable may still hold that of an earlier turn of a loop.
    b.set(site, error, ("ifelse", raised, ("fault", name(fault)), NULL))
    outer = b.renames
    b.renames = {**outer, "error": error}
    ways, b.ways = b.ways, []
    around, b.shielded = b.shielded, True
    b.enter(site, "shield")
    b.block(block)
    b.leave(site)
    b.renames, b.ways, b.shielded = outer, ways, around


def _dispatch(
    b: Builder, site: int, ways: FinallyWays, fault: str, after: core.Label | None
) -> None:
    """Where ``finally`` leads on to, by the number of the way that led into it."""
    targets: list[tuple[int, core.Label]] = []
    if after is not None:
        targets.append((0, after))
    onward = [(way, b.label()) for way in ways.codes]
    targets += [(ways.codes[way], label) for way, label in onward]
    if targets:
        chain: tuple[IR, ...] = (("exit", 0),)
        for k, (number, _) in reversed(list(enumerate(targets, 1))):
            test = compare("==", name(ways.code), const(number))
            chain = (("if", site, test, (("exit", k),), chain),)
        exits = (None, *(label for _, label in targets))
        numbers = (1, *(number for number, _ in targets))
        b.op(core.Pure(site, (), chain, exits, dispatch=(ways.code, numbers)))
    b.op(core.Reraise(site, (), fault))
    for way, label in onward:
        b.mark(site, label)
        b.go(site, way)
