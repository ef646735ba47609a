"""Typed errors as data: matching by type, and the object that ``catch`` sees as ``error``."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from .codes import code_for_type
from .records import mutable
from .values import Value

#: Attempted again where ``retry`` names no types (errors marked retryable come on top).
DEFAULT_RETRY: Final = ("timeout", "connect", "http.5xx", "http.429")
#: Types no ``catch`` sees and no ``raise`` may use.
UNCATCHABLE: Final = ("cancel", "limit")
#: A call that was asked to stop did not, and nobody waits for it any more.
ABANDONED: Final = "cancel.abandoned"
#: Key under which a stored error keeps what the kernel needs to raise it again.
INTERNAL: Final = "$"


def matches(type_: str, pattern: str) -> bool:
    """Whether a dotted type falls under a pattern: by prefix, with ``5xx`` as a class of digits."""
    have, want = type_.split("."), pattern.split(".")
    return len(want) <= len(have) and all(map(_segment, have, want))


def _segment(have: str, want: str) -> bool:
    if have == want:
        return True
    return (
        len(want) == 3
        and want[1:] == "xx"
        and want[0].isdigit()
        and len(have) == 3
        and have.isdigit()
        and have[0] == want[0]
    )


def catchable(type_: str) -> bool:
    """Everything but cancel and ``limit.*``."""
    return not any(matches(type_, p) for p in UNCATCHABLE)


@mutable
class Fault:
    """A typed error on its way. ``scope`` (cancel only) is the scope index it unwinds to."""

    type: str
    message: str = ""
    step: str | None = None
    attempts: int = 0
    data: Value = None
    cause: Value = None
    retryable: bool = False
    compensate: bool = False
    scope: int = -1
    code: str | None = None

    def public(self) -> dict[str, Value]:
        """The object the language calls ``error``."""
        return {
            "code": self.code or code_for_type(self.type),
            "type": self.type,
            "message": self.message,
            "step": self.step,
            "attempts": self.attempts,
            "data": self.data,
            "cause": self.cause,
        }

    def stored(self) -> dict[str, Value]:
        """As ``public``, with what RERAISE and COMPENSATE need under the internal key."""
        out = self.public()
        out[INTERNAL] = {"compensate": self.compensate, "scope": self.scope}
        return out

    @classmethod
    def load(cls, value: Any) -> Fault:
        """Back from ``stored`` (or ``public``); tolerant, because a frame may hold anything."""
        obj: dict[str, Any] = value if isinstance(value, dict) else {"type": "raised"}
        hidden = obj.get(INTERNAL)
        hidden = hidden if isinstance(hidden, dict) else {}
        attempts = obj.get("attempts")
        scope = hidden.get("scope")
        type_, message, step, code = (obj.get(key) for key in ("type", "message", "step", "code"))
        return cls(
            type=type_ if isinstance(type_, str) and type_ else "raised",
            message=message if isinstance(message, str) else "",
            step=step if isinstance(step, str) else None,
            attempts=attempts if isinstance(attempts, int) else 0,
            data=obj.get("data"),
            cause=obj.get("cause"),
            compensate=bool(hidden.get("compensate")),
            scope=scope if isinstance(scope, int) else -1,
            code=code if isinstance(code, str) else None,
        )

    def with_list(self, key: str, items: list[Value]) -> Fault:
        """The same fault with ``items`` added to a list in its data; unchanged if empty."""
        if not items:
            return self
        data: dict[str, Value]
        if isinstance(self.data, dict):
            known = self.data.get(key)
            data = {**self.data, key: [*(known if isinstance(known, list) else ()), *items]}
        elif self.data is None:
            data = {key: items}
        else:
            data = {"data": self.data, key: items}
        return replace(self, data=data)
