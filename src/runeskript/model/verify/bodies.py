"""Sizes, bodies and frames.

Bodies are disjoint address ranges that together are the whole code. Body 0 is the document and has
no parent; every other body is started from the body that is its parent, by a fork or as an undo.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ..blueprint import Blueprint, Body
from ..limits import FORK_DEPTH, INSTRUCTIONS, SLOTS
from .facts import Facts, is_index

_REDUCERS: Final = ("", "sum", "min", "max", "append", "merge")


def check_sizes(facts: Facts) -> None:
    """Sections that run in parallel have the same length; nothing is empty or too long."""
    bp = facts.bp
    if not bp.code:
        facts.say("the code is empty")
    if len(bp.code) > INSTRUCTIONS:
        facts.say(f"{len(bp.code)} instructions; the bound is {INSTRUCTIONS}")
    if not bp.bodies:
        facts.say("there is no body 0")
    if len(bp.sites) != len(bp.code):
        facts.say(f"{len(bp.sites)} sites for {len(bp.code)} instructions")
    if not all(is_index(site, len(bp.steps)) for site in bp.sites):
        facts.say("a site is no step")
    for name, have, want in (
        ("spans", bp.debug.spans, bp.code),
        ("step_spans", bp.debug.step_spans, bp.steps),
        ("slot_names", bp.debug.slot_names, bp.bodies),
    ):
        if have and len(have) != len(want):
            facts.say(f"debug: {len(have)} {name} where {len(want)} belong")


def check_bodies(facts: Facts) -> None:
    """Ranges, frames and parents of all bodies; fills ``facts.owner``."""
    bp = facts.bp
    for i, body in enumerate(bp.bodies):
        if not 0 <= body.entry < body.end <= len(bp.code):
            facts.say(f"body {i}: the range [{body.entry}, {body.end}) is not in the code")
        if not 0 <= body.slots <= SLOTS:
            facts.say(f"body {i}: {body.slots} slots; the bound is {SLOTS}")
        if (body.parent is None) != (i == 0):
            facts.say(f"body {i}: body 0 and no other has no parent")
        elif body.parent is not None and not is_index(body.parent, len(bp.bodies)):
            facts.say(f"body {i}: its parent {body.parent} is no body")
        else:
            facts.problems.extend(_slot_problems(i, body, bp))
    for i, names in enumerate(bp.debug.slot_names):
        if len(names) > bp.bodies[i].slots:
            facts.say(f"debug: body {i} has more names than slots")
    if not facts.problems:
        _check_layout(facts)
        _check_chain(bp.bodies, facts)


def _slot_problems(i: int, body: Body, bp: Blueprint) -> list[str]:
    """Captures, outs and the slots that the fork fills."""
    found: list[str] = []
    fills = [slot for slot in (body.item, body.index, body.result) if slot is not None]
    if body.parent is None:
        if body.captures or body.outs or fills:
            found.append("body 0: it has neither captures nor outs nor slots of a branch")
        return found
    outer = bp.bodies[body.parent].slots
    found.extend(
        f"body {i}: the capture {source} -> {target} is out of a frame"
        for source, target in body.captures
        if not (is_index(source, outer) and is_index(target, body.slots))
    )
    for source, target, reducer in body.outs:
        if not (is_index(source, body.slots) and is_index(target, outer)):
            found.append(f"body {i}: the out {source} -> {target} is out of a frame")
        if reducer not in _REDUCERS:
            found.append(f"body {i}: {reducer!r} is no reducer")
    if not all(is_index(slot, body.slots) for slot in fills):
        found.append(f"body {i}: its item, index or result is out of the frame")
    return found


def _check_layout(facts: Facts) -> None:
    """Bodies are disjoint and leave no address over."""
    at = 0
    by_entry = sorted(range(len(facts.bp.bodies)), key=lambda i: facts.bp.bodies[i].entry)
    for i in by_entry:
        body = facts.bp.bodies[i]
        if body.entry < at:
            facts.say(f"address {body.entry} belongs to two bodies")
            return
        if body.entry > at:
            break
        facts.owner.extend([i] * (body.end - body.entry))
        at = body.end
    if at != len(facts.bp.code):
        facts.say(f"address {at} belongs to no body")


def _check_chain(bodies: Sequence[Body], facts: Facts) -> None:
    """Parents lead to body 0 without a circle, and not from too deep."""
    unknown, on_path = -1, -2
    depth = [0] + [unknown] * (len(bodies) - 1)
    for start in range(len(bodies)):
        path: list[int] = []
        at = start
        while depth[at] == unknown:
            depth[at] = on_path
            path.append(at)
            at = bodies[at].parent or 0
        if depth[at] == on_path:
            facts.say(f"body {at} is its own ancestor")
            return
        for level, i in enumerate(reversed(path), depth[at] + 1):
            depth[i] = level
    # Undos are bodies, too, and may stand between the forks.
    if max(depth) > 2 * FORK_DEPTH:
        facts.say(f"bodies nest {max(depth)} deep; the bound is {2 * FORK_DEPTH}")
