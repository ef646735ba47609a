"""What the steps of a machine may do, and where."""

from __future__ import annotations

from ...model import ast
from ...model.diagnostics import Diagnostics
from .environment import Environment
from .facts import Assignment, Facts
from .types import fits

_OBJECT = frozenset(("object",))
_WAITS = {ast.Wait: "wait", ast.Listen: "listen"}


def check_machine_steps(facts: Facts, env: Environment, found: Diagnostics) -> None:
    """Every check of this module, of a machine. ``env``: the types of the document's names."""
    for step, scope in zip(facts.steps, facts.scopes, strict=True):
        verb = _WAITS.get(type(step))
        if verb is not None and scope.part in ("action", "begin"):
            found.add(
                "RUNE-3041",
                f"a transition happens at once: it cannot `{verb}`",
                step.site.span,
                step.site.pointer,
                "a state is what waits: give it a `timeout`, or an activity (`do`) that listens",
            )
        elif isinstance(step, ast.Return) and scope.part:
            found.add(
                "RUNE-3041",
                "a machine returns nothing: what it has come to is its state and its `data`",
                step.site.span,
                step.site.pointer,
                "`set: {data.NAME: VALUE}` in a transition keeps a value",
            )
    for write in facts.data_writes:
        _check_write(write, env, found)


def _check_write(write: Assignment, env: Environment, found: Diagnostics) -> None:
    scope = write.scope
    if scope.part == "activity":
        message = "an activity cannot change `data`: transitions change it, one at a time"
        hint = "set a variable and `emit` it, or do this in the transition that takes `done`"
    elif scope.forked:
        message = "a branch cannot change `data`"
        hint = "`yield` the value, gather it, and set `data` behind the join"
    elif scope.confined == "undo":
        message = "an `undo` cannot change `data`: where it runs, the transition has failed"
        hint = "`data` stays as it was before the transition"
    else:
        if not write.path and write.value is not None:
            type_, findings, _ = env.of(write.value)
            if not findings and not fits(type_, _OBJECT):
                found.add(
                    "RUNE-3028",
                    f"`data` must be object, is {type_.describe()}",
                    write.value.span,
                    write.value.pointer,
                )
        return
    found.add("RUNE-3040", message, write.span, write.pointer, hint)
