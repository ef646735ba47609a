"""The binary encoding: round trips, canonical form, hostile bytes, golden vectors."""

from __future__ import annotations

import json
import math
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runeskript.errors import CodecError, NotAValueError
from runeskript.model.codec import decode, encode
from runeskript.model.limits import INT_MAX, INT_MIN, VALUE_DEPTH
from strategies import values

VECTORS = json.loads((Path(__file__).parent / "vectors" / "codec.json").read_text("utf-8"))

#: Around every change of form.
EDGES = sorted(
    {
        sign * (2**bits) + step
        for bits in (0, 5, 7, 8, 15, 16, 31, 32, 62)
        for sign in (1, -1)
        for step in (-1, 0, 1)
    }
    | {INT_MIN, INT_MIN + 1, INT_MAX, INT_MAX - 1}
)


def same(a: Any, b: Any) -> bool:
    """Equal, with types, order of keys and the sign of zero."""
    return repr(a) == repr(b)


@settings(max_examples=200)
@given(values)
def test_what_is_decoded_is_what_was_encoded(value: Any) -> None:
    data = encode(value)
    assert same(decode(data), value)
    assert encode(decode(data)) == data


@settings(max_examples=200)
@given(values)
def test_msgspec_writes_the_same_bytes(value: Any) -> None:
    assert encode(value) == msgspec.msgpack.encode(value)
    assert same(msgspec.msgpack.decode(encode(value)), value)


@pytest.mark.parametrize("n", EDGES)
def test_integers_take_the_shortest_form(n: int) -> None:
    assert encode(n) == msgspec.msgpack.encode(n)
    assert decode(encode(n)) == n


@pytest.mark.parametrize("n", [0, 1, 15, 16, 31, 32, 255, 256, 65_535, 65_536])
def test_lengths_take_the_shortest_form(n: int) -> None:
    for value in ("x" * n, [None] * n, {str(i): i for i in range(n)}):
        data = encode(value)
        assert data == msgspec.msgpack.encode(value)
        assert decode(data) == value


@pytest.mark.parametrize("vector", VECTORS["valid"], ids=lambda v: v["what"])
def test_golden_vectors(vector: dict[str, Any]) -> None:
    data = bytes.fromhex(vector["bytes"])
    assert encode(vector["value"]) == data
    assert same(decode(data), vector["value"])


@pytest.mark.parametrize("vector", VECTORS["refused"], ids=lambda v: v["what"])
def test_refused_vectors(vector: dict[str, Any]) -> None:
    with pytest.raises(CodecError) as caught:
        decode(bytes.fromhex(vector["bytes"]))
    assert str(caught.value) == vector["error"]


def test_key_order_is_part_of_the_value() -> None:
    assert encode({"a": 1, "b": 2}) != encode({"b": 2, "a": 1})
    assert list(decode(encode({"b": 2, "a": 1}))) == ["b", "a"]


def test_tuples_are_written_as_lists() -> None:
    assert encode((1, (2,))) == encode([1, [2]])


def nested(depth: int) -> Any:
    value: Any = 1
    for i in range(depth):
        value = [value] if i % 2 else {"k": value}
    return value


def test_nesting_is_bounded_both_ways() -> None:
    deepest = encode(nested(VALUE_DEPTH))
    assert encode(decode(deepest)) == deepest
    with pytest.raises(NotAValueError, match="nested deeper"):
        encode(nested(VALUE_DEPTH + 1))
    with pytest.raises(CodecError, match="nested deeper"):
        decode(b"\x91" + deepest)
    assert decode(encode(nested(3_000), max_depth=3_000), max_depth=3_000) is not None
    with pytest.raises(CodecError, match="at byte 200: nested deeper"):
        decode(b"\x91" * 1_000_000)


def test_a_cycle_is_no_value() -> None:
    value: list[Any] = []
    value.append(value)
    with pytest.raises(NotAValueError, match="cyclic"):
        encode(value)


@pytest.mark.parametrize(
    "thing",
    [b"x", {1}, math.nan, math.inf, -math.inf, INT_MAX + 1, INT_MIN - 1, 2**70, "\ud800", {1: 2}],
)
def test_what_is_no_value_is_not_encoded(thing: Any) -> None:
    for value in (thing, [thing], {"a": thing}):
        with pytest.raises(NotAValueError):
            encode(value)


def test_a_key_that_cannot_be_encoded() -> None:
    with pytest.raises(NotAValueError, match="surrogate"):
        encode({"\udfff": 1})


@pytest.mark.parametrize("header", ["dd7fffffff", "df7fffffff", "db7fffffff", "dcffff", "deffff"])
def test_a_length_beyond_the_data_makes_nothing(header: str) -> None:
    with pytest.raises(CodecError, match="longer than the data"):
        decode(bytes.fromhex(header) + b"\xc0" * 10)


def test_every_prefix_is_refused() -> None:
    data = encode({"text": "héllo", "list": [1, 300, -40_000, 2**40, 1.5, None], "o": {"k": True}})
    for cut in range(len(data)):
        with pytest.raises(CodecError):
            decode(data[:cut])


@pytest.mark.parametrize("seed", range(4))
def test_changed_bytes_are_a_value_or_an_error(seed: int) -> None:
    random = Random(seed)
    origin = encode([nested(6), {"a": ["x" * 40, 70_000, -1.5]}, list(range(20)), "ü" * 300])
    decoded = 0
    for _ in range(2_000):
        data = bytearray(origin)
        for _ in range(random.randint(1, 4)):
            at = random.randrange(len(data))
            kind = random.randrange(3)
            if kind == 0:
                data[at] = random.randrange(256)
            elif kind == 1:
                del data[at : at + random.randint(1, 5)]
            else:
                data[at:at] = random.randbytes(random.randint(1, 5))
        try:
            value = decode(data)
        except CodecError as error:
            assert str(error).startswith("at byte ")
        else:
            decoded += 1
            assert encode(value) == bytes(data)
    assert decoded


@settings(max_examples=300)
@given(st.binary(max_size=60))
def test_any_bytes_are_a_value_or_an_error(data: bytes) -> None:
    try:
        value = decode(data)
    except CodecError:
        return
    assert encode(value) == data
