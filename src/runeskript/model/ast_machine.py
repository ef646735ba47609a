"""The nodes of a document that declares a state machine."""

from __future__ import annotations

from .ast_parts import Block, Expr, Site
from .records import record


@record
class State:
    """One state of a machine.

    ``do`` is its activity: begun when the state is entered, cancelled when it is left; None: it has
    none. After ``after`` (ms, from when it was entered) the machine raises ``then`` itself.
    """

    name: str
    enter: Block
    exit: Block
    do: Block | None
    after: Expr | None
    then: str | None
    final: bool
    site: Site


@record
class Transition:
    """One row of ``transitions``: from any of ``sources``, in the order of the text.

    ``guard`` sees ``data``, ``event``, ``job`` and ``actor``. ``roles``: who may (its key is
    ``allow``); None: everybody.
    """

    sources: tuple[str, ...]
    event: str
    to: str
    guard: Expr | None
    roles: tuple[str, ...] | None
    do: Block
    site: Site


@record
class Machine:
    """A declared state machine; ``states`` and ``transitions`` in the order of the text."""

    initial: str
    states: tuple[State, ...]
    transitions: tuple[Transition, ...]
