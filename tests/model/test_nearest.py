"""The nearest match: what a hint suggests, and what it had better not."""

from __future__ import annotations

import pytest

from runeskript.model.nearest import nearest

KEYS = ("id", "type", "name", "description", "next", "vip")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("discription", "description"),
        ("descr", "description"),
        ("escription", "description"),
        ("wip", "vip"),
        ("NEXT", "next"),
        ("position", None),
        ("colour", None),
        ("", None),
    ],
)
def test_what_is_suggested(written: str, meant: str | None) -> None:
    assert nearest(written, KEYS) == meant
