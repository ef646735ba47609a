"""What the compiler knows of handlers: a protocol that the engine's registry fills in.

The compiler never calls a handler. It asks the catalog for names (nearest match), for the flags
that go into the Blueprint, and lets the handler judge the parameters that the document spells out.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from .rows import NamedTuple
from .values import Value


class ParamProblem(NamedTuple):
    """What is wrong with the parameters of a call.

    ``key`` names the parameter, or is None where the whole is at fault (one is missing).
    """

    key: str | None
    message: str
    hint: str | None = None


class HandlerInfo(Protocol):
    """One handler as the compiler sees it.

    ``pure``: same parameters, same result, no effect. ``idempotent``: running it again with the
    same idempotency key changes nothing. ``mode``: where it runs (async, thread, process).
    """

    @property
    def name(self) -> str: ...  # noqa: D102 - the class says it
    @property
    def pure(self) -> bool: ...  # noqa: D102
    @property
    def idempotent(self) -> bool: ...  # noqa: D102
    @property
    def mode(self) -> str: ...  # noqa: D102
    @property
    def doc(self) -> str: ...  # noqa: D102

    @property
    def params_schema(self) -> Value:
        """JSON Schema of the parameters, or None where the handler takes any object."""

    @property
    def strict(self) -> bool:
        """Whether parameters that do not satisfy ``params_schema`` are refused for certain."""

    @property
    def result_schema(self) -> Value:
        """JSON Schema of the result, or None where nothing is known of it."""

    def check(self, literals: Mapping[str, Value], dynamic: frozenset[str]) -> list[ParamProblem]:
        """What is wrong with a call, as far as the document tells.

        ``literals`` are the parameters written out; ``dynamic`` the names of those whose value is
        known only at run time. Together they are all the call gives.
        """


class HandlerCatalog(Protocol):
    """All handlers a document may name."""

    def names(self) -> Collection[str]:
        """Every name, for nearest-match hints and listings."""

    def get(self, name: str) -> HandlerInfo | None:
        """The handler of this name, or None."""


@dataclass(frozen=True, slots=True)
class PlainHandler:
    """A handler known by name and flags only: takes any parameters, promises no result type."""

    name: str
    pure: bool = False
    idempotent: bool = False
    mode: str = "async"
    doc: str = ""
    params_schema: Value = None
    result_schema: Value = None
    strict: bool = False

    def check(self, literals: Mapping[str, Value], dynamic: frozenset[str]) -> list[ParamProblem]:
        """Nothing is known of the parameters, so nothing is wrong with them."""
        return []


@dataclass(frozen=True, slots=True)
class StaticCatalog:
    """A catalog from a plain mapping."""

    handlers: Mapping[str, HandlerInfo]

    def names(self) -> Collection[str]:
        """Every name."""
        return self.handlers.keys()

    def get(self, name: str) -> HandlerInfo | None:
        """The handler of this name, or None."""
        return self.handlers.get(name)


#: No handlers at all: for documents that call none.
EMPTY: Final = StaticCatalog({})
