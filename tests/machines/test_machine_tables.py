"""Random machines: what is said never to happen does not, and runs do as the table says."""

from __future__ import annotations

import json
import random
import re
from itertools import product
from typing import Any

import pytest

from expr.evaluating import context, lowered, table
from runeskript.compiler.pipeline import check_text, compile_text
from runeskript.expr.generate import compile_expr
from runeskript.kernel import advance, load, new_run
from runeskript.kernel.machine import data_of
from runeskript.model.events import Moved, Sent, Started

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


# --- and what runs does as the table says ---------------------------------------------------------
def expected(value: dict[str, Any], events: list[tuple[str, int, tuple[str, ...]]]) -> list[Any]:
    """The moves that the table gives, the present value of ``data.n`` with each."""
    state, n, moves = "a", 0, list[Any]()
    for event, given, roles in events:
        for row in value["transitions"]:
            if state not in row["from"] or row["event"] != event:
                continue
            if row.get("allow") is not None and not set(row["allow"]) & set(roles):
                continue
            guard = row.get("guard")
            if guard is None or _GUARDS[guard]([{"n": n}, {"name": event}], context()):
                moves.append((state, row["to"], event))
                state, n = row["to"], given if "do" in row else n
                break
    return [*moves, n]


def mended(value: dict[str, Any]) -> dict[str, Any]:
    """The machine without what is said of it."""
    for _ in range(100):
        found = [d for d in check_text(json.dumps(value), "m.json") if d.severity == "error"]
        if not found:
            break
        where, rows = found[0].pointer.split("/")[2], value["transitions"]
        if found[0].code == "RUNE-3043" and where == "a":
            rows.append({"from": ["a"], "event": "go", "to": "a"})
        elif found[0].code == "RUNE-3043":
            value["states"][where] = {"final": True}
        elif found[0].code == "RUNE-3042":
            del value["states"][where]
            rows[:] = [row for row in rows if row["to"] != where]
            for row in rows:
                row["from"] = [name for name in row["from"] if name != where]
        else:
            row = rows[int(where)]
            some = re.findall(r"`(\w)`", found[0].message)
            row["from"] = [name for name in row["from"] if some and name not in some]
        rows[:] = [row for row in rows if row["from"]]
    return value


@pytest.mark.parametrize("seed", range(4))
def test_what_runs_does_as_the_table_says(seed: int) -> None:
    dice = random.Random(1_000 + seed)
    moved = 0
    for _ in range(30):
        value = mended(drawn(dice))
        for row in value["transitions"]:
            if dice.random() < 0.5:
                row["do"] = [{"set": {"data.n": "${event.data}"}}]
        program = load(compile_text(json.dumps(value), "m.json").blueprint)
        events = [(dice.choice(EVENTS), dice.choice(VALUES), dice.choice(WHO)) for _ in range(30)]
        run = new_run(program)
        advance(program, run, [Started(1, program.digest, {"id": "j"}, {"n": 0}, {}, "00" * 16)])
        said: list[Any] = []
        for at, (event, given, roles) in enumerate(events, 2):
            actor = {"id": "somebody", "roles": list(roles)}
            if run.finished is None:
                said += advance(
                    program, run, [Sent(at, f"e{at}", event, given, actor, None)]
                ).events
        moves = [(e.source, e.to, e.event) for e in said if isinstance(e, Moved)]
        *wanted, n = expected(value, events)
        assert moves == wanted, value
        if run.finished is None:
            assert program.blueprint.machine is not None
            assert data_of(program.blueprint.machine, run) == {"n": n}
        moved += len(moves)
    assert moved > 50
