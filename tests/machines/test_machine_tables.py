"""Random machines: what is said never to happen does not, whatever is sent to them."""

from __future__ import annotations

import json
import random
from itertools import product
from typing import Any

import pytest

from expr.evaluating import context, lowered, table
from runeskript.compiler.pipeline import check_text
from runeskript.expr.generate import compile_expr

STATES = ("a", "b", "c", "d", "z")
EVENTS = ("go", "stop")
ROLES = ("clerk", "boss")
VALUES = tuple(range(-1, 8))
GUARDS = (
    None, "data.n > 3", "data.n <= 3", "data.n == 5", "data.n in [1, 5]", "not data.n > 3",
    "data.n < 0 and data.n > 5", "data.n > 3 and event.name == 'go'", "data.n != 5", "true",
    "data.n > 3 or data.n < 1", "event.name == 'stop'",
)  # fmt: skip
WHO: tuple[tuple[str, ...], ...] = ((), ("clerk",), ("boss",), ("clerk", "boss"))
_GUARDS = {
    text: compile_expr(
        lowered(text, {"data": 0, "event": 0}), table({}), slot_names=["data", "event"]
    )
    for text in GUARDS
    if text is not None
}


def drawn(dice: random.Random) -> dict[str, Any]:
    rows: list[dict[str, Any]] = []
    for _ in range(dice.randint(2, 9)):
        row: dict[str, Any] = {
            "from": dice.sample(STATES[:-1], dice.randint(1, 2)),
            "event": dice.choice(EVENTS),
            "to": dice.choice(STATES),
        }
        guard = dice.choice(GUARDS)
        if guard is not None:
            row["guard"] = guard
        if dice.random() < 0.3:
            row["allow"] = dice.sample(ROLES, dice.randint(1, 2))
        rows.append(row)
    states: dict[str, Any] = {name: {} for name in STATES[:-1]}
    states["z"] = {"final": True}
    return {"machine": "m", "initial": "a", "states": states, "transitions": rows}


def taken(value: dict[str, Any]) -> tuple[set[str], set[int], set[tuple[int, int]]]:
    """States that are come to, transitions that are taken, and pairs of which both might be."""
    reached, waiting = {"a"}, ["a"]
    used: set[int] = set()
    both: set[tuple[int, int]] = set()
    while waiting:
        state = waiting.pop()
        for event, n, roles in product(EVENTS, VALUES, WHO):
            ready = []
            for number, row in enumerate(value["transitions"]):
                if state not in row["from"] or row["event"] != event:
                    continue
                allow = row.get("allow")
                if allow is not None and not set(allow) & set(roles):
                    continue
                guard = row.get("guard")
                if guard is None or _GUARDS[guard]([{"n": n}, {"name": event}], context()):
                    ready.append(number)
            both.update((one, other) for one in ready for other in ready if one < other)
            if ready:
                used.add(ready[0])
                to = value["transitions"][ready[0]]["to"]
                if to not in reached:
                    reached.add(to)
                    waiting.append(to)
    return reached, used, both


@pytest.mark.parametrize("seed", range(5))
def test_what_is_said_never_to_happen_does_not(seed: int) -> None:
    dice = random.Random(seed)
    said = {"RUNE-3042": 0, "RUNE-3044": 0, "RUNE-3045": 0}
    for _ in range(60):
        value = drawn(dice)
        reached, used, both = taken(value)
        told = set()
        for finding in check_text(json.dumps(value), "m.json"):
            where = finding.pointer.split("/")[2]
            said[finding.code] = said.get(finding.code, 0) + 1
            if finding.code in ("RUNE-3044", "RUNE-3045"):
                told.add(int(where))
            if finding.code == "RUNE-3042":
                assert where not in reached, value
            elif finding.code == "RUNE-3043":
                assert not any(where in row["from"] for row in value["transitions"]), value
            elif finding.code == "RUNE-3044" and " from " not in finding.message:
                assert int(where) not in used, value
        for one, other in both:  # as good as complete where guards are as simple as these
            rows = [value["transitions"][number] for number in (one, other)]
            guarded = all(row.get("guard") not in (None, "true") for row in rows)
            if guarded and one in used and other in used and rows[0]["to"] != rows[1]["to"]:
                alone = [row.get("allow") for row in rows]
                if alone == [None, None]:
                    assert other in told, (value, one, other)
    assert all(said.values())
