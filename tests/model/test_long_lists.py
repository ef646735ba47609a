"""Long lists are looked at as a whole, with the same outcome as one by one."""

from __future__ import annotations

from typing import Any

import pytest

from runeskript.errors import NotAValueError
from runeskript.model.values import copy_value, normalise

GOOD: list[list[Any]] = [
    [1] * 20,
    [2**63 - 1, -(2**63)] * 9,
    [0.5] * 20,
    [True] * 20,
    [None] * 20,
    ["ä"] * 20,
    ["a"] * 20,
    [True, 1, 1.0, "1", None] * 4,
    [[1], [2]] * 9,
    [{"a": [1] * 20}] * 9,
]


@pytest.mark.parametrize("given", GOOD)
def test_a_long_list_is_copied(given: list[Any]) -> None:
    for made in (normalise(given), copy_value(given)):
        assert made == given
        assert list(map(type, made)) == list(map(type, given))
        assert made is not given
        for one, other in zip(made, given, strict=True):
            assert one is not other or type(one) not in (list, dict)


@pytest.mark.parametrize(
    "bad", [2**63, -(2**63) - 1, float("nan"), float("inf"), "\ud800", {1}, b"x"]
)
def test_one_bad_element_is_named(bad: Any) -> None:
    for fill in (1, 1.0, "a", True, None, bad):
        given = [fill] * 10 + [bad] + [fill] * 10
        first = 0 if fill is bad else 10
        with pytest.raises(NotAValueError, match=rf"^\$\[{first}\]:"):
            normalise(given)
