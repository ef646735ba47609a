"""Where a declared machine stands, in a snapshot: a list whose tokens are numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .machine_events import Sent, SentIf
from .run import MachineState, Token


def written(
    m: MachineState | None, tokens: Mapping[Token, int], cell: Callable[[Any], Any]
) -> list[Any] | None:
    """What is written of a machine, if there is one. ``cell``: how a value is."""
    return (
        None
        if m is None
        else [
            m.state,
            m.since,
            m.moves,
            m.due,
            [[_sent(event, cell), moves] for event, moves in m.queue],
            None if m.token is None else tokens.get(m.token),
            None if m.moving is None else _sent(m.moving, cell),
            m.tried,
        ]
    )


def _sent(event: Sent | SentIf, cell: Callable[[Any], Any]) -> list[Any]:
    at, id_, name, data, actor, why, *conditions = event
    return [at, id_, name, cell(data), cell(actor), why, *conditions]


def read(
    raw: list[Any] | None, tokens: Sequence[Token], value: Callable[[Any], Any]
) -> MachineState | None:
    """The machine of a list, if there is one. Raises TypeError, ValueError, IndexError."""
    if raw is None:
        return None
    m = MachineState()
    m.state, m.since, m.moves, m.due, queue, token, moving, m.tried = raw
    m.queue.extend((_back(event, value), moves) for event, moves in queue)
    m.token = None if token is None else tokens[token]
    m.moving = None if moving is None else _back(moving, value)
    return m


def _back(raw: list[Any], value: Callable[[Any], Any]) -> Sent | SentIf:
    at, id_, name, data, actor, why, *conditions = raw
    fields = (at, id_, name, value(data), value(actor), why)
    return SentIf(*fields, *conditions) if conditions else Sent(*fields)
