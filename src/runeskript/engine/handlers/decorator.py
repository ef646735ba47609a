"""Declaring a handler: the ``FunctionHandler`` protocol and the ``@handler`` decorator."""

from __future__ import annotations

import functools
import inspect
import re
import sys
from collections.abc import Callable
from datetime import timedelta
from typing import (
    TYPE_CHECKING,
    Any,
    Final,
    Literal,
    Protocol,
    TypeAlias,
    get_type_hints,
    runtime_checkable,
)

from ...errors import HandlerDefinitionError
from .durations import milliseconds

if TYPE_CHECKING:
    from .context import HandlerContext
    from .limits import Limits
    from .params import TypedParams

Mode: TypeAlias = Literal["async", "thread", "process"]
MODES: Final = ("async", "thread", "process")
#: Called once per runtime before the first job, with the shared ``resources``.
Setup: TypeAlias = Callable[[dict[str, Any]], Any]

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*(\.[A-Za-z_][A-Za-z0-9_-]*)*", re.ASCII)
_NAME_LENGTH: Final = 128


@runtime_checkable
class FunctionHandler(Protocol):
    """What the registry takes besides decorated functions.

    It may also have the attributes of ``@handler`` (``pure``, ``idempotent``, ``limit``,
    ``limits``, ``timeout``, ``params_schema``, ``result_schema``), and ``setup(resources)`` and
    ``teardown(resources)``, plain or async.
    """

    @property
    def name(self) -> str:
        """What ``call`` names."""

    def validate(self, params: dict[str, Any]) -> Any:
        """Raise, or return problems: texts, pairs (key, message); None or [] means all is well."""

    async def execute(self, params: dict[str, Any], ctx: HandlerContext) -> Any:
        """Do the work; the result is normalised to a value."""


class Handler:
    """A decorated function: callable as before, and a FunctionHandler."""

    def __init__(
        self,
        name: str,
        function: Callable[..., Any],
        *,
        mode: Mode,
        pure: bool = False,
        idempotent: bool = False,
        limit: int | None = None,
        limits: Limits = (),
        timeout_ms: int | None = None,
        typed: TypedParams | None = None,
        returns: Any = inspect.Signature.empty,
        setup: Setup | None = None,
        teardown: Setup | None = None,
    ) -> None:
        self.name = name
        self.function = function
        self.mode: Mode = mode
        self.pure = pure
        self.idempotent = idempotent
        self.limit = limit
        self.limits = limits
        self.timeout_ms = timeout_ms
        self.typed = typed
        self.params_schema = typed.schema if typed is not None else None
        self._returns = returns
        self.setup = setup
        self.teardown = teardown
        self.doc = inspect.getdoc(function) or ""
        self.__doc__ = function.__doc__
        self.__wrapped__ = function
        self.__name__ = getattr(function, "__name__", name)
        self.__qualname__ = getattr(function, "__qualname__", name)
        self.__module__ = getattr(function, "__module__", __name__)

    @functools.cached_property
    def result_schema(self) -> Any:
        """What the annotation says of the result, None where it says nothing. Worked out when it
        is asked for: a run does not need it, and it takes a library."""
        if self._returns in (inspect.Signature.empty, Any, dict, list):
            return None
        from .results import result_schema

        return result_schema(self._returns)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function itself."""
        return self.function(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<handler {self.name} ({self.mode}) {self.__module__}.{self.__qualname__}>"

    def validate(self, params: dict[str, Any]) -> Any:
        """The problems the annotation of ``params`` finds."""
        return [] if self.typed is None else self.typed.check(params, frozenset())

    async def execute(self, params: dict[str, Any], ctx: HandlerContext) -> Any:
        """Convert the parameters and run the function here, whatever its mode."""
        given = params if self.typed is None else self.typed.convert(params)
        result = self.function(given, ctx)
        return await result if inspect.isawaitable(result) else result


def handler(
    name: str,
    *,
    mode: Mode | None = None,
    pure: bool = False,
    idempotent: bool = False,
    limit: int | None = None,
    limits: Limits = (),
    timeout: str | timedelta | None = None,
    setup: Setup | None = None,
    teardown: Setup | None = None,
) -> Callable[[Callable[..., Any]], Handler]:
    """Declare ``async def f(params, ctx)`` or ``def f(params, ctx)`` a handler.

    ``name``: what ``call`` names, dotted. ``mode``: where it runs; ``async def`` always on the
    event loop, a plain ``def`` in a thread unless told otherwise (``async``: on the event loop, so
    it must not block; ``process``: in a worker process, so it must be importable from its module).
    ``pure``: same parameters, same result, no effect. ``idempotent``: repeating it with the same
    idempotency key changes nothing. ``limit``: how many may run at once in this runtime, at least
    1. ``limits``: for all workers of a store together, ``concurrency(8)``, ``rate(100, "1s")`` or
    a list of them. ``timeout``: of one attempt where the document gives none, such as ``"30s"``.
    ``setup`` and ``teardown``: called once per runtime with ``ctx.resources`` (in a worker process:
    per process).

    Parameters are validated by the annotation of ``params`` if that is a dataclass, a msgspec
    struct or a TypedDict. Raises HandlerDefinitionError.
    """
    check_name(name)
    if limit is not None and (type(limit) is not int or limit < 1):
        raise HandlerDefinitionError(f"handler {name}: limit is a number of calls, at least 1")
    timeout_ms = None if timeout is None else _timeout(name, timeout)
    scope = dict(sys._getframe(1).f_locals)

    def declare(function: Callable[..., Any]) -> Handler:
        chosen = _mode(name, mode, function)
        typed, returns = _types(name, function, scope)
        return Handler(
            name,
            function,
            mode=chosen,
            pure=pure,
            idempotent=idempotent,
            limit=limit,
            limits=limits,
            timeout_ms=timeout_ms,
            typed=typed,
            returns=returns,
            setup=setup,
            teardown=teardown,
        )

    return declare


def check_name(name: object) -> None:
    """Raise HandlerDefinitionError unless this is a dotted name."""
    if not isinstance(name, str) or len(name) > _NAME_LENGTH or not _NAME.fullmatch(name):
        raise HandlerDefinitionError(
            f"{name!r} is no handler name: words of letters, digits, _ and -, joined by dots"
        )


def _timeout(name: str, timeout: str | timedelta) -> int:
    try:
        ms = milliseconds(timeout)
    except ValueError as exc:
        raise HandlerDefinitionError(f"handler {name}: timeout: {exc}") from None
    if ms < 1:
        raise HandlerDefinitionError(f"handler {name}: timeout must be at least 1ms")
    return ms


def _mode(name: str, mode: Mode | None, function: Callable[..., Any]) -> Mode:
    if not callable(function):
        raise HandlerDefinitionError(f"handler {name}: {function!r} is no function")
    is_async = inspect.iscoroutinefunction(function)
    if mode is None:
        return "async" if is_async else "thread"
    if mode not in MODES:
        raise HandlerDefinitionError(f"handler {name}: mode is one of {', '.join(MODES)}")
    if is_async and mode != "async":
        raise HandlerDefinitionError(
            f"handler {name}: an async def runs on the event loop; write a plain def for "
            f"mode {mode}"
        )
    return mode


def _types(
    name: str, function: Callable[..., Any], scope: dict[str, Any]
) -> tuple[TypedParams | None, Any]:
    """What the annotations say of parameters and result."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError) as exc:
        raise HandlerDefinitionError(f"handler {name}: no signature to read: {exc}") from exc
    positional = [
        p
        for p in parameters
        if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD, p.VAR_POSITIONAL)
    ]
    needed = [
        p
        for p in parameters
        if p.default is p.empty and p.kind != p.VAR_POSITIONAL and p.kind != p.VAR_KEYWORD
    ]
    starred = any(p.kind == p.VAR_POSITIONAL for p in parameters)
    if len(needed) > 2 or (len(positional) < 2 and not starred):
        raise HandlerDefinitionError(f"handler {name}: a handler is called as f(params, ctx)")
    first = positional[0]
    annotation = _resolve(name, function, first.annotation, scope)
    typed = _typed(annotation)
    returned = inspect.signature(function).return_annotation
    try:
        returned = _resolve(name, function, returned, scope)
    except HandlerDefinitionError:
        returned = inspect.Signature.empty  # only the compiler's lints would use it
    return typed, returned


def _typed(annotation: Any) -> TypedParams | None:
    """The validator of a record type. Its library is loaded only where there may be one."""
    if not isinstance(annotation, type) or annotation is dict:
        return None
    from .params import TypedParams, is_record_type

    return TypedParams(annotation) if is_record_type(annotation) else None


def _resolve(
    name: str, function: Callable[..., Any], annotation: Any, scope: dict[str, Any]
) -> Any:
    """The type an annotation means, where ``from __future__ import annotations`` made it a text."""
    if not isinstance(annotation, str):
        return annotation
    holder = type("Annotated", (), {"__annotations__": {"params": annotation}})
    module_names = getattr(inspect.unwrap(function), "__globals__", {})
    try:
        return get_type_hints(holder, globalns=module_names, localns=scope)["params"]
    except Exception as exc:
        raise HandlerDefinitionError(
            f"handler {name}: the annotation {annotation!r} cannot be resolved: {exc}"
        ) from exc
