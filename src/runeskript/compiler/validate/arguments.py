"""Parameters that are computed: their types against those a handler or a child skript takes.

What is written out the handler judges itself (``handlers.py``); here are the others, and objects
that are written out with computed values in them. Only what no value of a type can satisfy is
reported.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from ...errors import StepError
from ...expr.schema import check_schema, compile_schema
from ...expr.types import ANY, Type
from ...model import ast
from ...model.ast import IR, Args, Expr
from ...model.catalog import HandlerCatalog
from ...model.diagnostics import Diagnostics
from ...model.nearest import did_you_mean
from ...model.rows import NamedTuple
from ...model.values import Value
from .environment import Environment, of_schema
from .facts import Facts

#: Keywords that judge each key of an object by itself.
_BY_KEY: Final = ("type", "properties", "additionalProperties", "$defs")
#: Nesting up to which objects that are written out are compared.
_DEPTH: Final = 12


class Mismatch(NamedTuple):
    """A parameter that cannot be right: where, and why."""

    at: Expr
    message: str
    hint: str | None


class Expected:
    """What handlers take, by name; each schema is looked at once."""

    def __init__(self, catalog: HandlerCatalog) -> None:
        self._catalog = catalog
        self._types: dict[str, Type] = {}

    def of(self, handler: str) -> Type:
        """The type of a handler's parameters; ANY where it takes what it is given."""
        found = self._types.get(handler)
        if found is None:
            info = self._catalog.get(handler)
            schema = info.params_schema if info is not None and info.strict else None
            found = self._types[handler] = of_schema(_without_formats(schema))
        return found


def check_arguments(
    facts: Facts, env: Environment, catalog: HandlerCatalog, found: Diagnostics
) -> None:
    """Every call of the document, undos included."""
    expected = Expected(catalog)
    for step in facts.steps:
        if isinstance(step, ast.Call):
            for wrong in mismatches(step.args, expected.of(step.handler), env):
                message = f"`{step.handler}`: {wrong.message}"
                found.add("RUNE-3008", message, wrong.at.span, wrong.at.pointer, wrong.hint)


def mismatches(args: Args, takes: Type, env: Environment) -> Iterator[Mismatch]:
    """The parameters that are computed and cannot be right."""
    if takes is ANY:
        return
    fields = takes.fields or {}
    for key, value in args.entries.items():
        wanted = fields.get(key)
        if wanted is not None and not value.is_const:
            yield from _compare(f"`{key}`", value, value.ir, wanted, env, 0)
    whole = args.whole
    if whole is not None and not whole.is_const and "object" in env.type_of(whole.ir).kinds:
        yield from _compare("`with`", whole, whole.ir, takes, env, 0)


def _compare(
    what: str, at: Expr, ir: IR, wanted: Type, env: Environment, depth: int
) -> Iterator[Mismatch]:
    """One value against the type that is wanted; objects written out are looked into."""
    type_ = env.type_of(ir)
    if not type_.kinds or not wanted.kinds:
        return
    if type_.kinds.isdisjoint(wanted.kinds):
        kinds = Type(wanted.kinds).describe()
        yield Mismatch(at, f"{what} must be {kinds}, is {type_.describe()}", None)
    elif ir[0] == "object" and wanted.fields is not None and depth < _DEPTH:
        for key, value in ir[1]:
            if key[0] != "const":
                continue
            inner = wanted.field(key[1])
            if inner is not None:
                yield from _compare(f"{what}.`{key[1]}`", at, value, inner, env, depth + 1)
            elif wanted.kinds == {"object"}:
                hint = did_you_mean(key[1], wanted.fields)
                yield Mismatch(at, f"{what} has no field `{key[1]}`", hint)


# --- child skripts ----------------------------------------------------------------------------
def check_input(step: ast.Run, schema: Value, env: Environment, found: Diagnostics) -> None:
    """What a `run` passes, against the input of the skript it has pinned."""
    if not isinstance(schema, dict) or check_schema(schema):
        return
    args = step.args
    for key, message in _refused(args, schema):
        at = args.entries.get(key)
        span, pointer = (args.span, args.pointer) if at is None else (at.span, at.pointer)
        if at is None and not args.entries and args.whole is None:
            span, pointer = step.skript_span, env.wording.at(step.site.pointer, "run")
        found.add("RUNE-3034", f"the child's input: {message}", span, pointer)
    for wrong in mismatches(args, of_schema(schema), env):
        message = f"the child's input: {wrong.message}"
        found.add("RUNE-3034", message, wrong.at.span, wrong.at.pointer, wrong.hint)


def _refused(args: Args, schema: dict[str, Value]) -> Iterator[tuple[str, str]]:
    """(key, what is wrong) as far as the values that are written out tell."""
    if args.whole is not None and not args.whole.is_const:
        return
    value: Value = {key: expr.ir[1] for key, expr in args.entries.items() if expr.is_const}
    if args.whole is not None:
        value = args.whole.ir[1]
    elif not args.entries and schema.get("type") != "object":
        value = None  # a skript that asks for an object takes nothing as the empty one
    computed = [key for key, expr in args.entries.items() if not expr.is_const]
    if computed:
        yield from _keys(args, computed, schema)
        schema = {key: part for key, part in schema.items() if key in _BY_KEY}
    try:
        problems = compile_schema(schema)(value)
    except StepError:
        return  # it would take too long; the child says what is wrong
    for pointer, message in problems:
        key = pointer.split("/")[1] if "/" in pointer else ""
        yield key.replace("~1", "/").replace("~0", "~"), f"{pointer[1:] or 'in all'}: {message}"


def _keys(args: Args, computed: list[str], schema: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """What the keys alone tell where some values are computed."""
    for key in schema.get("required", ()):
        if key not in args.entries:
            yield "", f"`{key}` is missing"
    known = schema.get("properties", {})
    if schema.get("additionalProperties") is False:
        for key in computed:
            if key not in known:
                hint = did_you_mean(key, known)
                yield key, f"there is no `{key}`" + (f"; {hint}" if hint else "")


def _without_formats(schema: Any) -> Value:
    """A schema without the parts that name a format: what they take is more than their type."""
    if isinstance(schema, dict):
        if isinstance(schema.get("format", schema.get("contentEncoding")), str):
            return {}
        return {key: _without_formats(part) for key, part in schema.items()}
    if isinstance(schema, list):
        return [_without_formats(part) for part in schema]
    copied: Value = schema
    return copied
