"""What a machine does with its events: guards, roles, actions, activities, timeouts, its end."""

from __future__ import annotations

from typing import Any

import pytest

from machines.driving import Machine, machine
from runeskript.errors import StepError
from runeskript.kernel import load, replay
from runeskript.model.events import Moved, MoveFailed, Refused
from runeskript.model.limits import MACHINE_QUEUE
from runeskript.testing import HANG, After, Simulation

DAY = 86_400_000


def refuse(params: Any) -> Any:
    raise StepError("no.money", "there is none")


def known(sim: Machine) -> Machine:
    """Its journal gives the same run again."""
    again = replay(load(sim.program.blueprint), sim.journal)
    if sim.finished is not None:
        assert again.finished == sim.finished
    else:
        assert again.machine is not None and again.machine.state == sim.at.state
    return sim


# --- guards and roles -----------------------------------------------------------------------------
GUARDS = """
machine: m
initial: a
states: {a: {}, b: {}, c: {}, d: {final: true}}
transitions:
  - {from: a, event: go, to: b, guard: data.n > 10}
  - {from: a, event: go, to: c, guard: data.n / event.data > 1, allow: [clerk]}
  - {from: a, event: go, to: d, guard: data.n > 0 and actor.id == 'ann'}
  - {from: [b, c], event: end, to: d}
"""


@pytest.mark.parametrize(
    ("n", "by", "state"),
    [
        (20, {"actor": "x"}, "b"),
        (5, {"actor": "x", "roles": ["clerk"]}, "c"),
        (5, {"actor": "ann"}, "d"),
        (1, {"actor": "ann", "roles": ["clerk"]}, "d"),
        (5, {}, "c"),
    ],
)
def test_the_first_transition_wins_whose_roles_and_guard_fit(
    n: int, by: dict[str, Any], state: str
) -> None:
    sim = machine(GUARDS, input={"n": n})
    assert isinstance(sim.send("go", 2, **by), Moved)
    assert sim.state == state
    known(sim)


def test_an_event_is_refused_where_no_guard_holds_or_no_role_fits() -> None:
    sim = machine(GUARDS, input={"n": 1})
    for event, by, reason, type_ in (
        ("go", {"actor": "x"}, "conflict", "machine.guard"),
        ("end", {}, "conflict", "machine.conflict"),
        ("nonsense", {}, "conflict", "machine.conflict"),
    ):
        found = sim.send(event, 2, **by)
        assert isinstance(found, Refused), event
        assert (found.state, found.reason, found.error["type"]) == ("a", reason, type_)
    assert sim.state == "a" and sim.data == {"n": 1}
    known(sim)


def test_roles_are_looked_at_before_guards() -> None:
    sim = machine(
        """
machine: m
initial: a
states: {a: {}, b: {final: true}}
transitions:
  - {from: a, event: go, to: b, guard: data.missing.deep > 1, allow: [clerk]}
""",
        input={},
    )
    found = sim.send("go", actor="eve", roles=["cook"])
    assert isinstance(found, Refused) and found.reason == "forbidden"
    assert found.actor == {"id": "eve", "roles": ["cook"]}
    found = sim.send("go", actor="ann", roles=["cook", "clerk"])
    assert isinstance(found, Refused) and found.reason == "guard"
    known(sim)


def test_a_guard_that_fails_refuses_the_event_and_tries_no_other() -> None:
    sim = machine(GUARDS, input={"n": 5})
    found = sim.send("go", 0)
    assert isinstance(found, Refused)
    assert (found.reason, found.error["type"]) == ("guard", "math.division")
    assert sim.state == "a" and sim.data == {"n": 5}
    assert isinstance(sim.send("go", 2), Moved)
    known(sim)


def test_a_guard_that_meets_a_limit_refuses_the_event() -> None:
    sim = machine(
        """
machine: m
initial: a
states: {a: {}, b: {final: true}}
transitions:
  - {from: a, event: go, to: b, guard: len(range(event.data)) == 1}
""",
    )
    found = sim.send("go", 10**9)
    assert isinstance(found, Refused)
    assert found.reason == "guard" and str(found.error["type"]).startswith("limit.")
    assert isinstance(sim.send("go", 1), Moved)
    known(sim)


# --- actions --------------------------------------------------------------------------------------
ACTIONS = """
machine: m
initial: a
states:
  a:
    exit: [{set: {data.log: "${data.log + ['exit a']}"}}]
  b:
    enter: [{set: {data.log: "${data.log + ['enter b']}"}}]
transitions:
  - from: a
    event: go
    to: b
    do:
      - set: {data.log: "${data.log + ['do']}"}
      - call: reserve
        into: data.reserved
        undo: {call: release, with: {id: "${data.reserved}"}}
      - call: charge
        with: {amount: "${event.data}", who: "${actor.id}"}
        into: data.receipt
  - {from: b, event: back, to: a}
"""


def test_exit_then_do_then_enter_and_the_state_changes_behind_them() -> None:
    seen: list[Any] = []
    sim = machine(
        ACTIONS,
        {
            "reserve": lambda p: 7,
            "release": seen.append,
            "charge": lambda p: seen.append((p, sim.state)),
        },
        {"log": []},
    )
    assert isinstance(sim.send("go", 5, actor="ann"), Moved)
    assert seen == [({"amount": 5, "who": "ann"}, "a")]
    assert sim.state == "b" and sim.data["log"] == ["exit a", "do", "enter b"]
    sim.cancel()
    sim.settle()
    assert len(seen) == 1, "what a transition did that is done is not undone"
    assert sim.finished is not None and sim.finished.status == "Cancelled"
    known(sim)


def test_an_action_that_fails_leaves_nothing_behind() -> None:
    released: list[Any] = []
    sim = machine(
        ACTIONS,
        {"reserve": lambda p: 7, "release": lambda p: released.append(p["id"]), "charge": refuse},
        {"log": []},
    )
    found = sim.send("go", 5)
    assert isinstance(found, MoveFailed)
    assert (found.source, found.to, found.error["type"]) == ("a", "b", "no.money")
    assert sim.state == "a" and sim.data == {"log": []} and released == [7]
    sim.handlers["charge"] = lambda p: 1
    assert isinstance(sim.send("go", 5), Moved)
    assert sim.data == {"log": ["exit a", "do", "enter b"], "reserved": 7, "receipt": 1}
    assert released == [7]
    known(sim)


LIMITS = """
machine: m
initial: a
states: {a: {}, b: {final: true}}
transitions:
  - {from: a, event: grow, to: b, do: [{set: {data.much: "${range(event.data)}"}}]}
  - from: a
    event: loop
    to: b
    do:
      - set: {i: 0}
      - while: i < event.data
        do: [{set: {i: "${i + 1}"}}]
      - set: {data.i: "${i}"}
"""


def test_an_action_that_meets_a_limit_fails_and_the_machine_lives_on() -> None:
    sim = machine(LIMITS, input={})
    found = sim.send("grow", 10**9)
    assert isinstance(found, MoveFailed) and str(found.error["type"]).startswith("limit.")
    assert sim.state == "a" and sim.data == {}
    assert isinstance(sim.send("grow", 2), Moved)
    known(sim)


def test_a_loop_in_an_action_outlasts_slices_and_a_cancel_comes_in_between() -> None:
    sim = machine(LIMITS, input={}, turns=600)
    sim.fire("loop", 20_000)
    assert sim.more
    sim.fire("grow", 2)
    sim.settle()
    assert sim.finished is not None and sim.finished.output == {"i": 20_000}
    known(sim)
    sim = machine(LIMITS, input={}, turns=600)
    sim.fire("loop", 20_000)
    sim.cancel()
    sim.settle()
    assert sim.finished is not None and sim.finished.status == "Cancelled"
    assert sim.state == "a"
    known(sim)


def test_variables_of_one_action_are_unset_in_the_next() -> None:
    sim = machine(
        """
machine: m
initial: a
states: {a: {}}
transitions:
  - from: a
    event: one
    to: a
    do: [{set: {x: 1}}, {set: {data.x: "${x}"}}]
  - from: a
    event: two
    to: a
    do:
      - if: event.data
        then: [{set: {x: 2}}]
      - set: {data.y: "${x}"}
""",
        input={},
    )
    assert isinstance(sim.send("one"), Moved)
    assert isinstance(sim.send("two", True), Moved)
    found = sim.send("two", False)
    assert isinstance(found, MoveFailed)
    assert sim.data == {"x": 1, "y": 2}
    known(sim)


def test_events_that_come_while_an_action_runs_stand_in_line() -> None:
    sim = machine(
        """
machine: m
initial: a
states: {a: {}, b: {}, c: {final: true}}
transitions:
  - {from: a, event: go, to: b, do: [{call: slow}]}
  - {from: b, event: go, to: c}
  - {from: b, event: say, to: b, do: [{set: {data.said: "${event.data}"}}]}
""",
        {"slow": lambda p: After(100, None)},
        {},
    )
    sim.fire("go")
    sim.fire("say", 1)
    sim.fire("bad")
    sim.fire("say", 2)
    sim.fire("go")
    sim.fire("say", 3)
    assert sim.state == "a" and not sim.moves
    assert sim.became("e3") is None, "it is its turn when the action is over"
    out = sim.run()
    assert (out.status, out.output) == ("Completed", {"said": 2})
    assert [e for e, _, _ in sim.moves] == ["go", "say", "say", "go"]
    assert isinstance(sim.became("e3"), Refused)
    assert sim.became("e6") is None, "it was not its turn any more"
    known(sim)


def test_no_more_events_than_the_limit_stand_in_line() -> None:
    sim = machine(
        """
machine: m
initial: a
states: {a: {timeout: {after: 1s, event: late}}, b: {}, c: {}, d: {final: true}}
transitions:
  - {from: a, event: go, to: b, do: [{call: slow}]}
  - {from: a, event: late, to: c}
  - {from: b, event: more, to: b}
  - {from: [b, c], event: end, to: d}
""",
        {"slow": lambda p: After(5000, StepError("x"))},
    )
    sim.fire("go")
    for _ in range(MACHINE_QUEUE):
        sim.fire("more")
    assert len(sim.at.queue) == MACHINE_QUEUE
    found = sim.send("more")
    assert isinstance(found, Refused)
    assert (found.reason, found.error["type"]) == ("limit", "limit.queue")
    sim.run()
    assert sim.state == "c", "a timeout needs no place in line"
    refused = [e for e in sim.journal if isinstance(e, Refused)]
    assert len(refused) == MACHINE_QUEUE + 1
    known(sim)


# --- activities -----------------------------------------------------------------------------------
ACTIVITY = """
machine: m
initial: idle
states:
  idle: {}
  busy:
    do:
      - call: first
        into: one
        undo: {call: undo, with: {of: "${one}"}}
      - call: work
        with: {n: "${data.n}"}
        into: result
  fine: {}
  bad: {}
transitions:
  - {from: idle, event: start, to: busy}
  - {from: busy, event: done, to: fine}
  - {from: busy, event: failed, to: bad, do: [{set: {data.why: "${event.data.type}"}}]}
  - {from: busy, event: stop, to: idle, guard: event.data}
  - {from: busy, event: break, to: idle, do: [{call: breaking}]}
  - {from: [fine, bad], event: start, to: busy}
"""


def activity(work: Any, breaking: Any = refuse) -> tuple[Machine, list[Any]]:
    undone: list[Any] = []
    handlers = {
        "first": lambda p: 1,
        "undo": lambda p: undone.append(p["of"]),
        "work": work,
        "breaking": breaking,
    }
    return machine(ACTIVITY, handlers, {"n": 1}), undone


def test_an_activity_that_ends_raises_done() -> None:
    sim, undone = activity(lambda p: After(10, p["n"]))
    sim.send("start")
    sim.run()
    assert sim.moves == [("start", "idle", "busy"), ("done", "busy", "fine")]
    last = sim.journal[-1]
    assert isinstance(last, Moved) and last.actor["id"] == "system" and last.id == ""
    sim.cancel()
    sim.settle()
    assert undone == [], "the state was left for good"
    known(sim)


def test_an_activity_that_fails_raises_failed_with_its_error() -> None:
    sim, undone = activity(refuse)
    sim.send("start")
    assert sim.state == "bad" and sim.data == {"n": 1, "why": "no.money"}
    sim.cancel()
    sim.settle()
    assert undone == []
    known(sim)


def test_an_activity_that_has_ended_and_is_not_left_is_undone_by_a_cancel() -> None:
    undone: list[Any] = []
    text = ACTIVITY.replace("  - {from: busy, event: done, to: fine}\n", "")
    handlers = {
        "first": lambda p: 1,
        "undo": lambda p: undone.append(p["of"]),
        "work": lambda p: 2,
        "breaking": refuse,
    }
    text = text.replace("[fine, bad]", "bad").replace("  fine: {}\n", "")
    sim = machine(text, handlers, {"n": 1})
    sim.send("start")
    assert sim.state == "busy" and not any(isinstance(e, Refused) for e in sim.journal)
    sim.cancel()
    sim.settle()
    assert undone == [1]
    known(sim)


def test_leaving_a_state_cancels_its_activity_and_runs_its_undos() -> None:
    sim, undone = activity(lambda p: HANG)
    sim.send("start")
    assert sim.run_state.calls != {}
    assert isinstance(sim.send("stop", True), Moved)
    assert sim.state == "idle" and undone == [1] and not sim.run_state.calls
    known(sim)


def test_an_event_that_is_refused_does_not_disturb_the_activity() -> None:
    sim, undone = activity(lambda p: After(1000, 5))
    sim.send("start")
    for event, data in (("stop", False), ("nonsense", None), ("start", None)):
        assert isinstance(sim.send(event, data), Refused)
    assert sum(call.handler == "work" for call in sim.calls) == 1 and undone == []
    sim.run()
    assert sim.state == "fine"
    known(sim)


def test_a_transition_that_fails_begins_the_activity_anew() -> None:
    sim, undone = activity(lambda p: After(1000, 5))
    sim.send("start")
    assert isinstance(sim.send("break"), MoveFailed)
    assert sim.state == "busy" and undone == [1]
    assert sum(call.handler == "work" for call in sim.calls) == 2
    sim.run()
    assert sim.state == "fine" and undone == [1]
    known(sim)


def test_an_activity_begins_anew_each_time_its_state_is_entered() -> None:
    sim, _ = activity(lambda p: 5)
    sim.send("start")
    assert sim.state == "fine"
    sim.send("start")
    assert [event for event, _, _ in sim.moves] == ["start", "done"] * 2
    known(sim)


def test_what_an_activity_raised_counts_for_its_own_stay_in_the_state_alone() -> None:
    text = """
machine: m
initial: busy
states:
  busy: {do: [{call: work}]}
  calm: {final: true}
transitions:
  - {from: busy, event: again, to: busy, do: [{call: slow}]}
  - {from: busy, event: done, to: calm}
"""
    answers = iter([After(10, 1), HANG])
    sim = machine(text, {"work": lambda p: next(answers), "slow": lambda p: After(50, 1)})
    sim.now += 10
    # The activity ends, and in the same moment an event is there: `done` comes behind it.
    sim.fire("again")
    sim.run()
    assert sim.moves == [("again", "busy", "busy")] and sim.state == "busy"
    known(sim)


# --- timeouts -------------------------------------------------------------------------------------
TIMED = """
machine: m
initial: a
states:
  a: {timeout: {after: 2d, event: expire}}
  b: {}
  c: {final: true}
transitions:
  - {from: a, event: expire, to: b, guard: not data.kept}
  - {from: b, event: end, to: c}
  - {from: a, event: keep, to: a, guard: event.data}
  - {from: a, event: fail, to: c, do: [{call: fail}]}
"""


def test_the_timeout_of_a_state_counts_from_when_it_was_entered() -> None:
    sim = machine(TIMED, {"fail": refuse}, {"kept": False})
    sim.run_until(DAY)
    assert isinstance(sim.send("keep", False), Refused)
    assert isinstance(sim.send("fail"), MoveFailed)
    assert isinstance(sim.send("nonsense"), Refused)
    sim.run_until(2 * DAY - 1)
    assert sim.state == "a"
    sim.run_until(2 * DAY)
    assert sim.state == "b" and sim.moves == [("expire", "a", "b")]
    known(sim)


def test_a_move_to_the_same_state_begins_its_timeout_anew() -> None:
    sim = machine(TIMED, {"fail": refuse}, {"kept": False})
    sim.run_until(DAY)
    assert isinstance(sim.send("keep", True), Moved)
    sim.run_until(3 * DAY - 1)
    assert sim.state == "a"
    sim.run_until(3 * DAY)
    assert sim.state == "b"
    known(sim)


def test_a_timeout_is_raised_once_and_says_nothing_where_it_changes_nothing() -> None:
    sim = machine(TIMED, {"fail": refuse}, {"kept": True})
    sim.run_until(5 * DAY)
    assert isinstance(sim.send("keep", False), Refused)
    sim.run_until(10 * DAY)
    assert sim.state == "a" and sim.due() is None
    assert sum(isinstance(e, Refused) for e in sim.journal) == 1
    known(sim)


def test_a_timeout_that_is_due_while_an_action_fails_comes_right_behind_it() -> None:
    sim = machine(TIMED, {"fail": lambda p: After(3 * DAY, StepError("x"))}, {"kept": False})
    sim.run_until(DAY)
    sim.send("fail")
    sim.run_until(4 * DAY)
    assert sim.moves == [("expire", "a", "b")]
    assert next(e for e in sim.journal if isinstance(e, Moved) and e.source).at == sim.now
    known(sim)


# --- the end --------------------------------------------------------------------------------------
def test_a_final_state_completes_the_job_with_its_data() -> None:
    sim = machine(GUARDS, input={"n": 20})
    sim.send("go", 1)
    sim.fire("end")
    sim.fire("end")
    assert sim.finished is not None
    assert (sim.finished.status, sim.finished.output) == ("Completed", {"n": 20})
    known(sim)


def test_a_machine_may_be_cancelled_at_every_point() -> None:
    """Whatever it does: it ends, and what was done and is not behind a move is undone."""

    def played(until: int) -> tuple[Machine, int]:
        done: list[str] = []
        handlers: dict[str, Any] = {
            "first": lambda p: done.append("first") or 1,
            "undo": lambda p: done.append("undo"),
            "work": lambda p: After(10, 1),
            "breaking": lambda p: After(10, StepError("x")),
        }
        sim = machine(ACTIVITY, handlers, {"n": 1})
        steps = 0
        events = {0: "start", 2: "break", 3: "nonsense", 6: "stop", 9: "start", 11: "start"}
        while steps < until:
            if steps in events:
                sim.fire(events[steps], True)
            elif not sim.step() and steps > max(events):
                break
            steps += 1
        if steps >= until:
            sim.cancel()
            sim.run()
            ended.add(sim.state)
            assert sim.finished is not None and sim.finished.status == "Cancelled"
        left = [move for move in sim.moves if move[0] == "done"]
        assert done.count("undo") == done.count("first") - len(left)
        return known(sim), steps

    ended: set[str] = set()
    longest = played(10**6)[1]
    assert longest > 12
    for until in range(longest + 1):
        played(until)
    assert ended == {"idle", "busy", "fine"}


def test_events_for_a_machine_that_has_ended_change_nothing() -> None:
    sim = machine(GUARDS, input={"n": 20})
    sim.cancel()
    length = len(sim.journal)
    sim.fire("go", 1)
    assert len(sim.journal) == length


def test_a_skript_takes_no_events() -> None:
    sim = machine("skript: s\ndo: [{wait: 1s}]\n")
    assert isinstance(sim, Simulation)
    length = len(sim.journal)
    sim.fire("go")
    assert len(sim.journal) == length
