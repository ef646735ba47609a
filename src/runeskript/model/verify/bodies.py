"""Sizes, bodies and frames.

Bodies are disjoint address ranges that together are the whole code. Body 0 is the document and has
no parent; every other body is started from the body that is its parent, by a fork or as an undo.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from ..blueprint import Blueprint, Body
from ..limits import FORK_DEPTH, INSTRUCTIONS, SLOTS
from .facts import Facts, all_indexes, is_index, shown

_REDUCERS: Final = ("", "sum", "min", "max", "append", "merge")


def check_sizes(facts: Facts) -> None:
    """Sections that run in parallel have the same length; nothing is empty or too long."""
    bp = facts.bp
    if not bp.code:
        facts.say("layout", "the code is empty", "code")
    if len(bp.code) > INSTRUCTIONS:
        facts.say("limit", f"{len(bp.code)} instructions; the bound is {INSTRUCTIONS}", "code")
    if not bp.bodies:
        facts.say("layout", "there is no body 0", "bodies")
    if len(bp.sites) != len(bp.code):
        what = f"{len(bp.sites)} sites for {len(bp.code)} instructions"
        facts.say("layout", what, "sites")
    if not all_indexes(bp.sites, len(bp.steps)):
        for i, site in enumerate(bp.sites):
            if not is_index(site, len(bp.steps)):
                facts.say("layout", f"{shown(site)} is no step", "sites", i)
    spans, step_spans = bp.debug.span_counts
    for name, have, want in (
        ("spans", spans, len(bp.code)),
        ("step_spans", step_spans, len(bp.steps)),
        ("slot_names", len(bp.debug.slot_names), len(bp.bodies)),
    ):
        if have and have != want:
            facts.say("layout", f"{have} {name} where {want} belong", "debug")


def check_bodies(facts: Facts) -> None:
    """Ranges, frames and parents of all bodies; fills ``facts.owner``."""
    bp = facts.bp
    for i, body in enumerate(bp.bodies):
        for problem in _body_problems(i, body, bp):
            facts.say("layout", problem, "bodies", i)
    for i, names in enumerate(bp.debug.slot_names):
        if len(names) > bp.bodies[i].slots:
            facts.say("layout", f"body {i} has more names than slots", "debug")
    if not facts.problems:
        _check_layout(facts)
        _check_chain(bp.bodies, facts)


def _body_problems(i: int, body: Body, bp: Blueprint) -> Iterator[str]:
    if not 0 <= body.entry < body.end <= len(bp.code):
        yield f"the range [{body.entry}, {body.end}) is not in the code"
    if not 0 <= body.slots <= SLOTS:
        yield f"{body.slots} slots; the bound is {SLOTS}"
    if (body.parent is None) != (i == 0):
        yield "body 0 and no other has no parent"
    elif body.parent is not None and not is_index(body.parent, len(bp.bodies)):
        yield f"its parent {body.parent} is no body"
    else:
        yield from _slot_problems(body, bp)


def _slot_problems(body: Body, bp: Blueprint) -> Iterator[str]:
    """Captures, outs and the slots that the fork fills."""
    fills = [slot for slot in (body.item, body.index, body.result) if slot is not None]
    if body.parent is None:
        if body.captures or body.outs or fills:
            yield "it has neither captures nor outs nor slots of a branch"
        return
    outer = bp.bodies[body.parent].slots
    for source, target in body.captures:
        if not (is_index(source, outer) and is_index(target, body.slots)):
            yield f"the capture {source} -> {target} is out of a frame"
    for source, target, reducer in body.outs:
        if not (is_index(source, body.slots) and is_index(target, outer)):
            yield f"the out {source} -> {target} is out of a frame"
        if reducer not in _REDUCERS:
            yield f"{shown(reducer)} is no reducer"
    if not all(is_index(slot, body.slots) for slot in fills):
        yield "its item, index or result is out of the frame"


def _check_layout(facts: Facts) -> None:
    """Bodies are disjoint and leave no address over."""
    at = 0
    by_entry = sorted(range(len(facts.bp.bodies)), key=lambda i: facts.bp.bodies[i].entry)
    for i in by_entry:
        body = facts.bp.bodies[i]
        if body.entry < at:
            facts.say("layout", "it belongs to two bodies", "code", body.entry)
            return
        if body.entry > at:
            break
        facts.owner.extend([i] * (body.end - body.entry))
        at = body.end
    if at != len(facts.bp.code):
        facts.say("layout", "it belongs to no body", "code", at)


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
            facts.say("layout", "it is its own ancestor", "bodies", at)
            return
        for level, i in enumerate(reversed(path), depth[at] + 1):
            depth[i] = level
    # Undos are bodies, too, and may stand between the forks.
    if max(depth) > 2 * FORK_DEPTH:
        what = f"bodies nest {max(depth)} deep; the bound is {2 * FORK_DEPTH}"
        facts.say("limit", what, "bodies", depth.index(max(depth)))
