"""What the parser checks of a text, for a document that was built in Python: its names.

The codes are the parser's, so that a mistake has one code however the document was made.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from ...expr.functions import FUNCTIONS
from ...model.ast import Machine
from ...model.diagnostics import Diagnostics
from ...model.limits import NAME
from ...model.nearest import did_you_mean
from ...model.spans import Span
from ..tables import KEYWORDS, ROOTS
from .facts import Facts

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


def check_built(facts: Facts, found: Diagnostics) -> None:
    """Every check of this module."""
    for name, span, pointer in _declared(facts):
        if not _NAME.match(name) or len(name) > NAME:
            hint = f"a letter or `_`, then letters, digits and `_`, at most {NAME} characters"
            found.add("RUNE-1108", f"`{name[:40]}` is no name", span, pointer, hint)
        elif name in ROOTS or name in KEYWORDS:
            found.add(
                "RUNE-1109",
                f"`{name}` has a meaning of its own and cannot be declared",
                span,
                pointer,
                f"call it `{name}_` or `my_{name}`",
            )
    _check_functions(facts, found)
    _check_ids(facts, found)
    if facts.document.machine is not None:
        _check_states(facts.document.machine, facts.document.span, found)


def _declared(facts: Facts) -> Iterator[tuple[str, Span, str]]:
    """Every name that the document introduces, with its place."""
    for a in facts.assignments:
        yield a.name, a.span, a.pointer
    for loop in facts.loop_names:
        yield loop.name, loop.span, loop.pointer
    for f in facts.document.functions:
        yield f.name, f.span, f.pointer
        for param in f.params:
            yield param, f.span, f.pointer
    for name in facts.document.env:
        yield name, facts.document.span, "/env"


def _check_functions(facts: Facts, found: Diagnostics) -> None:
    seen: set[str] = set()
    for f in facts.document.functions:
        if f.name in FUNCTIONS:
            found.add(
                "RUNE-1109",
                f"`{f.name}` is a function of the language",
                f.span,
                f.pointer,
                f"call it `{f.name}_` or `my_{f.name}`",
            )
        if f.name in seen or len(set(f.params)) < len(f.params):
            what = "function" if f.name in seen else "parameter of"
            found.add("RUNE-1118", f"the {what} `{f.name}` is there twice", f.span, f.pointer)
        seen.add(f.name)


def _check_ids(facts: Facts, found: Diagnostics) -> None:
    first: dict[str, Span] = {}
    for step in facts.steps:
        id_ = step.site.id
        if id_ is None:
            continue
        if id_ in first:
            found.add(
                "RUNE-1110",
                f"the id `{id_}` is taken",
                step.site.span,
                step.site.pointer,
                "ids name steps in events and errors; each is used once",
                related=((first[id_], "the first step with this id"),),
            )
        first.setdefault(id_, step.site.span)


def _check_states(machine: Machine, span: Span, found: Diagnostics) -> None:
    """What refers to a state has to find it, and once."""
    known: set[str] = set()
    for state in machine.states:
        if state.name in known:
            message = f"the state `{state.name}` is there twice"
            found.add("RUNE-1118", message, state.site.span, state.site.pointer)
        known.add(state.name)
    asked = [(machine.initial, span, "/initial")]
    for transition in machine.transitions:
        site = transition.site
        asked += [(name, site.span, site.pointer) for name in (*transition.sources, transition.to)]
    for name, at, pointer in asked:
        if name not in known:
            hint = did_you_mean(name, known)
            found.add("RUNE-1140", f"there is no state `{name}`", at, pointer, hint)
