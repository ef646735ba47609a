"""The fast encoding is the specified one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings

from runeskript.errors import CodecError, NotAValueError
from runeskript.model.codec import decode, encode
from runeskript.model.limits import VALUE_DEPTH
from runeskript.stores.fastcodec import dumps, loads
from strategies import values

FILE = Path(__file__).parents[1] / "model" / "vectors" / "codec.json"


@settings(max_examples=60, deadline=None)
@given(values)
def test_it_writes_and_reads_the_same(value: Any) -> None:
    data = encode(value)
    assert dumps(value) == data
    assert repr(loads(data)) == repr(value)


def test_the_vectors() -> None:
    accepted = json.loads(FILE.read_text("utf-8"))["valid"]
    assert len(accepted) > 20
    for row in accepted:
        data = bytes.fromhex(row["bytes"])
        value = decode(data)
        assert dumps(value) == data
        assert repr(loads(data)) == repr(value)


@pytest.mark.parametrize("size", [0, 15, 16, 31, 32, 255, 256, 65_535, 65_536])
def test_every_form_of_length(size: int) -> None:
    for value in ("x" * size, [None] * size, {str(i): i for i in range(size)}):
        assert dumps(value) == encode(value)
        assert loads(encode(value)) == value


def test_as_deep_as_records_of_values() -> None:
    value: Any = None
    for _ in range(VALUE_DEPTH + 10):
        value = [value]
    assert loads(dumps(value)) == value


def test_what_cannot_be_written() -> None:
    for value in ("\ud800", 2**70, object()):
        with pytest.raises(NotAValueError):
            dumps(value)


@pytest.mark.parametrize("data", [b"", b"\xc1", b"\x92\x01", b"\x01\x01", b"\xa2\xff\xff", b"\xd9"])
def test_what_cannot_be_read(data: bytes) -> None:
    with pytest.raises(CodecError):
        loads(data)
