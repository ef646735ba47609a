"""The listing of a Blueprint: golden, and tolerant of what a verifier would refuse."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from blueprints import sample, with_code
from runeskript.model.blueprint import Debug
from runeskript.model.disasm import disassemble
from runeskript.model.isa import Op
from support import check_golden

LISTING = Path(__file__).parent / "vectors" / "everything.listing"


def test_golden_listing() -> None:
    check_golden(LISTING, disassemble(sample()))


def test_every_instruction_is_listed_once_and_in_order() -> None:
    addresses = [
        int(line[2:8])
        for line in disassemble(sample()).splitlines()
        if line[:2] in ("  ", " >") and line[2:8].strip().isdigit()
    ]
    assert addresses == list(range(len(sample().code)))


def test_without_debug_the_steps_are_named() -> None:
    listing = disassemble(replace(sample(), debug=Debug()))
    assert "; step /do/3" in listing
    assert "; step end" in listing
    assert "s2 = 0.0" in listing
    assert "8 unnamed" in listing


def test_what_is_broken_is_shown() -> None:
    bp = with_code(sample(), 1, Op.LOG, 99, "info")
    assert "expr?99" in disassemble(bp)
    assert "?           (77, 1)" in disassemble(with_code(sample(), 1, 77, 1))
    assert "region?9" in disassemble(with_code(sample(), 0, Op.PURE, 9, (1, 2)))
    assert "handler?9" in disassemble(
        with_code(sample(), 20, Op.CALL, 9, 0, None, None, None, False)
    )
    broken = replace(sample(), exprs=(("const", {1}), *sample().exprs[1:]))
    assert "digest    none: the program section cannot be encoded" in disassemble(broken)
