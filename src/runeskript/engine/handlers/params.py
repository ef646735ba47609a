"""Validation derived from the annotation of a handler's ``params``.

The annotation is a dataclass, a ``msgspec.Struct`` or a TypedDict; its fields are the parameters.
Conversion is msgspec's strict one (no text becomes a number); keys the type does not have are
refused with the nearest match, at compile time for what a document spells out, else before the
call.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, get_type_hints, is_typeddict

import msgspec

from ...errors import HandlerDefinitionError
from ...model.catalog import ParamProblem
from ...model.nearest import nearest
from ...model.rows import NamedTuple
from ...model.values import Value, copy_value
from .failures import ParamsError


class Field(NamedTuple):
    """One parameter. ``type`` is its annotation, ``required``: it has no default."""

    type: Any
    required: bool


def is_record_type(annotation: Any) -> bool:
    """Whether parameters (or a result) can be derived from this annotation."""
    return isinstance(annotation, type) and (
        dataclasses.is_dataclass(annotation)
        or issubclass(annotation, msgspec.Struct)
        or is_typeddict(annotation)
    )


def schema_of(annotation: Any) -> Value:
    """JSON Schema of a record type, its top level written out."""
    schema = msgspec.json.schema(annotation)
    ref = schema.get("$ref")
    if isinstance(ref, str):
        definitions = dict(schema.get("$defs", {}))
        name = ref.rpartition("/")[2]
        top = dict(definitions[name])
        if not _mentions(definitions, ref):
            del definitions[name]
        schema = {**top, **({"$defs": definitions} if definitions else {})}
    out: Value = copy_value(schema)
    return out


def _mentions(schema: Any, ref: str) -> bool:
    if isinstance(schema, dict):
        return schema.get("$ref") == ref or any(_mentions(v, ref) for v in schema.values())
    return isinstance(schema, list) and any(_mentions(v, ref) for v in schema)


class TypedParams:
    """The validator of one record type.

    Raises HandlerDefinitionError where msgspec cannot handle the type.
    """

    def __init__(self, annotation: Any) -> None:
        self.type = annotation
        try:
            info: Any = msgspec.inspect.type_info(annotation)
            self.schema = schema_of(annotation)
            hints = get_type_hints(annotation, include_extras=True)
        except (TypeError, NameError, ValueError) as exc:
            raise HandlerDefinitionError(
                f"the annotation {annotation.__name__} cannot be validated: {exc}"
            ) from exc
        self.fields: dict[str, Field] = {
            field.encode_name: Field(hints[field.name], field.required) for field in info.fields
        }
        self._names = frozenset(self.fields)

    def convert(self, params: dict[str, Any]) -> Any:
        """The instance the handler gets; raises ParamsError."""
        if not self._names.issuperset(params):
            raise ParamsError(self.check(params, frozenset()))
        try:
            return msgspec.convert(params, self.type)
        except msgspec.ValidationError as exc:
            problems = self.check(params, frozenset())
            raise ParamsError(problems or [ParamProblem(None, _sentence(exc))]) from None
        except Exception as exc:  # a __post_init__ of the handler's own
            raise ParamsError([ParamProblem(None, f"{type(exc).__name__}: {exc}")]) from exc

    def check(self, literals: Mapping[str, Value], dynamic: frozenset[str]) -> list[ParamProblem]:
        """What is wrong as far as the keys and the values that are known tell."""
        problems: list[ParamProblem] = []
        meant: set[str] = set()
        for name in (*literals, *sorted(dynamic)):
            if name not in self.fields:
                match = nearest(name, self.fields)
                known = ", ".join(self.fields) or "none"
                hint = f"did you mean `{match}`?" if match else f"known parameters: {known}"
                problems.append(ParamProblem(name, f"there is no parameter `{name}`", hint))
                if match:
                    meant.add(match)  # a misspelt parameter is not missing besides
        for name, field in self.fields.items():
            if name in literals:
                problem = self._check_field(name, field, literals[name])
                if problem is not None:
                    problems.append(problem)
            elif field.required and name not in dynamic and name not in meant:
                problems.append(ParamProblem(None, f"the parameter `{name}` is missing"))
        return problems

    def _check_field(self, name: str, field: Field, value: Value) -> ParamProblem | None:
        try:
            msgspec.convert(value, field.type)
        except msgspec.ValidationError as exc:
            return ParamProblem(name, f"`{name}`: {_sentence(exc)}")
        except Exception as exc:  # a __post_init__ of the handler's own
            return ParamProblem(name, f"{type(exc).__name__}: {exc}")
        return None


def _sentence(error: Exception) -> str:
    """msgspec's message in the language's words."""
    text = str(error)
    for theirs, ours in (("`str`", "text"), ("`array`", "list"), ("`$", "`")):
        text = text.replace(theirs, ours)
    return text[:1].lower() + text[1:]
