"""Random machines, and what they have to do: the rules of machines once more, in plain Python.

The model knows nothing of code, tokens or forks: it is a table, some data and a clock.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from runeskript.errors import StepError
from runeskript.testing import After

EVENTS = ("go", "stop", "turn", "done")
ROLES = ("clerk", "boss")
ACTORS: dict[str | None, list[str]] = {
    None: [],
    "ann": ["clerk"],
    "bob": ["boss", "clerk"],
    "eve": [],
}
#: How long an activity takes; no sum of it and of what tests wait is a timeout.
WORK = 1013


# --- handlers -------------------------------------------------------------------------------------
def answer(v: int) -> int | StepError:
    return StepError("bad") if v % 5 == 0 else v * 2


def worked(v: int) -> int | StepError:
    return StepError("worse") if v % 3 == 0 else v


def handlers(trace: list[tuple[str, int]]) -> dict[str, Callable[[dict[str, Any]], Any]]:
    def note(name: str, result: Callable[[int], Any]) -> Callable[[dict[str, Any]], Any]:
        def called(params: dict[str, Any]) -> Any:
            trace.append((name, params["v"]))
            return result(params["v"])

        return called

    return {
        "call": note("call", answer),
        "undo": note("undo", lambda v: None),
        "begin": note("begin", lambda v: None),
        "unbegin": note("unbegin", lambda v: None),
        "work": lambda p: After(WORK, worked(p["v"])),
    }


# --- documents ------------------------------------------------------------------------------------
def _guards() -> st.SearchStrategy[tuple[str, int]]:
    return st.tuples(st.sampled_from(["mod", "more", "event", "who", "fails"]), st.integers(0, 4))


def _steps(most: int) -> st.SearchStrategy[list[tuple[str, int]]]:
    kind = st.sampled_from(["add", "add", "log", "call", "boom"])
    return st.lists(st.tuples(kind, st.integers(0, 3)), max_size=most)


@st.composite
def machines(draw: st.DrawFn, *, timed: bool = True) -> dict[str, Any]:
    """A machine in the model's terms; ``document`` writes it down."""
    names = [f"s{i}" for i in range(draw(st.integers(1, 4)))]
    states: dict[str, Any] = {}
    for name in names:
        after = draw(st.sampled_from([None, None, 2000, 5000])) if timed else None
        states[name] = {
            "do": draw(st.integers(0, 2)) == 0,
            "enter": draw(_steps(1)),
            "exit": draw(_steps(1)),
            "after": after,
            "event": draw(st.sampled_from(EVENTS[:3])),
        }
    transitions = []
    for name in names:
        for event in (*EVENTS, "failed"):
            if event in ("done", "failed") and not states[name]["do"]:
                continue  # nothing raises it
            for _ in range(draw(st.integers(0, 2))):
                transitions.append(
                    {
                        "from": name,
                        "event": event,
                        "to": draw(st.sampled_from(names)),
                        "guard": draw(st.none() | _guards()),
                        "allow": draw(st.sampled_from([None, None, ["clerk"], ["boss"]])),
                        "do": draw(_steps(3)),
                    }
                )
                if transitions[-1]["guard"] is None:
                    break  # another one would never be taken, most often
    free: dict[str, Any] = {"guard": None, "allow": None, "do": []}
    for name in names:  # each can be come to, and left
        transitions.append({"from": names[0], "event": f"to_{name}", "to": name, **free})
        transitions.append({"from": name, "event": "quit", "to": "end", **free})
        states[name]["known"] = {t["event"] for t in transitions if t["from"] == name}
        if states[name]["event"] not in states[name]["known"]:
            states[name]["after"] = None  # nothing would take it
    return {"states": states, "transitions": transitions}


def _written(steps: list[tuple[str, int]]) -> list[dict[str, Any]]:
    forms: dict[str, Callable[[int], dict[str, Any]]] = {
        "add": lambda k: {"set": {"data.n": f"${{data.n + {k}}}"}},
        "log": lambda k: {"set": {"data.log": f"${{data.log + [{k}]}}"}},
        "boom": lambda k: {
            "if": f"data.n % 4 == {k}",
            "then": [{"raise": {"type": "boom", "message": "as asked"}}],
        },
        "call": lambda k: {
            "call": "call",
            "with": {"v": f"${{data.n + {k}}}"},
            "into": "data.last",
            "undo": {"call": "undo", "with": {"v": "${data.last}"}},
        },
    }
    return [forms[kind](k) for kind, k in steps]


GUARDS: dict[str, str] = {
    "mod": "data.n % 3 == {}",
    "more": "data.n > {}",
    "event": "event.data == {}",
    "who": "actor.id == 'ann'",
    "fails": "12 // (data.n % 5 - {}) > 0",
}


def document(machine: dict[str, Any]) -> dict[str, Any]:
    states: dict[str, Any] = {}
    for name, state in machine["states"].items():
        states[name] = {}
        for part in ("enter", "exit"):
            if state[part]:
                states[name][part] = _written(state[part])
        if state["after"]:
            states[name]["timeout"] = {"after": f"{state['after']}ms", "event": state["event"]}
        if state["do"]:
            states[name]["do"] = [
                {
                    "call": "begin",
                    "with": {"v": "${data.n}"},
                    "undo": {"call": "unbegin", "with": {"v": "${data.n}"}},
                },
                {"call": "work", "with": {"v": "${data.n}"}},
            ]
    states["end"] = {"final": True}
    transitions = []
    for t in machine["transitions"]:
        row = {key: t[key] for key in ("from", "event", "to")}
        if t["guard"]:
            row["guard"] = GUARDS[t["guard"][0]].format(t["guard"][1])
        if t["allow"]:
            row["allow"] = t["allow"]
        if t["do"]:
            row["do"] = _written(t["do"])
        transitions.append(row)
    return {"machine": "random", "initial": "s0", "states": states, "transitions": transitions}


# --- the model ------------------------------------------------------------------------------------
class _Failed(Exception):
    pass


class Model:
    """A machine's rules. ``said``: what becomes of events; ``trace``: the handlers it calls."""

    def __init__(self, machine: dict[str, Any], data: dict[str, Any]) -> None:
        self.states = machine["states"]
        self.transitions = machine["transitions"]
        self.data = data
        self.now = 0
        self.status = "Running"
        self.state = "s0"
        self.said: list[tuple[Any, ...]] = []
        self.trace: list[tuple[str, int]] = []
        #: Undos of activities that ended, and when the one under way ends.
        self.kept: list[tuple[str, int]] = []
        self.working: int | None = None
        self.raised = False
        try:
            self.data = self._carried_out(self.states["s0"]["enter"], [])
        except _Failed:
            self.status = "Failed"
            return
        self._moved("", "s0", "")

    def _moved(self, source: str, to: str, event: str) -> None:
        self.said.append(("moved", source, to, event))
        self.state, self.since, self.raised, self.kept = to, self.now, False, []
        self._rest()

    def _rest(self) -> None:
        """In a state, from the start of its activity."""
        if self.state == "end":
            self.status = "Completed"
        elif self.states[self.state]["do"]:
            self.trace.append(("begin", self.data["n"]))
            self.working = self.now + WORK

    def send(self, event: str, data: int, actor: str | None) -> None:
        if self.status == "Running" and event in ("done", "failed"):
            self.said.append(("refused", self.state, event, "conflict"))  # nobody's to say
        elif self.status == "Running":
            self._decide(event, data, actor, ACTORS[actor], own=False)

    def advance(self, ms: int) -> None:
        """Let time go by."""
        end = self.now + ms
        while self.status == "Running":
            due = [] if self.working is None else [self.working]
            after = self.states[self.state]["after"]
            if after is not None and not self.raised:
                due.append(max(self.since + after, self.now))
            if not due or min(due) > end:
                break
            self.now = min(due)
            if self.working == self.now:
                self.working = None
                self.kept.append(("unbegin", self.data["n"]))
                failed = isinstance(worked(self.data["n"]), StepError)
                self._decide("failed" if failed else "done", None, None, [], own=True)
            else:
                self.raised = True
                self._decide(self.states[self.state]["event"], None, None, [], own=True)
        self.now = end

    def cancel(self) -> None:
        if self.status == "Running":
            self._stop_working()
            self.trace += reversed(self.kept)
            self.status = "Cancelled"

    def _stop_working(self) -> None:
        if self.working is not None:
            self.working = None
            self.trace.append(("unbegin", self.data["n"]))

    def _decide(
        self, event: str, data: Any, actor: str | None, roles: list[str], *, own: bool
    ) -> None:
        ways = [t for t in self.transitions if (t["from"], t["event"]) == (self.state, event)]
        may = [t for t in ways if actor is None or not t["allow"] or {*roles} & {*t["allow"]}]
        for way in may:
            try:
                holds = self._holds(way["guard"], data, actor)
            except ZeroDivisionError:
                self.said.append(("refused", self.state, event, "guard"))
                return
            if holds:
                self._carry_out(way)
                return
        if not own:
            reason = "forbidden" if ways and not may else "conflict"
            self.said.append(("refused", self.state, event, reason))

    def _holds(self, guard: tuple[str, int] | None, data: Any, actor: str | None) -> bool:
        if guard is None:
            return True
        kind, k = guard
        n = self.data["n"]
        return {
            "mod": lambda: n % 3 == k,
            "more": lambda: n > k,
            "event": lambda: data == k,
            "who": lambda: actor == "ann",
            "fails": lambda: 12 // (n % 5 - k) > 0,
        }[kind]()

    def _carry_out(self, way: dict[str, Any]) -> None:
        self._stop_working()
        to = way["to"]
        steps = [*self.states[self.state]["exit"], *way["do"]]
        steps += self.states[to]["enter"] if to in self.states else []
        undos: list[tuple[str, int]] = []
        try:
            data = self._carried_out(steps, undos)
        except _Failed as exc:
            self.said.append(("failed", self.state, to, way["event"], str(exc)))
            self.trace += reversed(undos)
            if way["event"] not in ("done", "failed"):  # else it rests on without its activity
                self._rest()
            return
        self.data = data
        self._moved(self.state, to, way["event"])

    def _carried_out(
        self, steps: list[tuple[str, int]], undos: list[tuple[str, int]]
    ) -> dict[str, Any]:
        data = {**self.data}
        for kind, k in steps:
            if kind == "add":
                data["n"] += k
            elif kind == "log":
                data["log"] = [*data["log"], k]
            elif kind == "boom":
                if data["n"] % 4 == k:
                    raise _Failed("boom")
            else:
                v = data["n"] + k
                self.trace.append(("call", v))
                result = answer(v)
                if isinstance(result, StepError):
                    raise _Failed(result.type)
                data["last"] = result
                undos.append(("undo", result))
        return data
