"""The compiler's one entry, and the one place where the order of its stages is written.

read -> parse -> expand -> validate -> lint -> pin -> optimize -> codegen -> assemble -> verify.
Pure: a text and a catalog in, a Blueprint or diagnostics out. A file named by ``run: ./path.yaml``
is read by a function the caller passes in.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from ..errors import BlueprintError, CompileError
from ..expr.ir_check import check_ir
from ..expr.schema import check_schema
from ..model.ast import Document
from ..model.ast_value import ast_hash
from ..model.blueprint import Blueprint
from ..model.catalog import EMPTY, HandlerCatalog
from ..model.collector import paused_collector
from ..model.diagnostics import Diagnostic, Diagnostics
from ..model.isa import BY_OP
from ..model.spans import Span
from ..model.verify import Problem, verify
from .assemble import assemble
from .codegen import generate
from .expand import expand
from .listing import show_core
from .load_text import parse_tree, read_text
from .passes import Pass, choose, optimize
from .pinning import normal, notice_of, pin_children, pin_notice
from .silences import check_silences, silences_of
from .unit import DEFAULTS, Compiled, Family, Options, Resolve, Unit, have
from .validate import validate
from .validate.facts import collect_facts

__all__ = [
    "DEFAULTS",
    "STAGES",
    "Compiled",
    "Options",
    "Resolve",
    "check_text",
    "compile_document",
    "compile_text",
]


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
        root = unit.tree.root if unit.tree is not None else None
        facts = collect_facts(unit.program.document, root)
        unit.silences = silences_of(facts.document, facts.steps)
        unit.diagnostics.silence(unit.silences)
        parsed = unit.tree is not None
        unit.types = validate(facts, unit.program, unit.catalog, unit.diagnostics, parsed=parsed)
        unit.facts = facts


def _lint(unit: Unit) -> None:
    """What is said of a document that compiles; of one that does not it would be noise."""
    if unit.options.lint and unit.facts is not None and not unit.diagnostics.has_errors:
        from .lints import lint  # a plain run does without

        types, most = have(unit.types), unit.options.max_calls
        lint(unit.facts, types, unit.catalog, unit.diagnostics, unit.tree, most)
        check_silences(unit.silences, unit.diagnostics)


def _pin_all(unit: Unit) -> None:
    unit.diagnostics.silence({})  # a child's findings are for its own document to allow
    if unit.program is not None:
        pin_children(unit, _compile_child)
        pin_notice(unit, _compile_notice)


def _optimize(unit: Unit) -> None:
    program, passes = have(unit.program), choose(unit.options.passes)
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
    unit.code = generate(have(unit.program), unit.catalog, unit.pinned)


def _assemble(unit: Unit) -> None:
    text = unit.tree.text if unit.tree is not None else ""
    program = have(unit.program)
    ast = ast_hash(program.document)
    unit.blueprint = assemble(program, have(unit.code), ast, text, unit.on_failure)


def _verify(unit: Unit) -> None:
    blueprint: Blueprint = have(unit.blueprint)
    problems = verify(blueprint, check_ir, check_schema)
    if problems and all(problem.code == "RUNE-4006" for problem in problems):
        hint = "move a part into a skript of its own and `run` it"
        for problem in problems:
            span = _place(blueprint, problem) or have(unit.document).span
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


def _let_go(unit: Unit) -> None:
    """Drop what only the first group needs, half of all objects: the garbage collector would look
    at them until the end."""
    if not unit.options.keep:
        unit.facts = unit.types = None
        if unit.tree is not None:
            unit.tree.root = None


def _run(unit: Unit, *, skip: int = 0, groups: int = len(STAGES)) -> None:
    """Run the stages of the first ``groups`` groups, without the first ``skip`` stages."""
    with paused_collector(len(unit.source)):
        for number, group in enumerate(STAGES[:groups]):
            if number > 0:
                _let_go(unit)
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
    return look_into(source, file, catalog, options).diagnostics.sorted()


def look_into(
    source: bytes | str,
    file: str = "<string>",
    catalog: HandlerCatalog = EMPTY,
    options: Options = DEFAULTS,
) -> Unit:
    """As :func:`check_text`, with what the stages found out on the way: for an editor."""
    unit = _unit(file, catalog, options)
    unit.source = source
    _run(unit, groups=1)
    return unit


def _unit(file: str, catalog: HandlerCatalog, options: Options) -> Unit:
    family = Family()
    family.open.append(normal(file))
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


def _compile_notice(unit: Unit) -> Blueprint | None:
    """Compile the ``on_failure`` of a document, which was checked together with it."""
    document = notice_of(have(unit.document))
    options = Options(passes=unit.options.passes, keep=unit.options.keep)
    inner = Unit(
        unit.file, unit.catalog, options, unit.family, unit.diagnostics, "", None, document
    )
    _expand(inner)
    for _, stage in STAGES[1]:
        stage(inner)
    if unit.diagnostics.has_errors:
        return None
    if unit.options.keep:
        made = have(inner.blueprint)
        unit.stages["notice"] = Compiled(made, document, (), {}, inner.stages)
    return inner.blueprint
