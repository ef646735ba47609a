"""The compiler's one entry, and the one place where the order of its stages is written.

read -> parse -> expand -> validate -> lint -> pin -> optimize -> codegen -> assemble -> verify.
Pure: a text and a catalog in, a Blueprint or diagnostics out. A file named by ``run: ./path.yaml``
is read by a function the caller passes in.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Mapping
from dataclasses import field
from typing import Any, Final, TypeAlias

from ..errors import BlueprintError, CompileError, RuneskriptError
from ..expr.ir_check import check_ir
from ..expr.schema import check_schema
from ..model.ast import Document, Run
from ..model.ast_value import ast_hash
from ..model.blueprint import Blueprint, SkriptRef
from ..model.blueprint_codec import digest
from ..model.catalog import EMPTY, HandlerCatalog
from ..model.codes import Level
from ..model.diagnostics import Diagnostic, Diagnostics
from ..model.isa import BY_OP
from ..model.limits import CALLS
from ..model.records import mutable, record
from ..model.spans import Span
from ..model.verify import Problem, verify
from . import core
from .assemble import assemble
from .codegen import Code, generate
from .collector import paused_collector
from .expand import expand
from .listing import show_core
from .load_text import parse_tree, read_text
from .passes import Pass, choose, optimize
from .silences import Silences, check_silences, silences_of
from .validate import validate
from .validate.arguments import check_input
from .validate.environment import Environment
from .validate.facts import Facts, collect_facts

#: Reads the file that ``run: PATH`` in a file means: (path, file) -> text. Raises OSError.
Resolve: TypeAlias = Callable[[str, str], "bytes | str"]


@record
class Options:
    """How to compile.

    ``passes``: names of the optimizer's passes to run (None: all, empty: none), in their own order
    whatever the order given; another name raises UnknownPassError. ``keep`` keeps every stage.
    ``lint``: report what compiles and is hardly meant, too. ``levels``: code -> how much its
    findings count, for codes that are no errors. ``max_calls``: calls that a job may be able to
    make without a warning.
    """

    resolve: Resolve | None = None
    passes: tuple[str, ...] | None = None
    keep: bool = False
    lint: bool = False
    levels: Mapping[str, Level] = field(default_factory=dict)
    max_calls: int = CALLS


#: All passes, no files, no stages kept.
DEFAULTS: Final = Options()


@record
class Compiled:
    """A compiled document. ``children``: every Blueprint it pins, by digest, in any depth."""

    blueprint: Blueprint
    document: Document
    diagnostics: tuple[Diagnostic, ...]
    children: Mapping[str, Blueprint]
    #: The document after each stage (texts and data for ``explain``); empty unless kept.
    stages: Mapping[str, Any]


@mutable
class Unit:
    """One document on its way through the stages."""

    file: str
    catalog: HandlerCatalog
    options: Options
    family: Family
    diagnostics: Diagnostics
    source: bytes | str = ""
    tree: Any = None
    document: Document | None = None
    program: core.Program | None = None
    code: Code | None = None
    blueprint: Blueprint | None = None
    facts: Facts | None = None
    types: Environment | None = None
    silences: Silences = field(default_factory=dict)
    stages: dict[str, Any] = field(default_factory=dict)
    #: ``run: PATH`` -> what it is pinned to.
    pinned: dict[str, SkriptRef] = field(default_factory=dict)
    children: dict[str, Blueprint] = field(default_factory=dict)


@mutable
class Family:
    """A document and the files it runs: what is compiled, what is being compiled."""

    done: dict[str, Compiled | None] = field(default_factory=dict)
    open: list[str] = field(default_factory=list)


# --- stages -------------------------------------------------------------------------------------
def _read(unit: Unit) -> None:
    unit.tree = read_text(unit.source, unit.file, unit.diagnostics)


def _parse(unit: Unit) -> None:
    if unit.document is None:
        unit.document = parse_tree(unit.tree, unit.diagnostics)


def _expand(unit: Unit) -> None:
    if unit.document is not None:
        unit.program = expand(unit.document)
        if unit.options.keep:
            unit.stages["core"] = show_core(unit.program)


def _validate(unit: Unit) -> None:
    if unit.program is not None:
        facts = collect_facts(unit.program.document)
        unit.silences = silences_of(facts.document, [step for step, _ in facts.steps])
        unit.diagnostics.silence(unit.silences)
        parsed = unit.tree is not None
        unit.types = validate(facts, unit.program, unit.catalog, unit.diagnostics, parsed=parsed)
        unit.facts = facts


def _lint(unit: Unit) -> None:
    """What is said of a document that compiles; of one that does not it would be noise."""
    if unit.options.lint and unit.facts is not None and not unit.diagnostics.has_errors:
        from .lints import lint  # a plain run does without

        types, most = _have(unit.types), unit.options.max_calls
        lint(unit.facts, types, unit.catalog, unit.diagnostics, unit.tree, most)
        check_silences(unit.silences, unit.diagnostics)


def _pin_all(unit: Unit) -> None:
    unit.diagnostics.silence({})  # a child's findings are for its own document to allow
    if unit.program is not None:
        _pin_children(unit)


def _optimize(unit: Unit) -> None:
    program, passes = _have(unit.program), choose(unit.options.passes)
    if not unit.options.keep:
        optimize(program, unit.catalog, passes)
        return
    #: (pass, the core form before it, after it) of each pass that found something to do.
    changes: list[tuple[Pass, str, str]] = []
    text = unit.stages["core"]

    def after(one: Pass) -> None:
        nonlocal text
        before, text = text, show_core(program)
        if text != before:
            changes.append((one, before, text))

    optimize(program, unit.catalog, passes, after)
    unit.stages["passes"] = tuple(changes)
    unit.stages["optimized"] = text


def _codegen(unit: Unit) -> None:
    unit.code = generate(_have(unit.program), unit.catalog, unit.pinned)


def _assemble(unit: Unit) -> None:
    text = unit.tree.text if unit.tree is not None else ""
    program = _have(unit.program)
    unit.blueprint = assemble(program, _have(unit.code), ast_hash(program.document), text)


def _verify(unit: Unit) -> None:
    blueprint: Blueprint = _have(unit.blueprint)
    problems = verify(blueprint, check_ir, check_schema)
    if problems and all(problem.code == "RUNE-4006" for problem in problems):
        hint = "move a part into a skript of its own and `run` it"
        for problem in problems:
            span = _place(blueprint, problem) or _have(unit.document).span
            unit.diagnostics.add("RUNE-4006", f"too much in one place: {problem}", span, "", hint)
    elif problems:
        raise BlueprintError(
            f"the compiler made a Blueprint that its own verifier refuses: {problems[0]}",
            tuple(problems),
        )


def _place(blueprint: Blueprint, problem: Problem) -> Span | None:
    """Where in the document the part of a Blueprint comes from that a problem names."""
    kinds = {"regions": ("region",), "exprs": ("expr", "expr?")}.get(problem.section, ())
    for address, instruction in enumerate(blueprint.code):
        row = BY_OP[instruction[0]]  # type: ignore[index]
        named = zip(row.operands, instruction[1:], strict=True)
        if (problem.section == "code" and address == problem.index) or any(
            operand.kind in kinds and value == problem.index for operand, value in named
        ):
            return blueprint.debug.spans[address]
    return None


#: The stages in their order. Findings are collected up to the end of a group; what follows a group
#: with errors does not run.
STAGES: Final[tuple[tuple[tuple[str, Callable[[Unit], None]], ...], ...]] = (
    (
        ("read", _read),
        ("parse", _parse),
        ("expand", _expand),
        ("validate", _validate),
        ("lint", _lint),
        ("pin", _pin_all),
    ),
    (
        ("optimize", _optimize),
        ("codegen", _codegen),
        ("assemble", _assemble),
        ("verify", _verify),
    ),
)


def _have(part: Any) -> Any:
    if part is None:
        raise RuneskriptError("a stage ran before the one that makes what it needs")
    return part


def _run(unit: Unit, *, skip: int = 0, groups: int = len(STAGES)) -> None:
    """Run the stages of the first ``groups`` groups, without the first ``skip`` stages."""
    with paused_collector(len(unit.source)):
        for number, group in enumerate(STAGES[:groups]):
            for _, stage in group[skip if number == 0 else 0 :]:
                stage(unit)
            if unit.diagnostics.has_errors:
                return


# --- entries ------------------------------------------------------------------------------------
def compile_text(
    source: bytes | str,
    file: str = "<string>",
    catalog: HandlerCatalog = EMPTY,
    options: Options = DEFAULTS,
) -> Compiled:
    """Compile a YAML or JSON text. Raises CompileError with all diagnostics if there are errors."""
    unit = _unit(file, catalog, options)
    unit.source = source
    _run(unit)
    return _finish(unit)


def compile_document(
    document: Document,
    catalog: HandlerCatalog = EMPTY,
    options: Options = DEFAULTS,
    file: str = "<document>",
) -> Compiled:
    """Compile an AST that did not come from a text (the builder's). Raises CompileError."""
    unit = _unit(file, catalog, options)
    unit.document = document
    _run(unit, skip=1)
    return _finish(unit)


def check_text(
    source: bytes | str,
    file: str = "<string>",
    catalog: HandlerCatalog = EMPTY,
    options: Options = DEFAULTS,
) -> tuple[Diagnostic, ...]:
    """All findings of a text, in its order; never raises for what the text says."""
    unit = _unit(file, catalog, options)
    unit.source = source
    _run(unit, groups=1)
    return unit.diagnostics.sorted()


def _unit(file: str, catalog: HandlerCatalog, options: Options) -> Unit:
    family = Family()
    family.open.append(_normal(file))
    return Unit(file, catalog, options, family, Diagnostics(options.levels))


def _finish(unit: Unit) -> Compiled:
    diagnostics = unit.diagnostics.sorted()
    if unit.diagnostics.has_errors or unit.blueprint is None or unit.document is None:
        errors = sum(d.severity == "error" for d in diagnostics) + unit.diagnostics.dropped
        what = "1 error" if errors == 1 else f"{errors} errors"
        if unit.diagnostics.is_hopeless:
            what = f"more than {what}"
        raise CompileError(f"{unit.file}: {what}", diagnostics)
    stages = {
        "source": unit.source,
        "tree": unit.tree,
        "document": unit.document,
        **unit.stages,
    }
    return Compiled(
        unit.blueprint,
        unit.document,
        diagnostics,
        unit.children,
        stages if unit.options.keep else {},
    )


# --- child skripts ------------------------------------------------------------------------------
def _pin_children(unit: Unit) -> None:
    """Compile the files that ``run: PATH`` names, each once, and pin them by digest."""
    program = _have(unit.program)
    for body in program.bodies():
        for op in body.ops:
            if isinstance(op, core.Run) and op.path is not None and op.path not in unit.pinned:
                _pin(unit, op.path, op, program)
    for step, _ in _have(unit.facts).steps:
        if isinstance(step, Run) and step.path in unit.pinned:
            child = unit.family.done[_beside(unit, step.path)]
            if child is not None:
                schema = child.document.input_schema
                check_input(step, schema, _have(unit.types), unit.diagnostics)


def _pin(unit: Unit, path: str, op: core.Run, program: core.Program) -> None:
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
        family.done[file] = _compile_child(unit, source, file)
    child = family.done[file]
    if child is None:
        report("RUNE-3032", f"`{path}` has errors of its own")
        return
    key = digest(child.blueprint)
    unit.pinned[path] = SkriptRef(child.blueprint.name, child.blueprint.version, key)
    unit.children[key] = child.blueprint
    unit.children.update(child.children)


def _compile_child(unit: Unit, source: bytes | str, file: str) -> Compiled | None:
    """Compile a file this one runs; its findings join this document's."""
    found = Diagnostics(unit.options.levels)
    inner = Unit(file, unit.catalog, unit.options, unit.family, found, source)
    unit.family.open.append(file)
    try:
        _run(inner)
    finally:
        unit.family.open.pop()
    for d in inner.diagnostics.sorted():
        unit.diagnostics.add(
            d.code, d.message, d.span, d.pointer, d.hint, severity=d.severity, related=d.related
        )
    return None if inner.diagnostics.has_errors else _finish(inner)


def _beside(unit: Unit, path: str) -> str:
    """The file that ``run: PATH`` in this document means."""
    return _normal(posixpath.join(posixpath.dirname(_normal(unit.file)), path))


def _normal(file: str) -> str:
    return posixpath.normpath(file.replace("\\", "/"))
