"""Blueprints as bytes: round trip, identity, versions, damage, malformed sections."""

from __future__ import annotations

import hashlib
import struct
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from blueprints import sample, sample_values, seal, take_apart, with_code
from runeskript.errors import BlueprintError, CodecError
from runeskript.model.blueprint import Debug
from runeskript.model.blueprint_codec import decode, digest, encode
from runeskript.model.isa import Op
from runeskript.model.spans import Span

GOLDEN = Path(__file__).parent / "vectors" / "everything.blueprint.hex"


def test_round_trip() -> None:
    bp = sample()
    again = decode(encode(bp))
    assert again == bp
    assert again.debug == bp.debug
    assert encode(again) == encode(bp)


def test_the_released_format_stays_readable() -> None:
    data = bytes.fromhex(GOLDEN.read_text("ascii"))
    assert decode(data) == sample()
    assert encode(sample()) == data, "the format changed: versions.BLUEPRINT has to rise"


def test_what_needs_a_newer_format_is_written_in_it_and_nothing_else() -> None:
    old, new = sample(), replace(sample(), on_failure="ab" * 32)
    assert [encode(bp)[6:8] for bp in (old, new)] == [b"\0\1", b"\0\2"]
    assert decode(encode(new)) == new
    assert digest(new) == encode(new)[18:50].hex() != digest(old)
    program, debug = take_apart(encode(new))
    with pytest.raises(BlueprintError, match="format 2 holds nothing that format 1 cannot say"):
        decode(seal([*program[:19], None, None], debug))


def test_identity_is_the_program_without_debug() -> None:
    bp = sample()
    assert digest(bp) == digest(replace(bp, debug=Debug()))
    assert digest(bp) != digest(replace(bp, name="other"))
    assert digest(bp) != digest(with_code(bp, 1, Op.LOG, 0, "debug"))
    size = struct.unpack_from(">Q", encode(bp), 10)[0]
    covered = encode(bp)[:10] + encode(bp)[90 : 90 + size]
    assert digest(bp) == hashlib.sha256(covered).hexdigest() == encode(bp)[18:50].hex()


def test_a_constant_that_looks_like_code_stays_a_value() -> None:
    constant = ("const", ["slot", 1, {"const": ["const", [2.5]]}])
    bp = replace(sample(), exprs=(*sample().exprs, constant, ("list", (constant,))))
    assert decode(encode(bp)) == bp


def test_spans_of_equal_places_stand_once() -> None:
    near, far = Span("a.yaml", 900, 1, 901, 5), Span("b.yaml", 2, 7, 2, 9)
    one = encode(replace(sample(), debug=Debug(spans=(near, far))))
    many = replace(sample(), debug=Debug(spans=(near, far) * 5_000, step_spans=(far, near)))
    assert decode(encode(many)).debug == many.debug
    assert len(encode(many)) < len(one) + 10_100


@pytest.mark.parametrize(
    ("at", "value", "code"),
    [(6, 4, "RUNE-4003"), (6, 0, "RUNE-4003"), (8, 2, "RUNE-4003"), (8, 65_535, "RUNE-4003")],
)
def test_another_version_is_refused(at: int, value: int, code: str) -> None:
    data = bytearray(encode(sample()))
    struct.pack_into(">H", data, at, value)
    with pytest.raises(BlueprintError) as caught:
        decode(bytes(data))
    assert caught.value.code == code


def test_every_single_bit_is_covered() -> None:
    data = encode(sample())
    for at in range(len(data)):
        broken = bytearray(data)
        broken[at] ^= 1 << at % 8
        with pytest.raises(BlueprintError) as caught:
            decode(bytes(broken))
        if at >= 10:
            assert caught.value.code == "RUNE-4004"


def test_every_prefix_and_more_is_refused() -> None:
    data = encode(sample())
    for cut in [*range(100), *range(100, len(data), 37)]:
        with pytest.raises(BlueprintError):
            decode(data[:cut])
    with pytest.raises(BlueprintError):
        decode(data + b"\0")


PROGRAM = [
    "name",
    "version",
    "labels",
    "ast_hash",
    "input_schema",
    "env",
    "roots",
    "code",
    "sites",
    "steps",
    "bodies",
    "exceptions",
    "exprs",
    "regions",
    "functions",
    "handlers",
    "policies",
    "listens",
    "skripts",
]


@pytest.mark.parametrize(
    ("section", "content", "problem"),
    [
        ("name", 7, "name must be text"),
        ("version", -1, "version must be an int from 0 up"),
        ("version", True, "version must be an int from 0 up"),
        ("labels", {"a": 1}, "labels must be an object of texts"),
        ("env", ["A", None], "env[1] must be text"),
        ("roots", [["input"]], "roots[0] must be a list of 2"),
        ("code", {}, "code must be a list"),
        ("code", [[]], "code[0] must be a list that begins with an opcode"),
        ("code", [[1, 2.5]], "code[0] has an operand of no known kind"),
        ("code", [[2, 0, [[0]]]], "code[0][0] must be an int from 0 up"),
        ("sites", [0, -1], "sites[1] must be an int from 0 up"),
        ("bodies", [["x", 0, 1, None, "8", [], [], None, None, None]], "bodies[0][4] must be an"),
        (
            "exceptions",
            [[0, 1, 2, "maybe", 0, 0]],
            "exceptions[0][3] must be one of catch, finally",
        ),
        ("exprs", ["const"], "exprs[0] must be an expression"),
        ("exprs", [["list", [1.5]]], "exprs[0] holds a float or an object outside a constant"),
        ("exprs", [["list", {}]], "exprs[0] holds a float or an object outside a constant"),
        ("regions", [[3]], "regions[0][0] must be an expression"),
        ("handlers", [["http.get", 1, False]], "handlers[0][1] must be a bool"),
        ("policies", [[1, [], 1, 1, None, "never", None]], "policies[0][5] must be one of"),
    ],
)
def test_every_field_has_its_kind(section: str, content: Any, problem: str) -> None:
    program, debug = sample_values()
    program[PROGRAM.index(section)] = content
    with pytest.raises(BlueprintError) as caught:
        decode(seal(program, debug))
    assert problem in str(caught.value)
    assert caught.value.code == "RUNE-4002"


@pytest.mark.parametrize("program", [None, [], {"name": "x"}, [0] * 19, [0] * 20])
def test_a_program_of_another_shape(program: Any) -> None:
    with pytest.raises(BlueprintError):
        decode(seal(program))


@pytest.mark.parametrize(
    "debug",
    [
        None,
        [],
        [["f"], [0, 1, 1, 0], [], [], [], ""],
        [["f"], [1, 1, 1, 0, 1], [], [], [], ""],
        [["f"], [0, -1, 1, 0, 1], [], [], [], ""],
        [["f"], [0, 1, 1, "0", 1], [], [], [], ""],
        [["f"], [0, 1, 1, 0, 1], [1], [], [], ""],
        [["f"], [0, 1, 1, 0, 1], [], [0, 5], [], ""],
        [[], [], [], [], [["a", 1]], ""],
        [[], [], [], [], [], 7],
    ],
)
def test_a_malformed_debug_section(debug: Any) -> None:
    program, _ = sample_values()
    from runeskript.model.codec import encode as encode_value

    with pytest.raises(BlueprintError):
        decode(seal(program, encode_value(debug)))


def test_a_section_that_is_no_value() -> None:
    program, debug = sample_values()
    with pytest.raises(CodecError):
        decode(seal(b"\xc1", debug))
    with pytest.raises(BlueprintError, match=r"debug section.*deeper") as caught:
        decode(seal(program, b"\x91" * 5_000))
    assert caught.value.code == "RUNE-4006"


def test_deep_expressions_need_no_stack() -> None:
    program, debug = sample_values()
    deep: Any = ["slot", 0]
    for _ in range(1_900):
        deep = ["neg", deep]
    program[PROGRAM.index("exprs")] = [deep]
    assert len(decode(seal(program, debug)).exprs) == 1


def test_a_schema_nests_no_deeper_than_a_value() -> None:
    program, debug = sample_values()
    schema: Any = {}
    for _ in range(250):
        schema = {"items": schema}
    program[PROGRAM.index("input_schema")] = schema
    with pytest.raises(BlueprintError, match="input_schema is nested deeper than 200 levels"):
        decode(seal(program, debug))


def test_what_cannot_be_encoded_is_said() -> None:
    bp = replace(sample(), exprs=(("const", {1, 2}),))
    with pytest.raises(BlueprintError, match="the program section cannot be encoded: set"):
        encode(bp)
    with pytest.raises(BlueprintError):
        digest(bp)
