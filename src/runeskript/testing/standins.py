"""What stands in for every handler of a skript: the user's mocks, and made-up results for the rest.

A mocks file is YAML or JSON, ``{handlers: {NAME: RESULT}, messages: [{topic, key, data}]}``, or
Python: functions of the parameters named like the handlers (dots become ``_``), and ``MESSAGES``, a
list of (topic, key, data).
"""

from __future__ import annotations

import inspect
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from ..compiler.nodes import to_value
from ..compiler.read import read
from ..engine.handlers.loading import load_handlers
from ..errors import CompileError, HandlerDefinitionError, RuntimeOptionError
from ..model.blueprint import Blueprint
from ..model.catalog import HandlerCatalog, HandlerInfo, PlainHandler
from ..model.diagnostics import Diagnostics
from ..model.limits import DOCUMENT_BYTES
from ..model.nearest import did_you_mean
from ..model.values import Value
from .mocks import Mock
from .sample import sample

#: Where a stand-in comes from, for people.
GIVEN: Final = "from the mocks"
DECLARED: Final = "from its declared result"
NOTHING: Final = "null: it declares no result"
UNMADE: Final = "null: no result could be made from its schema"


class Given(NamedTuple):
    """What a mocks file says: by handler, or by a handler's name with ``_`` for dots."""

    mocks: Mapping[str, Mock] = {}
    messages: tuple[tuple[str, Value, Value], ...] = ()
    #: Whether names are those of Python functions.
    functions: bool = False

    def get(self, name: str) -> Mock | None:
        """The mock of a handler."""
        return self.mocks.get(name.replace(".", "_") if self.functions else name)


class StandIn(NamedTuple):
    """What stands in for a handler, and where that comes from."""

    mock: Mock
    source: str


class Catalog:
    """The handlers that are there, and those that only a mocks file knows."""

    def __init__(self, real: HandlerCatalog, given: Given) -> None:
        self._real = real
        self._given = given

    def names(self) -> Collection[str]:
        """Every name."""
        mocked = () if self._given.functions else self._given.mocks
        return {*self._real.names(), *mocked}

    def get(self, name: str) -> HandlerInfo | None:
        """The handler of this name; one that is only mocked takes anything."""
        found = self._real.get(name)
        if found is None and self._given.get(name) is not None:
            return PlainHandler(name)
        return found


def stand_ins(
    blueprints: Iterable[Blueprint], catalog: HandlerCatalog, given: Given
) -> dict[str, StandIn]:
    """What stands in for each handler that the Blueprints name.

    Raises RuntimeOptionError for a mock of a handler that none of them names: it is misspelt.
    """
    names = sorted({ref.name for one in blueprints for ref in one.handlers})
    if not given.functions:
        for name in given.mocks:
            if name not in names:
                hint = did_you_mean(name, names)
                raise RuntimeOptionError(
                    f"the skript does not call {name}, which is mocked"
                    + (f"; {hint}" if hint else "")
                )
    return {name: _stand_in(name, catalog.get(name), given) for name in names}


def _stand_in(name: str, info: HandlerInfo | None, given: Given) -> StandIn:
    mock = given.get(name)
    if mock is not None:
        return StandIn(mock, GIVEN)
    schema = None if info is None else info.result_schema
    made, result = sample(schema)
    source = DECLARED if made else NOTHING if schema is None else UNMADE
    return StandIn(constant(result), source)


def constant(result: Value) -> Mock:
    """A mock that always gives the same."""

    def mock(params: dict[str, Any]) -> Any:
        return result

    return mock


def read_mocks(path: str | Path) -> Given:
    """What a mocks file says. Raises RuntimeOptionError, CompileError for what is no YAML."""
    text = str(path)
    if text.endswith(".py"):
        return _python(text)
    try:
        with Path(path).open("rb") as file:
            data = file.read(DOCUMENT_BYTES + 1)
    except (OSError, ValueError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) and exc.strerror else str(exc)
        raise RuntimeOptionError(f"cannot read {text}: {reason}") from None
    return _document(text, data)


def _python(text: str) -> Given:
    try:
        module = load_handlers(text)
    except HandlerDefinitionError as exc:
        raise RuntimeOptionError(f"the mocks of {text}: {exc.message}") from exc
    functions = {name: item for name, item in vars(module).items() if inspect.isfunction(item)}
    return Given(functions, _messages(text, getattr(module, "MESSAGES", ())), functions=True)


def _document(text: str, data: bytes) -> Given:
    found = Diagnostics()
    source = read(data, text, found)
    if found.has_errors or source.root is None:
        raise CompileError(f"{text} cannot be read", found.sorted())
    whole: Any = to_value(source.root)
    if not isinstance(whole, dict):
        raise RuntimeOptionError(f"{text} is no mocks file: an object with handlers and messages")
    for word in whole:
        if word not in ("handlers", "messages"):
            hint = did_you_mean(word, ("handlers", "messages"))
            raise RuntimeOptionError(
                f"{text} has no use for `{word}`" + (f"; {hint}" if hint else "")
            )
    results, sent = whole.get("handlers", {}), whole.get("messages", [])
    if not isinstance(results, dict):
        raise RuntimeOptionError(f"{text}: `handlers` is an object of results by handler")
    mocks = {name: constant(result) for name, result in results.items()}
    if isinstance(sent, list) and all(isinstance(one, dict) and "topic" in one for one in sent):
        sent = [(one["topic"], one.get("key"), one.get("data")) for one in sent]
    return Given(mocks, _messages(text, sent))


def _messages(text: str, sent: Any) -> tuple[tuple[str, Value, Value], ...]:
    try:
        found = tuple((topic, key, data) for topic, key, data in sent)
    except (TypeError, ValueError):
        found = (("", None, None),)
    if not all(isinstance(topic, str) and topic for topic, _, _ in found):
        raise RuntimeOptionError(f"{text}: the messages are a list of topic, key and data, each")
    return found
