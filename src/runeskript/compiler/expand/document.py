"""AST -> core: the document as a whole, and the table of lowerings."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from ...model import ast
from ...model.ast import Document, Site, Step
from .. import core
from ..irtools import const, name
from . import forks, loops, machines, steps, tries
from .builder import Builder, Lowering, Shared


def _lower_for(b: Builder, step: ast.For, site: int) -> None:
    if step.limit is None:
        loops.lower_sequential_for(b, step, site)
    else:
        forks.lower_parallel_for(b, step, site)


TABLE: Mapping[type[Step], Lowering] = MappingProxyType(
    {
        ast.Set: steps.lower_set,
        ast.Call: steps.lower_call,
        ast.If: steps.lower_if,
        ast.Switch: steps.lower_switch,
        ast.For: _lower_for,
        ast.While: loops.lower_while,
        ast.Break: loops.lower_break,
        ast.Continue: loops.lower_continue,
        ast.Parallel: forks.lower_parallel,
        ast.Yield: steps.lower_yield,
        ast.Try: tries.lower_try,
        ast.Do: steps.lower_do,
        ast.Wait: steps.lower_wait,
        ast.Listen: steps.lower_listen,
        ast.Emit: steps.lower_emit,
        ast.Run: steps.lower_run,
        ast.Log: steps.lower_log,
        ast.Raise: steps.lower_raise,
        ast.Return: steps.lower_return,
        ast.Flow: steps.lower_flow,
    }
)


def expand(document: Document) -> core.Program:
    """The core form of a document.

    Never fails: what makes no sense (a ``break`` outside a loop ...) is left out here and reported
    by the validation, so that one mistake does not hide the others.
    """
    reducers = {var.name: var.reduce for var in document.vars if var.reduce is not None}
    shared = Shared(TABLE, dict(reducers))
    root = core.Body(document.name, "root", None)
    b = Builder(shared, root, {})
    site = b.site(Site("", document.span))
    if document.notice:
        _take_over(b, site)
    table = None
    if document.machine is not None:
        table = machines.lower_machine(b, document.machine, site)
    for var in document.vars:
        here = b.site(Site(var.pointer, var.span))
        b.set(here, var.name, b.ir(var.value), (var.value,))
        b.wrote(here, var)
    if document.catches or document.finally_ is not None:
        body = (_with_deadline(document),) if document.timeout is not None else document.body
        tries.lower_try(
            b,
            ast.Try(Site("", document.span), None, None, body, document.catches, document.finally_),
            site,
        )
    elif document.machine is not None:
        pass
    elif document.timeout is not None:
        b.step(_with_deadline(document))
    else:
        b.block(document.body)
    b.op(core.Return(site, (), None))
    return core.Program(
        document,
        root,
        shared.sites,
        dict(reducers),
        shared.unreachable,
        shared.assigned,
        shared.labels,
        table,
    )


def _take_over(b: Builder, site: int) -> None:
    """`error`, `job` and `input` are those of the job that failed, which the input holds."""
    for known in ("error", "job", "input"):
        hidden = b.hidden(known)
        b.set(site, hidden, ("item", name("input"), const(known)))
        b.renames = {**b.renames, known: hidden}


def _with_deadline(document: Document) -> ast.Do:
    return ast.Do(Site("", document.span), None, document.timeout, document.body)
