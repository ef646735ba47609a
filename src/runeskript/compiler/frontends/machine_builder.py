# ruff: noqa: A002 - `id` is the language's own name
"""Machines written in Python: the same states and transitions, the same checks, the same AST.

::

    m = StateMachine(
        "order",
        initial="draft",
        states={"draft": {}, "shipped": {"final": True}, "withdrawn": {"final": True}},
        transitions=[
            Transition("draft", "submit", "paid", guard="len(data.items) > 0", allow="clerk"),
            *transitions({"draft": {"withdraw": "withdrawn"}, "paid": {"done": "shipped"}}),
        ],
    )
    with m.activity("paid"):
        m.call("parcels.pack", {"items": insert("data.items")})
    document = m.document()

As :class:`~.builder.Skript` does, it makes plain data and runs the front end of machines over it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from ...model.ast import Document
from ...model.diagnostics import Diagnostics
from ..read import Source
from .blocks import Block, Builder
from .machine import parse_machine
from .verbs import Allow, Expression, Step, here, leave_out

leave_out(__file__)


class Transition(Step):
    """One row of ``transitions``. ``from_``: a state, or several; ``allow``: a role, or several.

    ``do``: steps, made with :data:`~.builder.step`; :meth:`StateMachine.on` opens a block for them.
    """

    __slots__ = ()

    def __init__(
        self,
        from_: str | Sequence[str],
        event: str,
        to: str,
        *,
        guard: Expression = None,
        allow: str | Sequence[str] | None = None,
        do: Iterable[Step] | None = None,
        id: str | None = None,
    ) -> None:
        given = {
            "id": id, "from": _names(from_), "event": event, "to": to, "guard": guard,
            "allow": None if allow is None else _names(allow),
            "do": None if do is None else list(do),
        }  # fmt: skip
        super().__init__({key: part for key, part in given.items() if part is not None}, here())


def transitions(table: Mapping[str, Mapping[str, str]]) -> list[Transition]:
    """The transitions of a table of names: state -> event -> the state it leads to."""
    return [
        Transition(source, event, to) for source, row in table.items() for event, to in row.items()
    ]


class StateMachine(Builder):
    """A machine under construction. Steps stand in the blocks that its methods open.

    ``states``: name -> what it has, as in the document; :meth:`state` adds one. ``transitions`` are
    tried in their order; :meth:`on` and :meth:`add_transitions` add to them.
    """

    def __init__(
        self,
        name: str,
        *,
        initial: str,
        states: Mapping[str, Mapping[str, Any] | None] | Sequence[str] = (),
        transitions: Iterable[Transition] = (),
        version: int | None = None,
        labels: Mapping[str, str] | None = None,
        data: Mapping[str, Any] | None = None,
        env: Sequence[str] = (),
        functions: Mapping[str, Expression] | None = None,
        on_failure: Step | None = None,
        allow: Allow | None = None,
    ) -> None:
        self._origin = here()
        head = {
            "machine": name,
            "version": version,
            "labels": dict(labels) if labels else None,
            "data": data,
            "env": list(env) or None,
            "functions": dict(functions) if functions else None,
            "on_failure": on_failure,
            "allow": dict(allow) if allow else None,
            "initial": initial,
        }
        self._root: dict[str, Any] = {k: v for k, v in head.items() if v is not None}
        given = states if isinstance(states, Mapping) else dict.fromkeys(states)
        self._states = {name: Step(state or {}, self._origin) for name, state in given.items()}
        self._transitions = list(transitions)
        self._root["states"] = self._states
        self._root["transitions"] = self._transitions
        closed = Block()
        closed.closed = "steps of a machine stand inside `enter`, `exit`, `activity` or `on`"
        self._blocks = [closed]

    def state(
        self,
        name: str,
        *,
        final: bool | None = None,
        timeout: Mapping[str, str] | None = None,
        enter: Iterable[Step] | None = None,
        do: Iterable[Step] | None = None,
        exit: Iterable[Step] | None = None,
    ) -> None:
        """Add a state. ``timeout``: ``{"after": "2d", "event": "withdraw"}``."""
        if name in self._states:
            raise self._misuse(f"the state `{name}` exists already")
        given = {
            "enter": None if enter is None else list(enter),
            "do": None if do is None else list(do),
            "exit": None if exit is None else list(exit),
            "timeout": None if timeout is None else dict(timeout),
            "final": final,
        }  # fmt: skip
        content = {key: part for key, part in given.items() if part is not None}
        self._states[name] = Step(content, here())

    def enter(self, state: str) -> AbstractContextManager[None]:
        """What every transition into a state does last."""
        return self._part(state, "enter")

    def exit(self, state: str) -> AbstractContextManager[None]:
        """What every transition out of a state does first."""
        return self._part(state, "exit")

    def activity(self, state: str) -> AbstractContextManager[None]:
        """The ``do`` of a state."""
        return self._part(state, "do")

    @contextmanager
    def on(
        self,
        from_: str | Sequence[str],
        event: str,
        to: str,
        *,
        guard: Expression = None,
        allow: str | Sequence[str] | None = None,
        id: str | None = None,
    ) -> Iterator[None]:
        """Add a transition, with a block for what it does."""
        made = Transition(from_, event, to, guard=guard, allow=allow, id=id)
        self._transitions.append(made)
        with self._collect() as body:
            made["do"] = body
            yield

    def add_transitions(self, *some: Transition) -> None:
        """Add transitions behind those that are there."""
        self._transitions += some

    @contextmanager
    def _part(self, state: str, key: str) -> Iterator[None]:
        """A block of a state, which begins to exist with it."""
        made = self._states.setdefault(state, Step({}, here()))
        if key in made:
            raise self._misuse(f"the state `{state}` has its `{key}` already")
        with self._collect() as body:
            made[key] = body
            yield

    def _parse(
        self, source: Source, diagnostics: Diagnostics, files: Mapping[int, str]
    ) -> Document | None:
        return parse_machine(source, diagnostics, files)


def _names(given: str | Sequence[str]) -> str | list[str]:
    return given if isinstance(given, str) else list(given)
