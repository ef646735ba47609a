"""What the built-in handlers have in common."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeAlias

from ...errors import StepError
from ..handlers.decorator import Handler
from ..handlers.durations import milliseconds
from ..handlers.params import TypedParams

if TYPE_CHECKING:
    from ..policy import Grants

#: Host name and port -> IP addresses as text. Raises OSError.
Resolver: TypeAlias = Callable[[str, int], Awaitable[list[str]]]
#: Id of a job -> what its document may use.
Rule: TypeAlias = "Callable[[str], Awaitable[Grants | None]]"


def time_limit(timeout: str | int) -> float:
    """The parameter ``timeout`` in seconds. Raises StepError (``params``)."""
    try:
        ms = milliseconds(timeout)
    except ValueError as exc:
        raise StepError("params", f"`timeout`: {exc}") from None
    if ms < 1:
        raise StepError("params", "`timeout` must be at least 1ms")
    return ms / 1000


#: Deriving a validator costs a millisecond; several handlers share one.
_typed = functools.cache(TypedParams)


class BuiltIn(Handler):
    """A handler of this package; the runtime replaces it by one that has its own settings."""

    def __init__(
        self,
        name: str,
        function: Callable[..., Any],
        params: type,
        doc: str,
        result: Any,
        **options: Any,
    ) -> None:
        super().__init__(name, function, mode="async", typed=_typed(params), **options)
        self.doc = doc
        self.result_schema = result
