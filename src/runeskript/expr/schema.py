"""Validators from the JSON Schema subset (2020-12 meanings, the keywords of ``schema_rules``).

Two differences from the standard, both because values of the language are typed: an ``integer`` is
an int (``1.0`` is none), and ``enum``, ``const`` and ``uniqueItems`` compare as ``==`` does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from ..errors import BlueprintError, StepError
from ..model.limits import PURE_WORK
from ..model.nearest import did_you_mean
from ..model.values import Value, type_name
from .faults import fault
from .formats import FORMATS
from .library.unique import identity
from .ops import eq
from .read_pattern import compile_regex
from .runtime import Context
from .schema_rules import SCHEMA_TYPES, Finding, check_form, escape, referred, subschemas

__all__ = ["Problem", "check_schema", "compile_schema"]

#: A finding about a value: JSON pointer into it, message.
Problem = tuple[str, str]

#: Findings reported for one value.
REPORTED: Final = 50
#: Units of work that checking one value may take; a schema met by a value is at least eight.
WORK: Final = 4 * PURE_WORK


class _Run:
    """The check of one value: findings so far and work left. ``quiet`` ones only count."""

    __slots__ = ("_context", "problems", "steps")

    def __init__(self, steps: int = WORK) -> None:
        self.problems: list[Problem] = []
        self.steps = steps
        self._context: Context | None = None

    @property
    def context(self) -> Context:
        """What comparisons may spend; most schemas compare nothing."""
        found = self._context
        if found is None:
            found = self._context = Context()
        return found

    def spend(self, steps: int) -> None:
        self.steps -= steps
        if self.steps < 0:
            raise fault("limit.work", "the value takes too much work to check against its schema")

    def report(self, pointer: str, message: str) -> None:
        if len(self.problems) < REPORTED:
            self.problems.append((pointer, message))

    def satisfies(self, check: _Checker, value: Any, pointer: str) -> bool:
        """Try a schema without keeping what it reports."""
        before = self.problems
        self.problems = []
        check(self, value, pointer)
        sound = not self.problems
        self.problems = before
        return sound


_Checker = Callable[[_Run, Any, str], None]


def check_schema(schema: Value) -> list[Finding]:
    """What is wrong with a schema: (pointer into it, message, hint), nothing where it is sound.

    Never raises, whatever it is given. A ``default`` that its own schema refuses is a finding.
    """
    findings = check_form(schema)
    if not findings:
        _check_defaults(schema, findings)
    return findings


def _check_defaults(root: Any, findings: list[Finding]) -> None:
    """Every ``default`` against its schema, all of them within ``WORK`` together."""
    compiler = _Compiler(root)
    steps = WORK
    waiting = [(root, "")]
    while waiting and len(findings) < REPORTED:
        schema, pointer = waiting.pop()
        if type(schema) is not dict:
            continue
        if "default" in schema:
            run = _Run(steps)
            try:
                compiler.compile(schema)(run, schema["default"], "")
            except StepError as error:
                findings.append((f"{pointer}/default", error.message, None))
                return
            steps = run.steps
            for at, message in run.problems[:1]:
                text = f"the default is refused: {message}"
                findings.append((f"{pointer}/default{at}", text, None))
        inner = [(part, pointer + at) for at, part in subschemas(schema)]
        for name, part in schema.get("$defs", {}).items():
            inner.append((part, f"{pointer}/$defs/{escape(name)}"))
        waiting += reversed(inner)


def compile_schema(schema: Value) -> Callable[[Value], list[Problem]]:
    """A validator: value -> [(pointer into the value, message)], empty where it satisfies.

    Raises BlueprintError for a schema in which :func:`check_schema` finds faults. The validator
    raises StepError ``limit.work`` where checking would take more than ``WORK`` units.
    """
    findings = check_form(schema)
    if findings:
        raise BlueprintError(
            f"a schema is not sound: {findings[0][0] or '/'}: {findings[0][1]}",
            tuple(f"{pointer or '/'}: {message}" for pointer, message, _ in findings),
        )
    check = _Compiler(schema).compile(schema)

    def validate(value: Value) -> list[Problem]:
        run = _Run()
        check(run, value, "")
        return run.problems

    return validate


# --- compiling --------------------------------------------------------------------------------


def _nothing(run: _Run, value: Any, pointer: str) -> None:
    """The schema ``true``."""


def _never(run: _Run, value: Any, pointer: str) -> None:
    """The schema ``false``."""
    run.report(pointer, "nothing is allowed here")


class _Compiler:
    """Compiles the schemas of one root, each once: what is referred to often is shared."""

    __slots__ = ("known", "root")

    def __init__(self, root: Any) -> None:
        self.root = root
        self.known: dict[int, _Checker] = {}

    def compile(self, schema: Any) -> _Checker:
        """The check of a schema that is part of the root."""
        if schema is True:
            return _nothing
        if schema is False:
            return _never
        known = self.known.get(id(schema))
        if known is None:
            known = self.known[id(schema)] = _compile(self, schema)
        return known


def _compile(of: _Compiler, schema: Any) -> _Checker:
    checks: list[_Checker] = []
    typed = _types(schema.get("type"))
    if "const" in schema:
        checks.append(_choice([schema["const"]]))
    if "enum" in schema:
        checks.append(_choice(schema["enum"]))
    by_type: dict[type, list[_Checker]] = {}
    for kind, makers in _BY_TYPE:
        for maker in makers:
            made = maker(of, schema)
            if made is not None:
                by_type.setdefault(kind, []).append(made)
    if "$ref" in schema:
        checks.append(of.compile(referred(of.root, schema["$ref"])))
    checks += [of.compile(inner) for inner in schema.get("allOf", ())]
    if "anyOf" in schema:
        checks.append(_any_of([of.compile(inner) for inner in schema["anyOf"]]))
    if "oneOf" in schema:
        checks.append(_one_of([of.compile(inner) for inner in schema["oneOf"]]))
    weight = 8 + len(checks)
    names = _type_words(schema.get("type"))

    def check(run: _Run, value: Any, pointer: str) -> None:
        run.steps -= weight  # as ``spend``, written out: it is done for each value
        if run.steps < 0:
            run.spend(0)
        kind = type(value)
        if typed is not None and kind not in typed:
            run.report(pointer, f"must be {names}, is {type_name(value)}")
            return
        for part in by_type.get(kind, ()):
            part(run, value, pointer)
        for part in checks:
            part(run, value, pointer)

    return check


_HOST_TYPES: Final[dict[str, type]] = {
    "null": type(None), "bool": bool, "int": int, "float": float, "text": str, "list": list,
    "object": dict,
}  # fmt: skip


def _types(operand: Any) -> frozenset[type] | None:
    if operand is None:
        return None
    names = operand if type(operand) is list else [operand]
    return frozenset(_HOST_TYPES[t] for name in names for t in SCHEMA_TYPES[name])


def _type_words(operand: Any) -> str:
    names = operand if type(operand) is list else [operand]
    return " or ".join(map(str, names))


def _choice(options: list[Any]) -> _Checker:
    shown = ", ".join(_shown(option) for option in options[:8]) + (", ..." * (len(options) > 8))

    def check(run: _Run, value: Any, pointer: str) -> None:
        run.spend(len(options))
        if not any(eq(option, value, run.context) for option in options):
            run.report(pointer, f"must be {'one of ' if len(options) > 1 else ''}{shown}")

    return check


def _shown(value: Any) -> str:
    if type(value) is str:
        return f"'{value}'" if len(value) < 40 else f"'{value[:37]}...'"
    if value is None or type(value) is bool:
        return {None: "null", True: "true", False: "false"}[value]
    return str(value) if type(value) in (int, float) else f"that {type_name(value)}"


def _any_of(options: list[_Checker]) -> _Checker:
    def check(run: _Run, value: Any, pointer: str) -> None:
        if not any(run.satisfies(option, value, pointer) for option in options):
            run.report(pointer, "satisfies none of the alternatives")

    return check


def _one_of(options: list[_Checker]) -> _Checker:
    def check(run: _Run, value: Any, pointer: str) -> None:
        hits = sum(run.satisfies(option, value, pointer) for option in options)
        if hits != 1:
            run.report(pointer, f"must satisfy exactly one of the alternatives, satisfies {hits}")

    return check


# --- keywords of one type ---------------------------------------------------------------------


def _between(
    schema: Any, low_name: str, high_name: str, what: str
) -> Callable[[_Run, int, str], None] | None:
    """Bounds on a length."""
    low, high = schema.get(low_name, 0), schema.get(high_name)
    if low == 0 and high is None:
        return None

    def check(run: _Run, size: int, pointer: str) -> None:
        if size < low:
            run.report(pointer, f"must have at least {low} {what}, has {size}")
        elif high is not None and size > high:
            run.report(pointer, f"must have at most {high} {what}, has {size}")

    return check


def _text_checks(of: _Compiler, schema: Any) -> _Checker | None:
    size = _between(schema, "minLength", "maxLength", "characters")
    pattern = compile_regex(schema["pattern"]) if "pattern" in schema else None
    form = FORMATS[schema["format"]] if "format" in schema else None
    if size is None and pattern is None and form is None:
        return None

    def check(run: _Run, value: Any, pointer: str) -> None:
        if size is not None:
            size(run, len(value), pointer)
        if pattern is not None:
            run.spend((len(value) >> 2) * (1 + (pattern.size >> 4)))
            if not pattern.matches(value):
                run.report(pointer, f"must match the pattern {schema['pattern']}")
        if form is not None and not form(value):
            run.report(pointer, f"must be a {schema['format']}")

    return check


def _number_checks(of: _Compiler, schema: Any) -> _Checker | None:
    bounds: list[tuple[Callable[[Any, Any], bool], Any, str]] = []
    for key, holds, words in _BOUNDS:
        if key in schema:
            bounds.append((holds, schema[key], words))
    if not bounds:
        return None

    def check(run: _Run, value: Any, pointer: str) -> None:
        for holds, bound, words in bounds:
            if not holds(value, bound):
                run.report(pointer, f"must be {words} {bound}, is {value}")

    return check


_BOUNDS: Final[tuple[tuple[str, Callable[[Any, Any], bool], str], ...]] = (
    ("minimum", lambda value, bound: bool(value >= bound), "at least"),
    ("maximum", lambda value, bound: bool(value <= bound), "at most"),
    ("exclusiveMinimum", lambda value, bound: bool(value > bound), "greater than"),
    ("exclusiveMaximum", lambda value, bound: bool(value < bound), "less than"),
)


def _list_checks(of: _Compiler, schema: Any) -> _Checker | None:
    size = _between(schema, "minItems", "maxItems", "elements")
    unique = bool(schema.get("uniqueItems"))
    inner = of.compile(schema["items"]) if schema.get("items", True) is not True else None
    if size is None and not unique and inner is None:
        return None

    def check(run: _Run, value: Any, pointer: str) -> None:
        if size is not None:
            size(run, len(value), pointer)
        if unique:
            run.spend(len(value))
            if len({identity(v, run.context) for v in value}) < len(value):
                run.report(pointer, "must not have equal elements")
        if inner is not None:
            for i, element in enumerate(value):
                inner(run, element, f"{pointer}/{i}")
                if len(run.problems) >= REPORTED:
                    return

    return check


def _object_checks(of: _Compiler, schema: Any) -> _Checker | None:
    size = _between(schema, "minProperties", "maxProperties", "keys")
    known: dict[str, tuple[_Checker, str]] = {
        key: (of.compile(inner), f"/{escape(key)}")
        for key, inner in schema.get("properties", {}).items()
    }
    required = tuple(schema.get("required", ()))
    rest = schema.get("additionalProperties", True)
    others = of.compile(rest) if type(rest) is dict else None
    if size is None and not known and not required and rest is True:
        return None

    def check(run: _Run, value: Any, pointer: str) -> None:
        run.spend(len(value) + len(required))
        if size is not None:
            size(run, len(value), pointer)
        for key in required:
            if key not in value:
                run.report(pointer, f"`{key}` is missing")
        for key, element in value.items():
            found = known.get(key)
            if found is not None:
                inner, part = found
                inner(run, element, pointer + part)
            elif others is not None:
                others(run, element, f"{pointer}/{escape(key)}")
            elif rest is False:
                hint = did_you_mean(key, known) if len(run.problems) < 10 else None
                shown = key if len(key) < 60 else f"{key[:57]}..."
                run.report(pointer, f"unknown key `{shown}`" + (f" ({hint})" if hint else ""))
            if len(run.problems) >= REPORTED:
                return

    return check


_Maker = Callable[[_Compiler, Any], _Checker | None]
_BY_TYPE: Final[tuple[tuple[type, tuple[_Maker, ...]], ...]] = (
    (str, (_text_checks,)),
    (int, (_number_checks,)),
    (float, (_number_checks,)),
    (list, (_list_checks,)),
    (dict, (_object_checks,)),
)
