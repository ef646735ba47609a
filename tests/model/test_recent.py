"""What was used lately."""

from __future__ import annotations

from runeskript.model.recent import Recent


def test_what_was_used_longest_ago_makes_way() -> None:
    recent: Recent[str, int] = Recent(2)
    recent["a"], recent["b"] = 1, 2
    assert recent.use("a") == 1
    recent["c"] = 3
    assert list(recent.items()) == [("a", 1), ("c", 3)]
    recent["a"] = 4  # to set it is a use
    recent["d"] = 5
    assert list(recent.items()) == [("a", 4), ("d", 5)]


def test_to_look_is_no_use() -> None:
    recent: Recent[str, int] = Recent(2)
    recent["a"], recent["b"] = 1, 2
    assert recent.get("a") == 1
    assert "a" in recent
    assert recent.use("z") is None
    recent["c"] = 3
    assert list(recent) == ["b", "c"]
