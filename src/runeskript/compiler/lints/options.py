"""What is known of values beyond their types: the options of inputs, the texts of variables."""

from __future__ import annotations

from typing import Any

from ...expr.schema_rules import referred
from ...model.ast import IR
from ...model.ir_text import expression_text
from ..validate.facts import Facts

#: Options shown in a message.
_SHOWN = 6


class Options:
    """The values that expressions are known to be limited to."""

    __slots__ = ("_schema", "_variables")

    def __init__(self, facts: Facts) -> None:
        self._schema: Any = facts.document.input_schema
        self._variables = _variables(facts)

    def never(self, ir: IR, value: Any) -> str | None:
        """Why a constant can never be the value of an expression; None where it may be.

        Nothing is said of null, which is what one asks to be on the safe side.
        """
        options = None if value is None else self._of(ir)
        if options is None or any(may_equal(value, option) for option in options):
            return None
        shown = ", ".join(expression_text(("const", option)) for option in options[:_SHOWN])
        more = ", ..." if len(options) > _SHOWN else ""
        what, was = expression_text(ir), expression_text(("const", value))
        return f"`{what}` is never {was}, only one of {shown}{more}"

    def _of(self, ir: IR) -> list[Any] | None:
        """All values an expression can have; None where they are not known."""
        if ir[0] == "name":
            return self._variables.get(ir[1])
        keys = []
        while ir[0] == "item" and ir[2][0] == "const":
            keys.append(ir[2][1])
            ir = ir[1]
        if ir != ("name", "input") or not keys:
            return None
        schema = _resolved(self._schema, self._schema)
        for key in reversed(keys):
            properties = schema.get("properties") if schema is not None else None
            inner = properties.get(key) if isinstance(properties, dict) else None
            schema = _resolved(self._schema, inner)
        if schema is None:
            return None
        options = [schema["const"]] if "const" in schema else schema.get("enum")
        return options if isinstance(options, list) else None


def _resolved(root: Any, schema: Any) -> dict[str, Any] | None:
    """A schema with its reference followed; None where alternatives leave it open."""
    for _ in range(20):
        if not isinstance(schema, dict) or {"anyOf", "oneOf", "allOf"} & schema.keys():
            return None
        if "$ref" not in schema:
            return schema
        schema = referred(root, schema["$ref"])
    return None


def _variables(facts: Facts) -> dict[str, list[Any]]:
    """Variables that are only ever set to texts written out, more than once -> those texts.

    One that is set once is a constant, and a comparison with it a switch for whoever edits it.
    """
    found: dict[str, list[Any]] = {}
    others = {loop.name for loop in facts.loop_names}
    for a in facts.assignments:
        if a.value is None or a.path or not a.value.is_const or type(a.value.ir[1]) is not str:
            others.add(a.name)
        elif a.name not in others:
            found.setdefault(a.name, []).append(a.value.ir[1])
    return {
        name: list(dict.fromkeys(texts))
        for name, texts in found.items()
        if name not in others and len(texts) > 1
    }


def may_equal(one: Any, other: Any) -> bool:
    """Whether two constants are equal in the language (1 is 1.0, but not true)."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    return bool(one == other)
