"""Compiled and pinned by digest: the files that ``run: PATH`` names, and ``on_failure``."""

from __future__ import annotations

import posixpath
from collections.abc import Callable
from typing import Final, TypeAlias

from ..model.ast import Document, Expr, Name, Run, Var
from ..model.blueprint import Blueprint, SkriptRef
from ..model.blueprint_codec import digest
from ..model.limits import NAME
from . import core
from .unit import Compiled, Unit, have
from .validate.arguments import check_input

#: What the name of a skript is followed by in the name of what is done when a job of it has failed.
ON_FAILURE: Final = ".on_failure"

#: Compiles the text of a file that a document runs; None where it has errors of its own.
CompileChild: TypeAlias = Callable[[Unit, "bytes | str", str], "Compiled | None"]


def pin_children(unit: Unit, compile_child: CompileChild) -> None:
    """Compile the files that ``run: PATH`` names, each once, and pin them by digest."""
    program = have(unit.program)
    for body in program.bodies():
        for op in body.ops:
            if isinstance(op, core.Run) and op.path is not None and op.path not in unit.pinned:
                _pin(unit, op.path, op, program, compile_child)
    for step in have(unit.facts).steps:
        if isinstance(step, Run) and step.path in unit.pinned:
            child = unit.family.done[_beside(unit, step.path)]
            if child is not None:
                schema = child.document.input_schema
                check_input(step, schema, have(unit.types), unit.diagnostics)


def _pin(
    unit: Unit, path: str, op: core.Run, program: core.Program, compile_child: CompileChild
) -> None:
    site = program.sites[op.site]
    file = _beside(unit, path)
    family = unit.family

    def report(code: str, message: str, hint: str | None = None) -> None:
        span = op.span
        unit.diagnostics.add(code, message, span, f"{site.pointer}/run", hint)

    if file in family.open:
        chain = " -> ".join([*family.open[family.open.index(file) :], file])
        report("RUNE-3031", f"`{path}` runs itself: {chain}", "run a skript by its name to recurse")
        return
    if file not in family.done:
        if unit.options.resolve is None:
            report(
                "RUNE-3030",
                f"`{path}` cannot be read: this document has no place in a folder",
                "run a deployed skript by its name",
            )
            return
        try:
            source = unit.options.resolve(path, unit.file)
        except OSError as error:
            reason = error.strerror or str(error) or type(error).__name__
            report(
                "RUNE-3030",
                f"`{path}` cannot be read: {reason}",
                "a path is taken from the folder of this file",
            )
            return
        family.done[file] = compile_child(unit, source, file)
    child = family.done[file]
    if child is None:
        report("RUNE-3032", f"`{path}` has errors of its own")
        return
    key = digest(child.blueprint)
    unit.pinned[path] = SkriptRef(child.blueprint.name, child.blueprint.version, key)
    unit.children[key] = child.blueprint
    unit.children.update(child.children)


def pin_notice(unit: Unit, compile_notice: Callable[[Unit], Blueprint | None]) -> None:
    """Compile what a document does on a failure, and pin it by digest."""
    if have(unit.document).on_failure is None or unit.diagnostics.has_errors:
        return
    blueprint = compile_notice(unit)
    if blueprint is not None:
        unit.on_failure = digest(blueprint)
        unit.children[unit.on_failure] = blueprint


def notice_of(document: Document) -> Document:
    """What a document does on a failure, as a document: ``NAME.on_failure``.

    A job that fails is an end like any other, and what follows it has its own attempts, errors and
    end: so it is a job of its own, created in the unit that ends the one that failed. Its input is
    ``{job, input, error}`` of that one, and the names of the step mean these; a machine's `data` is
    its `input`.
    """
    given: tuple[Var, ...] = ()
    if document.machine is not None:
        value = Expr("", ("name", "input"), names=(Name("input", 0, "variable"),))
        given = (Var("data", value),)
    steps = () if document.on_failure is None else (document.on_failure,)
    return Document(
        document.name[: NAME - len(ON_FAILURE)] + ON_FAILURE,
        document.version,
        document.labels,
        document.input_schema,
        document.env,
        given,
        document.functions,
        None,
        steps,
        (),
        None,
        document.span,
        notice=True,
    )


def _beside(unit: Unit, path: str) -> str:
    """The file that ``run: PATH`` in this document means."""
    return normal(posixpath.join(posixpath.dirname(normal(unit.file)), path))


def normal(file: str) -> str:
    """A file's name, however it was written."""
    return posixpath.normpath(file.replace("\\", "/"))
