# ruff: noqa: A002 - `id`, `input` and `vars` are the language's own names
"""Skripts written in Python: the same steps, the same checks, the same AST.

::

    s = Skript("order", input={"type": "object", "required": ["items"]})
    with s.for_("item", in_="input.items", parallel=8, collect="prices"):
        s.call("http.get", {"url": "https://shop/sku/${item.sku}"}, into="p", timeout="3s")
        s.yield_("p.body.price * item.qty")
    s.return_({"total": insert("sum(prices)")})
    document = s.document()

The builder makes plain data and runs the native front end over it; diagnostics point to the Python
file and line of the call.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

from ...model.ast import Document
from ...model.diagnostics import Diagnostics
from ..read import Source
from .blocks import Block, Builder
from .native import parse_native
from .verbs import UNSET, Allow, Duration, Expression, Step, Verbs, _Unset, here, leave_out

leave_out(__file__)

#: Makes a step without adding it anywhere: ``undo=step.call("payments.refund", {...})``.
step: Final = Verbs()


def insert(expression: str) -> str:
    """``${expression}``: what an expression yields, where a text or value is wanted."""
    return f"${{{expression}}}"


class Skript(Builder):
    """A skript under construction. Methods without a block add a step; the others open one."""

    def __init__(
        self,
        name: str,
        *,
        version: int | None = None,
        labels: Mapping[str, str] | None = None,
        input: Mapping[str, Any] | None = None,
        env: Sequence[str] = (),
        vars: Mapping[str, Any] | None = None,
        functions: Mapping[str, Expression] | None = None,
        timeout: Duration | None = None,
        schedule: Mapping[str, Any] | None = None,
        on_failure: Step | None = None,
        allow: Allow | None = None,
    ) -> None:
        self._origin = here()
        body = Block()
        head = {
            "skript": name,
            "version": version,
            "labels": dict(labels) if labels else None,
            "input": input,
            "env": list(env) or None,
            "vars": dict(vars) if vars else None,
            "functions": dict(functions) if functions else None,
            "timeout": timeout,
            "schedule": dict(schedule) if schedule else None,
            "on_failure": on_failure,
            "allow": dict(allow) if allow else None,
        }
        self._root: dict[str, Any] = {k: v for k, v in head.items() if v is not None}
        self._root["do"] = body
        self._blocks = [body]

    @contextmanager
    def on_error(self, when: Expression | _Unset = UNSET) -> Iterator[None]:
        """The document's own ``catch``."""
        with self._clause(self._root.setdefault("catch", []), when):
            yield

    @contextmanager
    def at_end(self) -> Iterator[None]:
        """The document's own ``finally``."""
        with self._collect() as body:
            self._root["finally"] = body
            yield

    def _parse(
        self, source: Source, diagnostics: Diagnostics, files: Mapping[int, str]
    ) -> Document | None:
        return parse_native(source, diagnostics, files)
