"""Random valid programs as plain value trees, and mocks for what they call.

A program is built so that it compiles whatever is drawn: every variable is declared, what leaves a
block stands under a condition, branches of a ``join: all`` write different variables. All loops are
bounded, no call hangs for ever: every run ends.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from hypothesis import strategies as st

from runeskript.errors import StepError
from runeskript.testing import After

NUMBERS = ("a", "b", "c", "d", "e", "f")
OBJECTS = ("o", "p", "q")
HANDLERS = ("work", "echo", "book", "flaky", "undo", "broken")


@dataclass(frozen=True)
class Features:
    """What a program may hold. ``errors``: anything that raises; ``clocked``: deadlines."""

    errors: bool = True
    clocked: bool = True
    any_joins: bool = True
    undo: bool = True


EVERYTHING = Features()


@dataclass(frozen=True)
class Place:
    """Where a step stands: which variables it may write, which jumps it may make."""

    numbers: tuple[str, ...]
    objects: tuple[str, ...]
    depth: int
    jumps: tuple[str, ...] = ()
    #: Inside a branch or iteration (no return from there).
    forked: bool = False

    def inside(self, **changes: Any) -> Place:
        return replace(self, depth=self.depth - 1, **changes)


class Builder:
    """Draws one program."""

    def __init__(self, draw: Callable[[Any], Any], features: Features) -> None:
        self.draw = draw
        self.features = features
        self.count = 0
        self.loops: list[str] = []

    # --- small parts --------------------------------------------------------------------------
    def pick(self, *options: Any) -> Any:
        return self.draw(st.sampled_from(options))

    def chance(self, one_in: int) -> bool:
        return bool(self.draw(st.integers(0, one_in - 1)) == 0)

    def fresh(self, stem: str) -> str:
        self.count += 1
        return f"{stem}{self.count}"

    def number(self) -> str:
        """An expression that yields a small int, or (where errors are drawn) may fail."""
        name = self.pick(*NUMBERS, *self.loops[-2:])
        other = self.pick(*NUMBERS)
        forms = [
            name,
            f"({name} + {other} + 1) % 17",
            f"{name} * 3 % 23",
            f"len(str({name}))",
            f"abs({name} - {other})",
            f"len({self.pick(*OBJECTS)}.l)",
            f"max({name}, {other}) % 31",
        ]
        if self.features.errors:
            forms.append(f"20 // ({name} % 4)")
        return str(self.pick(*forms))

    def condition(self) -> str:
        return f"{self.pick(*NUMBERS, *self.loops[-2:])} % {self.pick(2, 3)} == {self.pick(0, 1)}"

    def value(self) -> str:
        return "${" + self.number() + "}"

    # --- steps --------------------------------------------------------------------------------
    def block(self, place: Place, most: int = 3) -> list[dict[str, Any]]:
        steps: list[dict[str, Any]] = []
        for _ in range(self.draw(st.integers(1, most))):
            steps += self.step(place)
        return steps

    def step(self, place: Place) -> list[dict[str, Any]]:
        kinds = [self.set, self.call, self.call, self.path, self.log, self.wait]
        if place.depth > 0:
            kinds += [
                self.if_,
                self.for_,
                self.while_,
                self.switch,
                self.parallel,
                self.parallel_for,
                self.parallel_for,
                self.group,
            ]
            if self.features.errors:
                kinds += [self.try_, self.try_, self.try_]
        if place.jumps or not place.forked or self.features.errors:
            kinds.append(self.leave)
        return list(self.pick(*kinds)(place))

    def set(self, place: Place) -> list[dict[str, Any]]:
        if place.numbers:
            return [{"set": {self.pick(*place.numbers): self.value()}}]
        return [{"set": {"total": self.value()}}] if place.forked else self.log(place)

    def path(self, place: Place) -> list[dict[str, Any]]:
        if not place.objects:
            return self.log(place)
        name = self.pick(*place.objects)
        key = self.pick("k", "m.x", "l")
        value = f"${{({name}.l + [{self.number()}])[-3:]}}" if key == "l" else self.value()
        return [{"set": {f"{name}.{key}": value}}]

    def log(self, place: Place) -> list[dict[str, Any]]:
        return [{"log": f"{self.fresh('note ')}: {self.value()}"}]

    def wait(self, place: Place) -> list[dict[str, Any]]:
        return [{"wait": f"{self.pick(1, 5, 20)}ms"}]

    def call(self, place: Place) -> list[dict[str, Any]]:
        kinds = ["work", "echo"]
        if self.features.undo:
            kinds += ["book", "book"]
        if self.features.errors:
            kinds.append("flaky")
        handler = self.pick(*kinds)
        step: dict[str, Any] = {
            "call": handler,
            "with": {
                "site": self.fresh("s"),
                "n": self.value(),
                "o": f"${{{self.pick(*OBJECTS)}}}",
            },
        }
        target = place.objects if handler == "echo" else place.numbers
        if target and not self.chance(4):
            step["into"] = self.pick(*target)
        if handler == "book":
            undo = self.pick("undo", "undo", "broken") if self.features.errors else "undo"
            step["undo"] = {"call": undo, "with": {"n": f"${{{self.pick(*NUMBERS)}}}"}}
        if handler == "flaky":
            step["retry"] = {"max": self.pick(1, 2, 3), "backoff": "4ms..10ms"}
        if self.features.clocked and self.chance(4):
            step["timeout"] = f"{self.pick(5, 15)}ms"
        if self.chance(5):
            step["if"] = self.condition()
        return [step]

    def leave(self, place: Place) -> list[dict[str, Any]]:
        ways: list[dict[str, Any]] = [{jump: None} for jump in place.jumps if jump != "return"]
        if not place.forked and "return" in place.jumps:
            ways.append({"return": self.value()})
        if self.features.errors:
            error = {"type": self.pick("boom", "boom.loud"), "message": self.fresh("m")}
            ways.append({"raise": error})
            ways.append({"raise": {**error, "compensate": True}})
        if not ways:
            return self.log(place)
        return [{"if": self.condition(), **self.pick(*ways)}]

    def if_(self, place: Place) -> list[dict[str, Any]]:
        step: dict[str, Any] = {"if": self.condition(), "then": self.block(place.inside(), 2)}
        if self.chance(2):
            step["else"] = self.block(place.inside(), 2)
        return [step]

    def switch(self, place: Place) -> list[dict[str, Any]]:
        cases = [{"is": values, "do": self.block(place.inside(), 2)} for values in (0, [1, 2])]
        return [{"switch": f"{self.number()} % 4", "cases": cases}]

    def group(self, place: Place) -> list[dict[str, Any]]:
        step: dict[str, Any] = {"do": self.block(place.inside())}
        if self.features.clocked and self.features.errors:
            step["timeout"] = f"{self.pick(1, 10, 30, 1000)}ms"
        return [step]

    def for_(self, place: Place) -> list[dict[str, Any]]:
        item = self.fresh("i")
        self.loops.append(item)
        jumps = tuple(dict.fromkeys(("break", "continue", *place.jumps)))
        body = self.block(place.inside(jumps=jumps))
        step: dict[str, Any] = {"for": item, "in": f"range({self.pick(0, 2, 3)})", "do": body}
        if place.objects and self.chance(3):
            body.append({"yield": self.number()})
            step["collect"] = f"{self.pick(*place.objects)}.l"
        self.loops.pop()
        return [step]

    def while_(self, place: Place) -> list[dict[str, Any]]:
        counter = self.fresh("w")
        jumps = tuple(dict.fromkeys(("break", "continue", *place.jumps)))
        body = self.block(place.inside(jumps=jumps))
        return [
            {"set": {counter: 0}},
            {
                "while": f"{counter} < {self.pick(1, 3)}",
                "do": [{"set": {counter: f"${{{counter} + 1}}"}}, *body],
            },
        ]

    def parallel(self, place: Place) -> list[dict[str, Any]]:
        number = self.draw(st.integers(1, 3))
        join = self.pick("all", "all", "any", 1) if self.features.any_joins else "all"
        branches: dict[str, Any] = {}
        for branch in range(number):
            own = place.inside(jumps=(), forked=True)
            if join == "all":
                own = replace(
                    own,
                    numbers=place.numbers[branch::number],
                    objects=place.objects[branch::number],
                )
            body = self.block(own)
            if self.chance(2):
                body.append({"yield": self.number()})
            branches[f"x{branch}"] = body
        step: dict[str, Any] = {"parallel": branches, "join": join}
        if self.chance(2) and place.objects:
            step["into"] = f"{self.pick(*place.objects)}.m"
        return [step]

    def parallel_for(self, place: Place) -> list[dict[str, Any]]:
        item = self.fresh("i")
        self.loops.append(item)
        body = self.block(place.inside(jumps=("continue",), forked=True))
        step: dict[str, Any] = {
            "for": item,
            "in": f"range({self.pick(1, 2, 4)})",
            "do": body,
            "parallel": self.pick(True, 1, 2),
        }
        if self.features.any_joins and self.chance(3):
            step["join"] = "any"
        if place.objects and self.chance(2):
            body.append({"yield": self.number()})
            step["collect"] = f"{self.pick(*place.objects)}.l"
        self.loops.pop()
        return [step]

    def try_(self, place: Place) -> list[dict[str, Any]]:
        mark = self.fresh("t")
        finally_ = self.chance(2)
        step: dict[str, Any] = {"try": self.block(place.inside())}
        if not finally_ or self.chance(2):
            clauses: list[dict[str, Any]] = [{"do": self.block(place.inside(), 2)}]
            if self.chance(3):
                clauses.insert(
                    0, {"when": "error.type == 'boom'", "do": self.block(place.inside(), 2)}
                )
            step["catch"] = clauses
        if finally_:
            # Entered and left must balance, whatever happens.
            step["try"].insert(0, {"log": f"enter {mark}"})
            body = self.block(place.inside(jumps=()), 2)
            if self.features.clocked and self.features.errors and self.chance(2):
                body = [{"do": body, "timeout": f"{self.pick(1, 10, 30)}ms"}]
            step["finally"] = [{"log": f"leave {mark}"}, *body]
        return [step]

    # --- the whole ----------------------------------------------------------------------------
    def program(self) -> dict[str, Any]:
        place = Place(NUMBERS, OBJECTS, 3, jumps=("return",))
        values: dict[str, Any] = {name: i for i, name in enumerate(NUMBERS)}
        values.update({name: {"l": [1], "m": {"x": 0}} for name in OBJECTS})
        values["total"] = {"init": 0, "reduce": "sum"}
        steps = [step for _ in range(self.draw(st.integers(2, 4))) for step in self.step(place)]
        output = {name: f"${{{name}}}" for name in (*NUMBERS, *OBJECTS, "total")}
        return {"skript": "random", "vars": values, "do": [*steps, {"return": output}]}


@st.composite
def programs(draw: Callable[[Any], Any], features: Features = EVERYTHING) -> dict[str, Any]:
    """A random program."""
    return Builder(draw, features).program()


# --- what they call -----------------------------------------------------------------------------
def digest(*parts: Any) -> int:
    """The same for the same parts, on every host."""
    return hashlib.blake2b(repr(parts).encode(), digest_size=4).digest()[0]


def handlers(features: Features = EVERYTHING, *, mutate: bool = False) -> dict[str, Any]:
    """Mocks whose answers depend on their parameters alone.

    ``mutate``: they spoil their parameters and, later, what they answered.
    """
    seen: dict[str, int] = {}
    answered: list[Any] = []

    def spoil(value: Any) -> None:
        if isinstance(value, dict):
            for inner in value.values():
                spoil(inner)
            value.clear()
        elif isinstance(value, list):
            for inner in value:
                spoil(inner)
            value.append("spoilt")

    def mock(name: str) -> Callable[[dict[str, Any]], Any]:
        def call(params: dict[str, Any]) -> Any:
            answer = _answer(name, params, features, seen)
            if mutate:
                for old in answered:
                    spoil(old)
                answered[:] = [answer.result if isinstance(answer, After) else answer]
                spoil(params)
            return answer

        return call

    return {name: mock(name) for name in HANDLERS}


def _answer(name: str, params: dict[str, Any], features: Features, seen: dict[str, int]) -> Any:
    mark = digest(name, params)
    key = repr(params)
    seen[key] = seen.get(key, 0) + 1
    if name == "broken":
        raise StepError("undo.broken")
    if name == "flaky" and seen[key] < 3 and mark % 3:
        raise StepError("connect" if mark % 3 == 1 else "http.503")
    if features.errors and name in ("work", "book") and mark % 5 == 0:
        raise StepError("boom", "from the handler", data={"n": params["n"]})
    if name == "echo":
        number = params["n"]
        answer: Any = {"l": [number, 1], "m": {"x": number, "o": params["o"]["l"][:2]}}
    else:
        answer = mark % 13
    return After(mark % 4 * 7, answer) if mark % 4 else answer
