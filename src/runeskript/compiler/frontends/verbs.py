# ruff: noqa: A002 - `id` and `type` are the language's own names
"""The verbs of the language as typed Python methods; each makes one step as plain data.

The names and keys follow ``compiler/tables.py`` (a test compares the two). A trailing underscore
keeps a name apart from Python's own words: ``with_``, ``if_``, ``in_``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

from .origins import Origin, origin_outside

#: A bare expression; numbers, bools and null stand for themselves.
Expression: TypeAlias = "str | int | float | bool | None"
#: ``5m``, ``200ms`` ..., or a text with ``${...}``.
Duration: TypeAlias = str
#: Findings that are meant to be in a step: code or name -> why.
Allow: TypeAlias = "Mapping[str, str]"


class Step(dict[str, Any]):
    """One step as plain data, and where in Python it was written."""

    __slots__ = ("origin",)

    def __init__(self, content: Mapping[str, Any], origin: Origin) -> None:
        super().__init__(content)
        self.origin = origin


class _Unset:
    """The type of :data:`UNSET`, for arguments where None is a value."""


UNSET = _Unset()
#: Files whose calls are not where a step was written.
_OURS = {__file__}


def here() -> Origin:
    """Where the builder was called from."""
    return origin_outside(frozenset(_OURS))


def leave_out(file: str) -> None:
    """Count a module as part of the builder when looking for the caller."""
    _OURS.add(file)


class Verbs:
    """One method per verb without blocks. :meth:`_add` decides what becomes of the step."""

    def _add(self, step: Step) -> Step:
        return step

    def _make(
        self,
        verb: str,
        value: Any,
        keys: Mapping[str, Any],
        id: str | None,
        if_: Expression | _Unset,
        timeout: Duration | None = None,
        allow: Allow | None = None,
    ) -> Step:
        content: dict[str, Any] = {}
        if id is not None:
            content["id"] = id
        if not isinstance(if_, _Unset):
            content["if"] = if_
        content[verb] = value
        content.update({key: item for key, item in keys.items() if item is not None})
        if timeout is not None:
            content["timeout"] = timeout
        if allow is not None:
            content["allow"] = dict(allow)
        return self._add(Step(content, here()))

    def set(
        self,
        targets: Mapping[str, Any] | None = None,
        /,
        *,
        id: str | None = None,
        if_: Expression | _Unset = UNSET,
        allow: Allow | None = None,
        **names: Any,
    ) -> Step:
        """``set``: variables by keyword, paths such as ``order.total`` by mapping."""
        return self._make("set", {**(targets or {}), **names}, {}, id, if_, allow=allow)

    def call(
        self,
        handler: str,
        with_: Mapping[str, Any] | str | None = None,
        into: str | None = None,
        *,
        undo: Mapping[str, Any] | None = None,
        retry: Mapping[str, Any] | None = None,
        timeout: Duration | None = None,
        on_crash: Literal["rerun", "fail"] | None = None,
        queue: str | None = None,
        id: str | None = None,
        if_: Expression | _Unset = UNSET,
        allow: Allow | None = None,
    ) -> Step:
        """``call``: a handler. ``undo`` is a step, made with :data:`~.builder.step`."""
        keys = {
            "with": with_, "into": into, "undo": undo, "retry": retry, "on_crash": on_crash,
            "queue": queue,
        }  # fmt: skip
        return self._make("call", handler, keys, id, if_, timeout, allow)

    def run(
        self,
        skript: str,
        with_: Mapping[str, Any] | str | None = None,
        into: str | None = None,
        *,
        undo: Mapping[str, Any] | None = None,
        retry: Mapping[str, Any] | None = None,
        timeout: Duration | None = None,
        detach: bool | None = None,
        id: str | None = None,
        if_: Expression | _Unset = UNSET,
        allow: Allow | None = None,
    ) -> Step:
        """``run``: a child skript, by ``name``, ``name@version`` or ``./path.yaml``."""
        keys = {"with": with_, "into": into, "undo": undo, "retry": retry, "detach": detach}
        return self._make("run", skript, keys, id, if_, timeout, allow)

    def wait(
        self,
        delay: Duration | None = None,
        *,
        until: Expression | _Unset = UNSET,
        id: str | None = None,
        if_: Expression | _Unset = UNSET,
        allow: Allow | None = None,
    ) -> Step:
        """``wait``: for a duration, or ``until`` an instant."""
        value = delay if isinstance(until, _Unset) else {"until": until}
        return self._make("wait", value, {}, id, if_, allow=allow)

    def listen(
        self,
        topic: str,
        *,
        key: Expression = None,
        where: Expression = None,
        schema: Mapping[str, Any] | None = None,
        into: str | None = None,
        timeout: Duration | None = None,
        id: str | None = None,
        if_: Expression | _Unset = UNSET,
        allow: Allow | None = None,
    ) -> Step:
        """``listen``: wait for a message; ``where`` sees ``event``."""
        keys = {"key": key, "where": where, "schema": schema, "into": into}
        return self._make("listen", topic, keys, id, if_, timeout, allow)

    def emit(
        self,
        topic: str,
        with_: Mapping[str, Any] | str | None = None,
        *,
        key: Expression = None,
        to: str | None = None,
        keep: Duration | None = None,
        id: str | None = None,
        if_: Expression | _Unset = UNSET,
        allow: Allow | None = None,
    ) -> Step:
        """``emit``: a message to listeners of (topic, key), or to one job."""
        keys = {"key": key, "to": to, "with": with_, "keep": keep}
        return self._make("emit", topic, keys, id, if_, allow=allow)

    def log(
        self,
        text: str,
        level: Literal["debug", "info", "warning", "error"] | None = None,
        *,
        id: str | None = None,
        if_: Expression | _Unset = UNSET,
        allow: Allow | None = None,
    ) -> Step:
        """``log``."""
        return self._make("log", text, {"level": level}, id, if_, allow=allow)

    def yield_(
        self,
        value: Expression,
        *,
        id: str | None = None,
        if_: Expression | _Unset = UNSET,
        allow: Allow | None = None,
    ) -> Step:
        """``yield``: the value of this branch or iteration."""
        return self._make("yield", value, {}, id, if_, allow=allow)

    def return_(
        self,
        value: Any = None,
        *,
        id: str | None = None,
        if_: Expression | _Unset = UNSET,
        allow: Allow | None = None,
    ) -> Step:
        """``return``: ends the run with a value."""
        return self._make("return", value, {}, id, if_, allow=allow)

    def raise_(
        self,
        type: str,
        message: str | None = None,
        *,
        data: Any = UNSET,
        compensate: bool | str | None = None,
        id: str | None = None,
        if_: Expression | _Unset = UNSET,
        allow: Allow | None = None,
    ) -> Step:
        """``raise``: a typed error."""
        value: dict[str, Any] = {"type": type}
        if message is not None:
            value["message"] = message
        if not isinstance(data, _Unset):
            value["data"] = data
        if compensate is not None:
            value["compensate"] = compensate
        return self._make("raise", value, {}, id, if_, allow=allow)

    def break_(
        self, *, id: str | None = None, if_: Expression | _Unset = UNSET, allow: Allow | None = None
    ) -> Step:
        """``break`` out of the nearest sequential loop."""
        return self._make("break", None, {}, id, if_, allow=allow)

    def continue_(
        self, *, id: str | None = None, if_: Expression | _Unset = UNSET, allow: Allow | None = None
    ) -> Step:
        """``continue`` the nearest loop."""
        return self._make("continue", None, {}, id, if_, allow=allow)
