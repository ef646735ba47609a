"""Blueprint -> Program: verify, then bind operands to generated functions.

Functions are generated on first use: most runs take few of a document's paths, and generating all
of a large one would cost more than running it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from ..errors import BlueprintError
from ..expr.generate import FunctionTable, compile_expr, compile_region
from ..expr.ir import check_ir, uses
from ..expr.schema import compile_schema
from ..model.blueprint import Blueprint, Body, ExceptionRow
from ..model.blueprint_codec import digest
from ..model.values import UNSET, Value
from ..model.verify import verify

#: A generated expression or region: (frame, context) -> value or exit index.
Function: TypeAlias = Callable[[list[Any], Any], Any]


class Program:
    """A verified Blueprint ready to run; immutable but for its caches, shared by all its runs."""

    __slots__ = (
        "_rows", "_schemas", "blueprint", "bodies", "code", "digest", "entropy", "exprs",
        "functions", "regions", "sites", "steps",
    )

    def __init__(self, blueprint: Blueprint) -> None:
        self.blueprint = blueprint
        self.digest = digest(blueprint)
        self.code: tuple[Any, ...] = blueprint.code
        self.bodies: tuple[Body, ...] = blueprint.bodies
        self.sites = blueprint.sites
        self.steps = blueprint.steps
        self.functions = FunctionTable(blueprint.functions)
        self.exprs: list[Function] = [
            self._lazy_expr(i) for i in range(len(blueprint.exprs))
        ]
        self.regions: list[Function] = [
            self._lazy_region(i) for i in range(len(blueprint.regions))
        ]
        self.entropy = _uses_entropy(blueprint)
        self._rows: dict[int, tuple[ExceptionRow, ...]] = {}
        self._schemas: dict[int, Callable[[Any], Any]] = {}

    def _lazy_expr(self, i: int) -> Function:
        def generate(frame: list[Any], context: Any) -> Any:
            function = compile_expr(self.blueprint.exprs[i], self.functions)
            self.exprs[i] = function
            return function(frame, context)

        return generate

    def _lazy_region(self, i: int) -> Function:
        def generate(frame: list[Any], context: Any) -> Any:
            function = compile_region(self.blueprint.regions[i], self.functions)
            self.regions[i] = function
            return function(frame, context)

        return generate

    def rows_at(self, pc: int) -> tuple[ExceptionRow, ...]:
        """The rows of the exception table that cover an address, innermost first."""
        rows = self._rows.get(pc)
        if rows is None:
            rows = tuple(r for r in self.blueprint.exceptions if r.start <= pc < r.end)
            self._rows[pc] = rows
        return rows

    def step_at(self, pc: int) -> str:
        """The name of the step an instruction belongs to."""
        return self.steps[self.sites[pc]]

    def accepts(self, listen: int, data: Value) -> bool:
        """Whether a message satisfies the schema of a listener."""
        schema = self.blueprint.listens[listen].schema
        if schema is None:
            return True
        check = self._schemas.get(listen)
        if check is None:
            check = self._schemas[listen] = compile_schema(schema)
        return not check(data)

    def frame(self, body: int, outer: list[Any] | None) -> list[Any]:
        """A fresh frame of a body with its captures copied from ``outer``."""
        row = self.bodies[body]
        frame: list[Any] = [UNSET] * row.slots
        if outer is not None:
            for source, target in row.captures:
                frame[target] = outer[source]
        return frame


def _uses_entropy(blueprint: Blueprint) -> bool:
    irs = [*blueprint.exprs, *(f.ir for f in blueprint.functions)]
    return any("entropy" in uses(ir) for ir in irs) or any(
        "entropy" in uses(statement) for region in blueprint.regions for statement in region
    )


def load(blueprint: Blueprint) -> Program:
    """Verify a Blueprint and bind it. Raises BlueprintError naming every problem found."""
    problems = verify(blueprint, check_ir)
    if problems:
        shown = "; ".join(problems[:3]) + (" ..." if len(problems) > 3 else "")
        raise BlueprintError(f"the Blueprint is not well-formed: {shown}", tuple(problems))
    return Program(blueprint)
