"""Bodies: the quick way to read JSON reads what the careful one reads, and lets nothing through."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runeskript.errors import RequestError
from runeskript.service import reading

_SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
_WORDS = st.text('ab"\\{}:,é', max_size=3)


def _objects(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Texts of objects, whose keys may stand twice."""
    pairs = st.tuples(_WORDS.map(json.dumps), inner).map(": ".join)
    return st.lists(pairs, max_size=3).map(lambda some: "{" + ", ".join(some) + "}")


_TEXTS = st.recursive(
    _SCALARS.map(lambda one: json.dumps(one, ensure_ascii=False)),
    lambda inner: _objects(inner) | st.lists(inner, max_size=3).map(lambda x: f"[{','.join(x)}]"),
    max_leaves=8,
)


def _read(data: bytes) -> Any:
    try:
        return repr(reading.read_json(data))
    except RequestError as exc:
        return exc.message


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1, "a": 1}',
        '[{"b": {"a": "", "a": ""}}]',
        '{"": 0, "": 0}',
        '{"é": [], "b": 1, "é": []}',
    ],
)
def test_a_key_stands_once(text: str) -> None:
    with pytest.raises(RequestError, match="stands twice"):
        reading.read_json(text.encode())


@given(_TEXTS.map(lambda text: text.encode("utf-8", "surrogatepass")) | st.binary(max_size=12))
def test_both_ways_read_the_same(data: bytes) -> None:
    with pytest.MonkeyPatch.context() as patch:
        found = _read(data)
        patch.setattr(reading, "_quick", _never)
        assert _read(data) == found


def _never(data: bytes) -> Any:
    raise ValueError("only the careful way is left")
