"""Random skripts that are sound: structured steps of every kind that come to an end."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

from runeskript.errors import StepError

VARIABLES = ("a", "b", "c", "d", "e", "h")


@dataclass
class Place:
    """What may stand here."""

    depth: int
    writable: tuple[str, ...]
    #: ``seq`` or ``par``: the nearest loop that `break` or `continue` may name.
    loop: str | None = None
    returns: bool = True
    names: tuple[str, ...] = ()

    def inner(self, **changes: Any) -> Place:
        values = {**self.__dict__, "depth": self.depth - 1, **changes}
        return Place(**values)


@dataclass
class Maker:
    rng: random.Random
    count: int = 0
    extra: list[str] = field(default_factory=list)

    def fresh(self, stem: str) -> str:
        self.count += 1
        return f"{stem}{self.count}"

    # --- expressions -------------------------------------------------------------------------
    def number(self, place: Place) -> str:
        names = [*VARIABLES, *place.names]
        kind = self.rng.randrange(4)
        if kind == 0:
            return str(self.rng.randrange(6))
        if kind == 1:
            return f"({self.rng.choice(names)} + {self.rng.randrange(4)}) % 7"
        if kind == 2:
            return f"max({self.rng.choice(names)}, {self.rng.choice(names)})"
        return self.rng.choice(names)

    def test(self, place: Place) -> str:
        sign = self.rng.choice(["<", ">", "==", "!="])
        return f"{self.number(place)} {sign} {self.number(place)}"

    # --- steps -------------------------------------------------------------------------------
    def block(self, place: Place) -> list[dict[str, Any]]:
        steps = []
        for _ in range(self.rng.randrange(1, 4)):
            steps += self.step(place)
        return steps

    def step(self, place: Place) -> list[dict[str, Any]]:
        simple = [self.set, self.set, self.call, self.log, self.jump, self.raise_, self.wait]
        nested = [
            self.if_,
            self.switch,
            self.for_,
            self.while_,
            self.try_,
            self.parallel,
            self.parallel_for,
            self.do,
        ]
        return self.rng.choice(simple if place.depth <= 0 else [*simple, *nested])(place)

    def set(self, place: Place) -> list[dict[str, Any]]:
        target = self.rng.choice(place.writable)
        return [{"set": {target: "${" + self.number(place) + "}"}}]

    def call(self, place: Place) -> list[dict[str, Any]]:
        step: dict[str, Any] = {"call": "f", "with": {"n": "${" + self.number(place) + "}"}}
        if self.rng.random() < 0.7:
            step["into"] = self.rng.choice(place.writable)
        if self.rng.random() < 0.3:
            step["undo"] = {"call": "g", "with": {"n": "${" + self.number(place) + "}"}}
        if self.rng.random() < 0.2:
            step["if"] = self.test(place)
        return [step]

    def log(self, place: Place) -> list[dict[str, Any]]:
        return [{"log": "${" + self.number(place) + "}"}]

    def wait(self, place: Place) -> list[dict[str, Any]]:
        return [{"wait": f"{self.rng.randrange(1, 9)}ms"}]

    def raise_(self, place: Place) -> list[dict[str, Any]]:
        return [
            {
                "raise": {"type": self.rng.choice(["x.a", "x.b"]), "compensate": True},
                "if": self.test(place),
            }
        ]

    def jump(self, place: Place) -> list[dict[str, Any]]:
        ways: list[dict[str, Any]] = []
        if place.loop is not None:
            ways.append({"continue": None})
        if place.loop == "seq":
            ways.append({"break": None})
        if place.returns:
            ways.append({"return": "${" + self.number(place) + "}"})
        if not ways:
            return self.set(place)
        return [{**self.rng.choice(ways), "if": self.test(place)}]

    def if_(self, place: Place) -> list[dict[str, Any]]:
        step: dict[str, Any] = {"if": self.test(place), "then": self.block(place.inner())}
        if self.rng.random() < 0.5:
            step["elif"] = [{"when": self.test(place), "do": self.block(place.inner())}]
        if self.rng.random() < 0.5:
            step["else"] = self.block(place.inner())
        return [step]

    def switch(self, place: Place) -> list[dict[str, Any]]:
        cases = [
            {"is": [0, 1], "do": self.block(place.inner())},
            {"is": 2, "do": self.block(place.inner())},
        ]
        return [{"switch": self.number(place), "cases": cases, "else": self.block(place.inner())}]

    def for_(self, place: Place) -> list[dict[str, Any]]:
        item = self.fresh("i")
        step: dict[str, Any] = {"for": item, "in": f"range({self.rng.randrange(4)})"}
        body = self.block(place.inner(loop="seq", names=(*place.names, item)))
        if self.rng.random() < 0.5:
            step["collect"] = self.fresh("list")
            body.append({"yield": self.number(place.inner(names=(*place.names, item)))})
        return [{**step, "do": body}]

    def while_(self, place: Place) -> list[dict[str, Any]]:
        counter = self.fresh("n")
        body = self.block(place.inner(loop="seq"))
        turn = {"set": {counter: "${" + counter + " + 1}"}}
        return [
            {"set": {counter: 0}},
            {"while": f"{counter} < {self.rng.randrange(4)}", "do": [turn, *body]},
        ]

    def try_(self, place: Place) -> list[dict[str, Any]]:
        step: dict[str, Any] = {"try": self.block(place.inner())}
        kinds = self.rng.randrange(1, 4)
        if kinds & 1:
            clauses: list[dict[str, Any]] = []
            if self.rng.random() < 0.6:
                block = self.block(place.inner())
                clauses.append({"when": "error.type == 'x.a'", "do": block})
            if self.rng.random() < 0.6 or not clauses:
                clauses.append({"do": [{"log": "${error.type}"}, *self.block(place.inner())]})
            step["catch"] = clauses
        if kinds & 2:
            step["finally"] = self.block(place.inner(loop=None, returns=False))
        return [step]

    def do(self, place: Place) -> list[dict[str, Any]]:
        limit = f"{self.rng.randrange(1, 30)}ms"
        return [{"do": self.block(place.inner()), "timeout": limit}]

    def parallel(self, place: Place) -> list[dict[str, Any]]:
        half = max(1, len(place.writable) // 2)
        parts = (place.writable[:half], place.writable[half:] or (self.fresh("own"),))
        branches = {}
        for name, part in zip(("one", "two"), parts, strict=True):
            inner = place.inner(writable=part, loop=None, returns=False)
            branches[name] = [*self.block(inner), {"yield": self.number(place)}]
        join = self.rng.choice(["all", "all", "any", 1, 2])
        return [{"parallel": branches, "join": join, "into": self.fresh("both")}]

    def parallel_for(self, place: Place) -> list[dict[str, Any]]:
        item = self.fresh("p")
        inner = place.inner(loop="par", returns=False, names=(*place.names, item))
        body = [*self.block(inner), {"yield": self.number(inner)}]
        step: dict[str, Any] = {"for": item, "in": f"range({self.rng.randrange(4)})"}
        step["parallel"] = self.rng.choice([True, 1, 2])
        return [{**step, "collect": self.fresh("list"), "do": body}]


def program(rng: random.Random, depth: int = 3) -> dict[str, Any]:
    """A document as data."""
    maker = Maker(rng)
    body = maker.block(Place(depth, VARIABLES))
    document: dict[str, Any] = {
        "skript": "random",
        "vars": {name: i for i, name in enumerate(VARIABLES)},
        "do": [*body, {"return": {name: "${" + name + "}" for name in VARIABLES}}],
    }
    if rng.random() < 0.3:
        document["finally"] = maker.block(Place(1, VARIABLES, returns=False))
    if rng.random() < 0.3:
        document["timeout"] = "40ms"
    return document


def answer(params: dict[str, Any]) -> Any:
    """The handler of the programs: fails for some numbers."""
    if params["n"] == 3:
        raise StepError("x.b", "three")
    return params["n"] % 5
