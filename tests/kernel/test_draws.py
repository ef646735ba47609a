"""``random()`` and ``uuid()``: a number is never drawn twice, wherever the draw stands."""

from __future__ import annotations

from typing import Any

import pytest

from support import run_yaml

MESSAGES = [("t", None, {"v": n}) for n in (1, 2, 3)]


def drawn(before: str, where: str, messages: list[tuple[str, Any, Any]]) -> Any:
    """What ``random()`` gives behind a ``listen``."""
    text = (
        f"skript: x\nvars: {{seen: 0}}\ndo:\n{before}  - listen: t\n    where: {where}\n"
        "    into: got\n  - return: ['${random()}', '${got}']\n"
    )
    number, got = run_yaml(text, messages=messages).output
    assert got == messages[-1][2]
    return number


@pytest.mark.parametrize("messages", [MESSAGES[:1], MESSAGES[:2], MESSAGES])
def test_what_a_where_has_drawn_is_not_drawn_again(messages: list[tuple[str, Any, Any]]) -> None:
    """Also where the message was not taken: each that arrives draws its own."""
    last = len(messages)
    plain = drawn("", f"event.data.v == {last}", messages)
    drawing = drawn("", f"random() >= 0 and event.data.v == {last}", messages)
    draws = "  - set: {seen: '${seen + random()}'}\n" * last
    assert drawing != plain
    assert drawing == drawn(draws, f"event.data.v == {last}", messages)
