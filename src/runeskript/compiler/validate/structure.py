"""Where a step may stand: jumps, yields, joins, clauses, undos, and steps nothing leads to."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

from ...model import ast
from ...model.diagnostics import Diagnostics
from ...model.limits import TOPIC
from .. import core
from .facts import Facts
from .scopes import Scope

_BEYOND = {
    "fork": "`{verb}` cannot leave a branch of a fork",
    "finally": "`{verb}` cannot leave a `finally`",
    "undo": "`{verb}` cannot leave an `undo`",
}
_RETURN_HINT = {
    "fork": "`yield` the value and collect it; `join: any` ends the fork with the first winner",
    "finally": "a `finally` may call and set, but the run goes on as it would without it",
    "undo": "an undo takes back what one step did; it has no result",
}


def check_structure(facts: Facts, programs: Iterable[core.Program], found: Diagnostics) -> None:
    """Every check of this module."""
    for step, scope in zip(facts.steps, facts.scopes, strict=True):
        check = _STEPS.get(type(step))
        if check is not None:
            check(step, scope, found)
    _check_clauses(facts.document.catches, found)
    _check_gathers(facts, found)
    for site in (site for program in programs for site in program.unreachable):
        found.add(
            "RUNE-3020",
            "no path leads to this step",
            site.span,
            site.pointer,
            "the step before it never goes on; remove one of them or give it a condition",
        )


def _check_jump(step: ast.Break | ast.Continue, scope: Scope, found: Diagnostics) -> None:
    verb = "break" if isinstance(step, ast.Break) else "continue"
    span, pointer = step.site.span, step.site.pointer
    if not scope.loop:
        found.add("RUNE-3014", f"`{verb}` outside a loop", span, pointer)
    elif scope.barrier:
        fork = scope.barrier == "fork" and verb == "break"
        hint = "`join: any` ends the fork with the first winner" if fork else None
        message = _BEYOND[scope.barrier].format(verb=verb)
        found.add("RUNE-3015", message, span, pointer, hint)
    elif verb == "break" and scope.loop == "parallel":
        found.add(
            "RUNE-3015",
            "`break` cannot end a parallel `for`",
            span,
            pointer,
            "`continue` ends this iteration; `join: any` ends the loop with the first winner",
        )


def _check_return(step: ast.Return, scope: Scope, found: Diagnostics) -> None:
    if scope.confined and not scope.part:
        found.add(
            "RUNE-3016",
            _BEYOND[scope.confined].format(verb="return"),
            step.site.span,
            step.site.pointer,
            _RETURN_HINT[scope.confined],
        )


def _check_yield(step: ast.Yield, scope: Scope, found: Diagnostics) -> None:
    if scope.sink is None:
        found.add(
            "RUNE-3017",
            "`yield` outside a branch, a parallel `for` or a `for` with `collect`",
            step.site.span,
            step.site.pointer,
            "`set: {data.NAME: VALUE}` in a transition keeps a value"
            if scope.part
            else "`return` ends the run with a value",
        )


def _check_clauses(catches: tuple[ast.CatchClause, ...], found: Diagnostics) -> None:
    for i, clause in enumerate(catches[:-1]):
        if clause.when is None:
            after = catches[i + 1]
            found.add(
                "RUNE-3020",
                "this clause is never reached: the one before it catches everything",
                after.span,
                after.pointer,
                "a clause without `when` comes last",
                related=((clause.span, "catches everything"),),
            )
            return


def _check_join(
    step: ast.Parallel | ast.For, join: ast.JoinPolicy, most: int, what: str, found: Diagnostics
) -> None:
    if isinstance(join, int) and not 1 <= join <= most:
        reason = f"there are only {most} {what}" if join > most else "it waits for nothing"
        found.add(
            "RUNE-3021",
            f"`join: {join}` cannot be met: {reason}",
            step.site.span,
            f"{step.site.pointer}/join",
            "all, any, or a number from 1 up to that of the branches",
        )
    elif join == "any" and most == 0:
        found.add(
            "RUNE-3021",
            f"`join: any` cannot be met: there are no {what}",
            step.site.span,
            f"{step.site.pointer}/join",
        )


def _check_try(step: ast.Try, scope: Scope, found: Diagnostics) -> None:
    _check_clauses(step.catches, found)


def _check_parallel(step: ast.Parallel, scope: Scope, found: Diagnostics) -> None:
    _check_join(step, step.join, len(step.branches), "branches", found)


def _check_for(step: ast.For, scope: Scope, found: Diagnostics) -> None:
    if step.limit is None:
        return
    over = step.over
    most = 2**63
    if over.ir[0] == "list" or (over.is_const and isinstance(over.ir[1], list)):
        most = len(over.ir[1])
    _check_join(step, step.join, most, "elements", found)


def _check_cases(step: ast.Switch, scope: Scope, found: Diagnostics) -> None:
    seen: list[tuple[object, ast.Expr]] = []
    for values, _ in step.cases:
        for value in values:
            if not value.is_const:
                continue
            constant = value.ir[1]
            first = next((e for c, e in seen if _same(c, constant)), None)
            if first is not None:
                found.add(
                    "RUNE-3020",
                    "this case is never reached: the same value stands above",
                    value.span,
                    value.pointer,
                    related=((first.span, "the first is here"),),
                )
            elif len(seen) < 1_000:  # beyond, the search would cost more than it tells
                seen.append((constant, value))


def _same(one: object, other: object) -> bool:
    """Whether two constants are surely equal in the language (1 is 1.0, but not true)."""
    numbers = (int, float)
    if type(one) in numbers and type(other) in numbers:
        return one == other
    return type(one) is type(other) and not isinstance(one, list | dict) and one == other


def _check_topic(step: ast.Listen | ast.Emit, scope: Scope, found: Diagnostics) -> None:
    topic = step.topic
    if topic.is_const and type(topic.ir[1]) is str and not 0 < len(topic.ir[1]) <= TOPIC:
        found.add("RUNE-1114", f"a topic has 1 to {TOPIC} characters", topic.span, topic.pointer)


def _check_flow(step: ast.Flow, scope: Scope, found: Diagnostics) -> None:
    """Of a flow that no front end made."""
    count = len(step.steps)
    problem = None
    if not len(step.labels) == len(step.jumps) == count:
        problem = f"{count} steps, {len(step.labels)} labels and jumps of {len(step.jumps)}"
    elif len(set(step.labels)) < count:
        problem = "a label that stands twice"
    elif any(to is not None and not 0 <= to < count for row in step.jumps for _, to in row):
        problem = "a jump to a step that is not there"
    elif any(condition is None for row in step.jumps for condition, _ in row[:-1]):
        problem = "a jump that is never reached"
    if problem is not None:
        message = f"this flow has {problem}"
        found.add("RUNE-3015", message, step.site.span, step.site.pointer)


def _check_undo(step: ast.Call | ast.Run, scope: Scope, found: Diagnostics) -> None:
    undo = step.undo
    if undo is None:
        return
    if isinstance(undo, ast.Call | ast.Run) and undo.undo is not None:
        found.add(
            "RUNE-3022",
            "an `undo` has no `undo` of its own",
            undo.site.span,
            undo.site.pointer,
            "one that fails is listed with the error; the others still run",
        )
    if isinstance(step, ast.Run) and step.detach:
        found.add(
            "RUNE-3022",
            "a detached `run` has no `undo`: it has not succeeded when it is started",
            undo.site.span,
            undo.site.pointer,
        )


#: Steps of which there is something to check.
_STEPS: Final[dict[type[ast.Step], Callable[[Any, Scope, Diagnostics], None]]] = {
    ast.Break: _check_jump,
    ast.Continue: _check_jump,
    ast.Return: _check_return,
    ast.Yield: _check_yield,
    ast.Try: _check_try,
    ast.Parallel: _check_parallel,
    ast.For: _check_for,
    ast.Switch: _check_cases,
    ast.Flow: _check_flow,
    ast.Call: _check_undo,
    ast.Run: _check_undo,
    ast.Listen: _check_topic,
    ast.Emit: _check_topic,
}


def _check_gathers(facts: Facts, found: Diagnostics) -> None:
    """``collect`` and ``into`` without a yield, yields without one of them."""
    for sinks, step in facts.gathers:
        target = step.collect if isinstance(step, ast.For) else step.into
        yields = sum(len(sink.yields) for sink in sinks)
        if target is not None and not yields:
            key = "collect" if isinstance(step, ast.For) else "into"
            found.add(
                "RUNE-3018",
                f"`{key}: {target.name}` gathers nothing: no step here yields",
                target.span,
                target.pointer,
                "`- yield: VALUE` is the value of a branch",
            )
        elif target is None and yields:
            key = "collect" if isinstance(step, ast.For) else "into"
            found.add(
                "RUNE-3018",
                f"what is yielded here is dropped: the step has no `{key}`",
                step.site.span,
                step.site.pointer,
                f"add `{key}: NAME`",
            )
