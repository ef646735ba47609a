"""The input of a job: normalised, then checked against the document's schema."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from ..errors import InputError, NotAValueError, StepError
from ..expr.schema import Problem, compile_schema
from ..model.values import Value, normalise

#: Problems that the message names.
SHOWN: Final = 5


class InputCheck:
    """The check of one skript's inputs; compiled when first used."""

    __slots__ = ("_check", "_schema")

    def __init__(self, schema: Value) -> None:
        self._schema = schema
        self._check: Callable[[Value], list[Problem]] | None = None

    def accept(self, given: object) -> Value:
        """The input as a value of its own. Raises InputError naming what is wrong with it.

        A document without a schema takes any value. One whose schema asks for an object takes no
        input at all as the empty object.
        """
        try:
            value = normalise(given)
        except NotAValueError as exc:
            raise InputError(f"the input is no value: {exc.message}") from None
        schema = self._schema
        if schema is None:
            return value
        if value is None and isinstance(schema, dict) and schema.get("type") == "object":
            value = {}
        if self._check is None:
            self._check = compile_schema(schema)
        try:
            problems = self._check(value)
        except StepError as exc:
            raise InputError(f"the input cannot be checked: {exc.message}") from None
        if problems:
            shown = "; ".join(f"{pointer or 'input'}: {text}" for pointer, text in problems[:SHOWN])
            more = len(problems) - SHOWN
            raise InputError(shown + (f"; and {more} more" if more > 0 else ""))
        return value
