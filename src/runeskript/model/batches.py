"""Batches and what they stand for: one event or effect for the calls of many branches.

A batch is shorthand. Unfolded, it is the single completions (or dispatches) in the same order, and
two journals are equal when they are so unfolded. It may be cut anywhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from .effects import CallDrop, CallOut, CallsDrop, CallsOut, Effect
from .events import CallDone, CallsDone, Event
from .limits import BATCH_BYTES, BATCH_EVENTS
from .values import Value


def unfold_events(events: Iterable[Event]) -> Iterator[Event]:
    """The events with every batch as its single completions."""
    for event in events:
        if type(event) is CallsDone:
            yield from completions(event)
        else:
            yield event


def completions(event: CallsDone) -> Iterator[CallDone]:
    """What a batch stands for, in its order."""
    at, path, n, step, indexes, results = event
    for index, result in zip(indexes, results, strict=True):
        yield CallDone(at, (*path, index), n, step, 1, result)


def unfold_effects(effects: Iterable[Effect]) -> Iterator[Effect]:
    """The effects with every batch as single ones."""
    for effect in effects:
        if type(effect) is CallsOut:
            for position in range(len(effect.indexes)):
                yield member(effect, position)
        elif type(effect) is CallsDrop:
            for index in effect.indexes:
                yield CallDrop((*effect.path, index), effect.n, effect.step, 1)
        else:
            yield effect


def member(batch: CallsOut, position: int) -> CallOut:
    """The dispatch at a position (from 0) of a batch."""
    path, n, step, handler, indexes, params, timeouts, queue = batch
    given = {} if params is None else params[position]
    timeout = None if timeouts is None else timeouts[position]
    return CallOut((*path, indexes[position]), n, step, handler, given, 1, timeout, queue)


def weight(event: Event) -> int:
    """How many single events an event stands for. Sequence numbers of journals count these."""
    return len(event.indexes) if type(event) is CallsDone else 1


def weights(events: Sequence[Event]) -> int:
    """How many single events some stand for."""
    return sum(map(weight, events)) if CallsDone in map(type, events) else len(events)


def within(events: Sequence[Event], bound: int) -> int:
    """How many of the events, at least one, are worth ``bound`` single ones or reach it."""
    if CallsDone not in map(type, events):
        return min(max(bound, 1), len(events))
    taken = 0
    for number, event in enumerate(events, 1):
        taken += weight(event)
        if taken >= bound:
            return number
    return len(events)


def piece(event: CallsDone, start: int, end: int) -> CallsDone:
    """The completions of a batch from position ``start`` up to ``end``, exclusive."""
    return event._replace(indexes=event.indexes[start:end], results=event.results[start:end])


def size(value: Value) -> int:
    """An upper bound of the bytes a value takes in the encoding of ``model/codec.py``."""
    kind = type(value)
    if kind is str:
        text: Any = value
        return 5 + len(text) * (1 if text.isascii() else 4)
    if kind is list:
        items: Any = value
        return 5 + sum(map(size, items))
    if kind is dict:
        pairs: Any = value
        return 5 + sum(map(size, pairs)) + sum(map(size, pairs.values()))
    return 9


def split(
    event: CallsDone, events: int = BATCH_EVENTS, room: int = BATCH_BYTES
) -> Iterator[CallsDone]:
    """The batch in pieces of at most ``events`` completions and ``room`` bytes of results.

    A result that is larger than ``room`` by itself is a piece of its own.
    """
    start, taken = 0, 0
    for position, result in enumerate(event.results):
        more = size(result)
        if position > start and (position - start >= events or taken + more > room):
            yield piece(event, start, position)
            start, taken = position, 0
        taken += more
    yield piece(event, start, len(event.results))
