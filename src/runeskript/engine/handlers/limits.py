"""Limits on a handler that hold for all workers of a store together: how many calls at once, how
many in a time, of all calls or for each value of a parameter.

The ``limit`` of ``@handler`` is another thing: it bounds what one runtime takes upon itself.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from datetime import timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from ...errors import HandlerDefinitionError
from ...model.durations import show_duration
from ...model.records import record
from ...model.values import Value
from .durations import milliseconds

if TYPE_CHECKING:
    from ...stores.slots import Limit

#: Slots of one limit, limits of one handler, and characters of a limit's name.
MOST_SLOTS: Final = 1_000_000
MOST_LIMITS: Final = 8
_NAME_LENGTH: Final = 128
#: Characters of a key that are shown as they are.
_SHOWN: Final = 48
#: ``8``, ``100/1s``, ``1@account``, ``5/1m@customer.id``.
_TEXT: Final = re.compile(r"([0-9]{1,7})(?:/([0-9a-z]+))?(?:@([^\s@/]+))?")


@record
class CallLimit:
    """A limit as it is declared; see :func:`concurrency` and :func:`rate`."""

    size: int
    #: Milliseconds for which a call that began counts; None: until it ends.
    hold: int | None = None
    key: str | None = None
    name: str | None = None

    def __str__(self) -> str:
        """As it is said: ``at most 8 at once on all workers for each account``."""
        when = "at once" if self.hold is None else f"in {show_duration(self.hold)}"
        each = "" if self.key is None else f" for each {self.key}"
        shared = "" if self.name is None else f", with all of {self.name}"
        return f"at most {self.size} {when} on all workers{each}{shared}"

    def of(self, handler: str, params: Mapping[str, Value]) -> Limit:
        """The limit as one call sees it."""
        from ...stores.slots import Limit

        kind = "concurrency" if self.hold is None else "rate"
        line = f"{kind}:{self.name or handler}"
        if self.key is not None:
            line += f"[{self.key}={_shown(_at(params, self.key))}]"
        return Limit(line, self.size, self.hold)


Limits: TypeAlias = "CallLimit | Iterable[CallLimit]"


def concurrency(size: int, *, key: str | None = None, name: str | None = None) -> CallLimit:
    """At most ``size`` calls at once, on all workers of a store.

    ``key``: the name of a parameter (``customer``, ``customer.id``): as many for each of its
    values. ``name``: handlers that give the same one share the slots; otherwise each has its own.
    A call holds its slot from the commit that lets it out to the one that takes in its result, so
    also while its worker is dead or while it is pending. Raises HandlerDefinitionError.
    """
    return _checked(CallLimit(size, None, key, name))


def rate(
    size: int, per: str | timedelta, *, key: str | None = None, name: str | None = None
) -> CallLimit:
    """At most ``size`` calls that begin within any ``per`` (``"1s"``), on all workers of a store.

    ``key`` and ``name`` as for :func:`concurrency`. Raises HandlerDefinitionError.
    """
    try:
        hold = milliseconds(per)
    except ValueError as exc:
        raise HandlerDefinitionError(f"rate: {exc}") from None
    if hold < 1:
        raise HandlerDefinitionError("rate: `per` is at least 1ms")
    return _checked(CallLimit(size, hold, key, name))


def parse_limit(text: str) -> CallLimit:
    """``N``, ``N/PERIOD``, either with ``@PARAMETER``. Raises HandlerDefinitionError."""
    found = _TEXT.fullmatch(text)
    if found is None:
        raise HandlerDefinitionError(
            f"{text!r} is no limit: write 8 (at once), 100/1s (in a time), "
            "1@account (for each value of a parameter)"
        )
    size, per, key = found.groups()
    return concurrency(int(size), key=key) if per is None else rate(int(size), per, key=key)


def limits_of(given: Limits) -> tuple[CallLimit, ...]:
    """What was declared, as a tuple. Raises HandlerDefinitionError for anything else."""
    found: tuple[CallLimit, ...] = ()
    if isinstance(given, CallLimit):
        found = (given,)
    elif isinstance(given, Iterable):
        found = tuple(given)
    if (not found and given != ()) or any(not isinstance(one, CallLimit) for one in found):
        raise HandlerDefinitionError(
            "limits are made by concurrency(8) or rate(100, '1s'), or a list of them"
        )
    if len(found) > MOST_LIMITS:
        raise HandlerDefinitionError(f"a handler has at most {MOST_LIMITS} limits")
    return found


def _checked(limit: CallLimit) -> CallLimit:
    if type(limit.size) is not int or not 1 <= limit.size <= MOST_SLOTS:
        raise HandlerDefinitionError(f"a limit is a number of calls from 1 to {MOST_SLOTS:,}")
    for what, text in (("key", limit.key), ("name", limit.name)):
        if text is not None and (not isinstance(text, str) or not 0 < len(text) <= _NAME_LENGTH):
            raise HandlerDefinitionError(
                f"the {what} of a limit is a text of 1 to {_NAME_LENGTH} characters"
            )
    return limit


def _at(params: Any, key: str) -> Value:
    """A parameter, or what is inside one; null where there is none."""
    for part in key.split("."):
        params = params.get(part) if isinstance(params, dict) else None
    found: Value = params
    return found


def _shown(value: Value) -> str:
    """A text that is the same for equal values, and readable for short ones."""
    from ...stores.base import match_key

    if isinstance(value, float) and value.is_integer() and abs(value) < 2**63:
        value = int(value)  # 1 and 1.0 are equal
    if value is None or isinstance(value, bool | int | str):
        text = json.dumps(value, ensure_ascii=False)
        if len(text) <= _SHOWN:
            return text
    return sha256(match_key(value)).hexdigest()[:32]
