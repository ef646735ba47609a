"""The registry: every handler of a runtime by name. It is the compiler's HandlerCatalog."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any, TypeAlias, cast

from ...errors import HandlerDefinitionError
from ...model.catalog import ParamProblem
from ...model.values import Value, normalise
from .decorator import MODES, FunctionHandler, Handler, Mode, check_name
from .durations import milliseconds
from .failures import ParamsError, problems_of, str_of
from .limits import CallLimit, limits_of
from .origin import origin_of

#: Checks a call's parameters and gives what the handler is called with; raises ParamsError.
Prepare = Callable[[dict[str, Any]], Any]


class Registered:
    """One registered handler: what the compiler may know (HandlerInfo), and how to run it."""

    __slots__ = (
        "_result_schema",
        "doc",
        "function",
        "idempotent",
        "is_async",
        "limit",
        "limits",
        "mode",
        "name",
        "origin",
        "params_schema",
        "prepare",
        "pure",
        "setup",
        "source",
        "strict",
        "teardown",
        "timeout_ms",
    )

    def __init__(self, source: Handler | FunctionHandler) -> None:
        self.source = source
        self.name: str = source.name
        self.doc: str = ""
        self.mode: Mode = "async"
        self.pure = bool(getattr(source, "pure", False))
        self.idempotent = bool(getattr(source, "idempotent", False))
        self.limit: int | None = getattr(source, "limit", None)
        given = getattr(source, "limits", ())
        self.limits: tuple[CallLimit, ...] = limits_of(given) if given else ()
        self.timeout_ms: int | None = None
        self.params_schema: Value = normalise(getattr(source, "params_schema", None))
        self._result_schema: Value = None
        self.strict = isinstance(source, Handler) and source.typed is not None
        self.setup = getattr(source, "setup", None)
        self.teardown = getattr(source, "teardown", None)
        self.function: Callable[[Any, Any], Any]
        self.prepare: Prepare | None
        if isinstance(source, Handler):
            self.doc = source.doc
            self.mode = source.mode
            self.timeout_ms = source.timeout_ms
            self.function = source.function
            self.prepare = None if source.typed is None else source.typed.convert
            self.is_async = inspect.iscoroutinefunction(source.function)
        else:
            self._adopt(source)
        #: Where a worker process finds the handler; None for the other modes.
        self.origin = origin_of(source, self.name) if self.mode == "process" else None

    def _adopt(self, source: FunctionHandler) -> None:
        """An object of the user's own class."""
        self.doc = inspect.getdoc(type(source)) or ""
        self.function = source.execute
        self.is_async = inspect.iscoroutinefunction(source.execute)
        mode = getattr(source, "mode", "async" if self.is_async else "thread")
        if mode not in MODES or (self.is_async and mode != "async"):
            raise HandlerDefinitionError(f"handler {self.name}: an async execute has mode async")
        self.mode = cast(Mode, mode)
        timeout = getattr(source, "timeout", None)
        if timeout is not None:
            try:
                self.timeout_ms = milliseconds(timeout)
            except ValueError as exc:
                raise HandlerDefinitionError(f"handler {self.name}: timeout: {exc}") from None
        self.prepare = self._ask
        self._result_schema = normalise(getattr(source, "result_schema", None))

    @property
    def result_schema(self) -> Value:
        """What the handler says of its result, None where it says nothing; nothing checks it."""
        if isinstance(self.source, Handler):
            return normalise(self.source.result_schema)
        return self._result_schema

    def _ask(self, params: dict[str, Any]) -> dict[str, Any]:
        problems = own_check(self.source.validate, params)
        if problems:
            raise ParamsError(problems)
        return params

    def check(self, literals: Mapping[str, Value], dynamic: frozenset[str]) -> list[ParamProblem]:
        """What is wrong with a call, as far as the document tells.

        A derived validator judges each literal by itself; a handler's own ``validate`` is asked
        only where the document spells everything out.
        """
        if isinstance(self.source, Handler):
            typed = self.source.typed
            return [] if typed is None else typed.check(literals, dynamic)
        partial = getattr(self.source, "check", None)
        if partial is not None:
            found: list[ParamProblem] = partial(literals, dynamic)
            return found
        if dynamic:
            return []
        return own_check(self.source.validate, dict(literals))


#: Adds handlers to a registry; called at most once for each.
Loader: TypeAlias = "Callable[[HandlerRegistry], None]"


class HandlerRegistry:
    """Handlers by name.

    What is *deferred* is loaded when a name is asked for that is not here yet, or when all names
    are: a document that calls nothing imports nobody's handlers.
    """

    def __init__(self, handlers: Iterable[Handler | FunctionHandler] = ()) -> None:
        self._handlers: dict[str, Registered] = {}
        self._deferred: list[Loader] = []
        for item in handlers:
            self.add(item)

    def defer(self, load: Loader) -> None:
        """Have ``load`` called with this registry when it is needed, after those deferred before.

        It adds what it has; what it raises reaches whoever asked.
        """
        self._deferred.append(load)

    def _load_next(self) -> None:
        self._deferred.pop(0)(self)

    def loaded(self) -> Collection[Registered]:
        """The handlers that are here, without loading what is deferred."""
        return self._handlers.values()

    def find_loaded(self, name: str) -> Registered | None:
        """The handler of this name if it is here, without loading what is deferred."""
        return self._handlers.get(name)

    def add(self, item: Handler | FunctionHandler, *, replace: bool = False) -> None:
        """Register a handler.

        Raises HandlerDefinitionError for what is none, and where the name is taken by another
        (unless ``replace``).
        """
        if not is_handler(item):
            raise HandlerDefinitionError(
                f"{item!r} is no handler: it needs name, validate(params) and execute(params, ctx)"
            )
        check_name(item.name)
        known = self._handlers.get(item.name)
        if known is not None and not replace:
            if known.source is item:
                return
            raise HandlerDefinitionError(f"two handlers have the name {item.name}")
        self._handlers[item.name] = Registered(item)

    def update(self, other: HandlerRegistry) -> None:
        """Take over all handlers of another registry, those it would load later too."""
        for registered in other.loaded():
            self.add(registered.source)
        self._deferred += other._deferred

    def names(self) -> Collection[str]:
        """Every name."""
        while self._deferred:
            self._load_next()
        return self._handlers.keys()

    def get(self, name: str) -> Registered | None:
        """The handler of this name, or None."""
        found = self._handlers.get(name)
        while found is None and self._deferred:
            self._load_next()
            found = self._handlers.get(name)
        return found

    def __iter__(self) -> Iterator[Registered]:
        self.names()
        return iter(self._handlers.values())

    def __len__(self) -> int:
        return len(self.names())

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self.get(name) is not None


def own_check(
    validate: Callable[[dict[str, Any]], Any], params: dict[str, Any]
) -> list[ParamProblem]:
    """Ask a handler's own ``validate``, which may raise or return problems."""
    try:
        return problems_of(validate(params))
    except ParamsError as exc:
        return exc.problems
    except Exception as exc:
        return [ParamProblem(None, str_of(exc) or type(exc).__name__)]


def is_handler(item: object) -> bool:
    """Whether the registry takes it: a decorated function or an object of the protocol."""
    if isinstance(item, type):
        return False
    return isinstance(item, Handler) or (
        isinstance(item, FunctionHandler) and isinstance(getattr(item, "name", None), str)
    )


async def call_maybe_async(function: Callable[..., Any], *args: Any) -> Any:
    """Call, and await where that is what it wants."""
    result = function(*args)
    if inspect.isawaitable(result):
        return await result
    return result
