"""The places inside a region where it may be left in the middle and entered again.

A region with loops is one function; between two turns it may have to give way to other runs, or to
a cancel. It then writes its variables to the frame and returns the number of the place, its
*label*, with which it is called again. Labels are numbered from 1 in the order of the text; they
follow from the statements alone, so the kernel and the generator agree on them without a word.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from ..model.ast import IR
from .ir import walk


class Label(NamedTuple):
    """One label. ``site``: the step that stands there. ``depth``: how many loops are around it,
    each of which takes a turn of the budget on the way in."""

    site: int
    depth: int


def region_labels(statements: Sequence[IR]) -> tuple[Label, ...]:
    """The labels of a region; the first has number 1."""
    labels: list[Label] = []
    _collect(statements, 0, labels)
    return tuple(labels)


def _collect(statements: Sequence[IR], depth: int, labels: list[Label]) -> None:
    for statement in statements:
        tag = statement[0]
        if tag == "if":
            _collect(statement[3], depth, labels)
            _collect(statement[4], depth, labels)
        elif tag == "loop":
            labels.append(Label(statement[1], depth))
            _collect(statement[2], depth + 1, labels)


def expressions(statement: IR) -> Sequence[IR]:
    """The expressions of one statement, without those of the statements inside it."""
    tag = statement[0]
    if tag == "set":
        return (statement[3],)
    if tag == "path":
        return (*statement[3], statement[4])
    if tag == "if" or tag == "raise":
        return (statement[2],)
    return ()


def map_expressions(statement: IR, change: Callable[[IR], IR]) -> IR:
    """A statement with its expressions, and those inside it, changed."""
    tag = statement[0]
    if tag == "set":
        return (*statement[:3], change(statement[3]))
    if tag == "path":
        keys = tuple([change(key) for key in statement[3]])
        return (*statement[:3], keys, change(statement[4]))
    if tag == "raise":
        return (*statement[:2], change(statement[2]))
    inside = [tuple([map_expressions(s, change) for s in block]) for block in blocks(statement)]
    if tag == "if":
        return (*statement[:2], change(statement[2]), *inside)
    return (*statement[:2], *inside) if tag == "loop" else statement


def blocks(statement: IR) -> Sequence[Sequence[IR]]:
    """The blocks of one statement."""
    tag = statement[0]
    if tag == "if":
        return (statement[3], statement[4])
    if tag == "loop":
        return (statement[2],)
    return ()


def region_expressions(statements: Iterable[IR]) -> Iterator[IR]:
    """The expressions that the statements of a region hold, in no particular order."""
    stack = list(statements)
    while stack:
        statement = stack.pop()
        yield from expressions(statement)
        for block in blocks(statement):
            stack.extend(block)


def has_loops(statements: Sequence[IR]) -> bool:
    """Whether a region has labels."""
    for statement in statements:
        tag = statement[0]
        if tag == "loop" or (tag == "if" and (has_loops(statement[3]) or has_loops(statement[4]))):
            return True
    return False


def push_targets(statements: Iterable[IR]) -> Iterator[int]:
    """The slots whose lists a region appends to in place."""
    stack = list(statements)
    while stack:
        statement = stack.pop()
        if statement[0] == "set" and statement[3][0] == "push":
            yield statement[2]
        for block in blocks(statement):
            stack.extend(block)


def region_nesting(statements: Iterable[IR]) -> int:
    """How deep blocks nest in a region."""
    deepest = 0
    stack = [(statement, 1) for statement in statements if statement[0] in _NESTS]
    while stack:
        statement, level = stack.pop()
        deepest = max(deepest, level)
        for block in blocks(statement):
            stack.extend([(inner, level + 1) for inner in block if inner[0] in _NESTS])
    return deepest


_NESTS: Final = ("if", "loop")


def label_count(statement: IR) -> int:
    """How many labels one statement has."""
    tag = statement[0]
    if tag == "if":
        return sum(map(label_count, statement[3])) + sum(map(label_count, statement[4]))
    if tag == "loop":
        return 1 + sum(map(label_count, statement[2]))
    return 0


def exposed(statements: Sequence[IR]) -> set[int]:
    """The slots that a block may read as they were before it."""
    found: set[int] = set()
    _exposed(statements, set(), found)
    return found


def _exposed(statements: Sequence[IR], sets: set[int], found: set[int]) -> bool:
    """Adds to ``sets`` what is certainly set at the end; whether control never gets there."""
    for statement in statements:
        tag = statement[0]
        for ir in expressions(statement):
            found.update([n[1] for n in walk(ir) if n[0] in ("slot", "isset") and n[1] not in sets])
        if tag == "set":
            sets.add(statement[2])
        elif tag == "path":
            if statement[2] not in sets:
                found.add(statement[2])
            sets.add(statement[2])
        elif tag == "unset":
            sets.add(statement[2])
        elif tag == "if":
            yes, no = set(sets), set(sets)
            ends = [_exposed(statement[3], yes, found), _exposed(statement[4], no, found)]
            if all(ends):
                return True
            sets |= no if ends[0] else yes if ends[1] else yes & no
        elif tag == "loop":
            _exposed(statement[2], set(sets), found)
        elif tag in ("exit", "break", "continue", "raise"):
            return True
    return False
