"""Hostile Blueprints: thousands of them, each refused with one of two errors or found harmless."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from blueprints import mutate, sample, sample_values, seal, take_apart
from runeskript.errors import BlueprintError, CodecError, NotAValueError
from runeskript.expr.ir_check import check_ir
from runeskript.expr.schema import check_schema
from runeskript.model.blueprint import Blueprint, Body
from runeskript.model.blueprint_codec import decode, encode
from runeskript.model.disasm import disassemble
from runeskript.model.isa import Op
from runeskript.model.verify import verify
from runeskript.testing import Simulation

PER_TEST = 400


def survivors(seed: int, count: int = PER_TEST) -> tuple[int, list[Blueprint]]:
    """(how many were refused, which were not) of ``count`` mutations."""
    random = Random(seed)
    refused = 0
    passed: list[Blueprint] = []
    for _ in range(count):
        program, debug = sample_values()
        mutate(program, random)
        try:
            data = seal(program, debug if random.random() < 0.5 else None)
        except NotAValueError:
            refused += 1  # the mutation made something that no bytes can say
            continue
        try:
            bp = decode(data)
        except (BlueprintError, CodecError):
            refused += 1
            continue
        assert encode(bp) == data
        assert disassemble(bp)
        if verify(bp, check_ir, check_schema):
            refused += 1
        else:
            passed.append(bp)
    return refused, passed


@pytest.mark.parametrize("seed", range(6))
def test_changed_sections_are_refused_or_harmless(seed: int) -> None:
    refused, passed = survivors(seed)
    assert refused > PER_TEST / 2
    for bp in passed:
        run(bp)


def run(bp: Blueprint) -> None:
    """What the verifier passes makes the kernel fail with typed errors only."""
    child = Blueprint(
        "audit", 2, {}, "00" * 32, None, (), (), ((Op.RETURN, None),), (0,), ("",),
        (Body("audit", 0, 1, None, 0),), (), (), (), (), (), (), (), (),
    )  # fmt: skip
    simulation = Simulation(
        bp,
        {
            "http.get": lambda params: {"price": 2, "seen": {}},
            "ledger.add": lambda params: {"ok": True},
            "ledger.remove": lambda params: None,
        },
        {"vip": True, "name": "n", "job": "j", "items": [{"sku": s, "qty": 1} for s in "abc"]},
        env={"PRICING": "u"},
        children={"cd" * 32: child, "audit": child},
        messages=[("parcel.scanned", "j", {"weight": 3})],
        turns=50,
    )
    # A mutation may loop for ever, as a document may; it has to come up for air all the same.
    outcome = simulation.run(300)
    assert outcome.status in ("Completed", "Failed", "Running")


def test_the_sample_itself_completes() -> None:
    (bp,) = [decode(encode(sample()))]
    run(bp)


@pytest.mark.parametrize("seed", range(3))
def test_changed_bytes_behind_a_right_digest(seed: int) -> None:
    """Bytes are changed inside the program, then the header is made to fit."""
    random = Random(seed)
    data = encode(sample())
    _, debug = take_apart(data)
    size = int.from_bytes(data[10:18], "big")
    program = data[90 : 90 + size]
    refused = 0
    for _ in range(PER_TEST):
        changed = bytearray(program)
        for _ in range(random.randint(1, 3)):
            changed[random.randrange(size)] = random.randrange(256)
        try:
            bp = decode(seal(bytes(changed), debug))
        except (BlueprintError, CodecError):
            refused += 1
            continue
        found = verify(bp, check_ir, check_schema)
        assert all(str(problem) for problem in found)
        assert disassemble(bp)
    assert refused > PER_TEST / 4


def hostile_ir(depth: int) -> Any:
    ir: Any = ["const", 1]
    for _ in range(depth):
        ir = ["list", [ir]]
    return ir


def test_depth_in_every_place() -> None:
    """Nesting far beyond what recursion survives, wherever the format nests."""
    deep = hostile_ir(900)
    block: Any = [["exit", 0]]
    for _ in range(900):
        block = [["if", 0, ["const", 1], block, [["exit", 0]]]]
    places = ((12, 0), (13, 0), (14, 0))
    for section, index in places:
        program, debug = sample_values()
        program[section][index] = {12: deep, 13: block, 14: ["f", 2, deep]}[section]
        bp = decode(seal(program, debug))
        assert verify(bp, check_ir, check_schema)
        assert disassemble(bp)
