"""What must hold of any bytes: they are refused with diagnostics, or they run rightly.

An oracle takes bytes and returns what became of them; whatever it raises is a finding. Rightly
means: every journal can be stored and replayed to the same end, a cancel ends the run or leaves it
waiting, interrupting it anywhere changes nothing, and no invariant of the kernel breaks.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from random import Random
from typing import Any, Final, Literal
from unicodedata import category

from hostile.world import ENV, INPUT, MESSAGES, Catalog, Handlers, children, small_world
from runeskript.cli.lsp.places import split_lines
from runeskript.compiler.editor.analysis import analyse
from runeskript.compiler.editor.complete import complete
from runeskript.compiler.editor.define import define
from runeskript.compiler.editor.fixes import fix_of
from runeskript.compiler.editor.hover import hover
from runeskript.compiler.editor.symbols import symbols
from runeskript.compiler.format import format_text
from runeskript.compiler.pipeline import Compiled, Options, compile_text
from runeskript.compiler.render import render
from runeskript.errors import BlueprintError, CodecError, CompileError, StepError
from runeskript.expr.generate import compile_expr
from runeskript.expr.ir_check import check_ir
from runeskript.expr.schema import check_schema
from runeskript.kernel import Program, load, replay
from runeskript.model.blueprint import Blueprint
from runeskript.model.blueprint_codec import decode, digest, encode
from runeskript.model.codes import CODES
from runeskript.model.diagnostics import Diagnostic
from runeskript.model.disasm import disassemble, instruction_texts
from runeskript.model.isa import BY_OP
from runeskript.model.journal import from_record, to_record
from runeskript.model.verify import MAX_PROBLEMS, verify
from runeskript.testing import Outcome, Simulation

Result = Literal["refused", "ran"]
#: Steps of one simulation; a program may go on for ever, as a document may.
STEPS: Final = 200
ENDS: Final = ("Completed", "Failed", "Cancelled", "Running")


# --- Blueprints -----------------------------------------------------------------------------------
def blueprint(data: bytes) -> Result:
    """Bytes that are said to be a Blueprint."""
    try:
        bp = decode(data)
    except (BlueprintError, CodecError) as error:
        assert error.code in CODES and error.message
        return "refused"
    assert decode(encode(bp)) == bp
    assert data[18:50].hex() == digest(bp), "the header's digest is the identity"
    assert disassemble(bp)
    instruction_texts(bp, range(min(len(bp.code), 5)))
    problems = verify(bp, check_ir, check_schema)
    assert len(problems) <= MAX_PROBLEMS
    for problem in problems:
        assert problem.code in CODES and str(problem)
    if problems:
        try:
            load(bp)
        except BlueprintError as error:
            assert error.problems == tuple(problems)
        else:
            raise AssertionError("loading takes what the verifier refuses")
        return "refused"
    sound(bp)
    return "ran"


def sound(bp: Blueprint) -> None:
    """A Blueprint that the verifier takes: all code can be made of it, and it runs rightly."""
    with small_world():
        program = load(bp)
        make_all(program)
        for seed in (0, 1, 2):
            runs(program, seed)


def make_all(program: Program) -> None:
    """Generate every function, those that no run reaches, too."""
    bp = program.blueprint
    for i in range(len(bp.functions)):
        program.functions.function(i)
    listens = list(used_listens(bp))
    wheres = {bp.listens[i].where for i in listens}
    for i, ir in enumerate(bp.exprs):
        seen = 1 if i in wheres else 0
        compile_expr(ir, program.functions, locals_=seen, holders=program._holders("expr", i))
    for make in program.regions:
        generate(make)
    for listen in listens:
        program.accepts(listen, {"weight": 1})


def used_listens(bp: Blueprint) -> Iterator[int]:
    """The listens that an instruction names: what no run looks at may be a `where` and be wrong."""
    for opcode, *operands in bp.code:
        for operand, value in zip(BY_OP[opcode].operands, operands, strict=True):
            if operand.kind.rstrip("?") == "listen" and value is not None:
                yield value


def generate(region: Any) -> None:
    """Make the function of a region without running it: the frame it is given has no slots."""
    try:
        region([], None)
    except (StepError, IndexError, AttributeError, TypeError):
        return


def runs(program: Program, seed: int) -> None:
    """Simulate in a world drawn from a seed: plain, or with odd answers, slices and a cancel."""

    def world(turns: int) -> Simulation:
        return Simulation(
            program,
            Handlers(program.blueprint, seed).mocks,
            INPUT,
            env=ENV,
            messages=MESSAGES,
            children=children(program.blueprint),
            shuffle=seed or None,
            turns=turns,
        )

    simulation = world(50)
    if seed == 2:
        for _ in range(4):
            simulation.step()
        simulation.cancel()
        # A cancel may be asked for again, and a finished run hears nothing any more.
        simulation.cancel()
    outcome = simulation.run(STEPS)
    ended_rightly(program, outcome)
    if seed == 0:
        # Where the kernel gives way makes no difference; only how far so many steps lead.
        sliced = world(2).run(4 * STEPS)
        if outcome.status != "Running" and sliced.status != "Running":
            assert sliced.journal == outcome.journal


def ended_rightly(program: Program, outcome: Outcome) -> None:
    """The journal can be stored, and leads a replay to the same end."""
    assert outcome.status in ENDS
    stored = [from_record(to_record(event)) for event in outcome.journal]
    assert stored == outcome.journal
    again = replay(program, stored)
    if outcome.status != "Running":
        assert again.finished == outcome.journal[-1]
        assert outcome.status == "Completed" or (outcome.error or {}).get("type")
    json.dumps(outcome.error, allow_nan=False)


# --- documents ------------------------------------------------------------------------------------
def document(data: bytes, file: str = "fuzz.yaml") -> Result:
    """Bytes that are said to be a document."""
    editor(data, file)
    formatted = formats(data, file)
    try:
        compiled = compile_text(data, file, Catalog(), Options(_neighbour))
    except CompileError as error:
        refused(error, data, file)
        return "refused"
    said(compiled.diagnostics, data, file)
    means_the_same(compiled, formatted, file)
    bp = compiled.blueprint
    again = decode(encode(bp))
    assert again == bp
    with small_world():
        for seed in (0, 2):
            runs(load(again), seed)
    return "ran"


def editor(data: bytes, file: str) -> None:
    """What an editor asks at some places has an answer, however broken the text is."""
    text = data.decode("utf-8", "replace")
    lines = split_lines(text)
    known = analyse(text, file, Catalog(), Options(_neighbour, lint=True))
    random = Random(len(data))
    for _ in range(4):
        line = random.randrange(len(lines) + 1)
        width = len(lines[line]) if line < len(lines) else 0
        column = random.randint(0, width + 1)
        for item in complete(lines, line, column, Catalog(), known, ("./part.yaml",)):
            assert item.label and item.start <= max(column, width)
        about = hover(lines, line, column, Catalog(), known)
        assert about is None or 0 <= about.start < about.end <= width
        define(lines, line, column, known)
    symbols(known)
    for item in known.diagnostics:
        fix = fix_of(item, lines)
        assert fix is None or 0 <= fix.start < fix.end <= len(lines[fix.line])


def refused(error: CompileError, data: bytes, file: str) -> None:
    """A refusal says at least one thing that is wrong."""
    assert any(item.severity == "error" for item in error.diagnostics)
    said(error.diagnostics, data, file)


def said(diagnostics: tuple[Diagnostic, ...], data: bytes, file: str) -> None:
    """Every finding has a code, a text and a place, and can be shown."""
    for item in diagnostics:
        assert item.code in CODES and item.message
        assert "\n" not in item.message, item.message
        span = item.span
        assert (span.line, span.column) <= (span.end_line, span.end_column), item
        json.dumps(item.to_dict(), allow_nan=False)
    shown = render(diagnostics, {file: data.decode("utf-8-sig", "replace")})
    for char in set(shown) - set("\n\u200c\u200d"):
        assert category(char) not in ("Cc", "Cf", "Cs", "Zl", "Zp"), f"{ord(char):x} is shown"


def formats(data: bytes, file: str) -> str | None:
    """The document in its standard form, which stays as it is."""
    try:
        text = format_text(data, file)
    except CompileError as error:
        refused(error, data, file)
        assert not any(item.code == "RUNE-1128" for item in error.diagnostics), error.diagnostics
        return None
    assert format_text(text, file) == text, "the standard form has a standard form of its own"
    return text


def means_the_same(compiled: Compiled, formatted: str | None, file: str) -> None:
    """What compiles can be formatted, and means the same afterwards."""
    assert formatted is not None
    again = compile_text(formatted, file, Catalog(), Options(_neighbour))
    assert again.blueprint.ast_hash == compiled.blueprint.ast_hash


def _neighbour(path: str, _file: str) -> str:
    if "x" in path:
        raise FileNotFoundError(2, "no such file")
    return "skript: neighbour\ndo:\n  - return: ${input}\n"
