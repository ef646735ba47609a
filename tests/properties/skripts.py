"""Random skripts of everything the language has, made quickly from a seed.

A skript compiles whatever is drawn (the few that a check refuses are left out by the caller), ends
whatever happens, and is small: what goes wrong in it can be read. Errors are part of it: arithmetic
without a result, keys that are not there, limits, handlers that fail, deadlines, raises.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

NUMBERS = ("a", "b", "c", "d")
OBJECTS = ("o", "p")
Steps = list[dict[str, Any]]

FUNCTIONS = {
    "inc(x)": "x + 1",
    "mix(x, y)": "(x * 3 + y * 5) % 29",
    "fact(n)": "1 if n < 2 else n * fact(n - 1)",
    "rows(n)": "[[i, i * 2] for i in range(n)]",
    "part(where, k)": "where[k]",
    "draw(n)": "int(random() * n)",
}

#: What `run: child` runs.
CHILD: dict[str, Any] = {
    "skript": "child",
    "do": [
        {"raise": {"type": "boom.child"}, "if": "input.n % 5 == 1"},
        {"wait": "3ms"},
        {"return": "${input.n + 1}"},
    ],
}


@dataclass(frozen=True)
class Place:
    """Where a step stands: what it may write, which jumps it may make, which names there are."""

    numbers: tuple[str, ...] = NUMBERS
    objects: tuple[str, ...] = OBJECTS
    depth: int = 3
    jumps: tuple[str, ...] = ("return",)
    names: tuple[str, ...] = ()
    forked: bool = False
    error: bool = False
    #: Nothing but computing, and draws only now and then.
    pure: bool = False

    def inside(self, **changes: Any) -> Place:
        return replace(self, depth=self.depth - 1, **changes)


class Writer:
    """Writes one skript."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.count = 0
        #: Steps that may still be written.
        self.budget = rng.randrange(4, 17)

    # --- small parts --------------------------------------------------------------------------
    def pick(self, *options: Any) -> Any:
        return options[int(self.rng.random() * len(options))]

    def chance(self, one_in: int) -> bool:
        return self.rng.random() * one_in < 1

    def fresh(self, stem: str) -> str:
        self.count += 1
        return f"{stem}{self.count}"

    # --- expressions --------------------------------------------------------------------------
    def leaf(self, place: Place) -> str:
        names = (
            *NUMBERS,
            *NUMBERS,
            *place.names[-2:],
            "SEVEN",
            "THREE",
            str(self.rng.randrange(9)),
        )
        return str(self.pick(*names))

    def number(self, place: Place, level: int = 2) -> str:
        """An expression that gives a small int, or fails."""
        if level <= 0 or self.chance(4):
            return self.leaf(place)
        x, y = self.number(place, level - 1), self.leaf(place)
        kind = self.rng.random()
        if kind < 0.5:
            return str(
                self.pick(
                    f"({x} + {y}) % 17",
                    f"{y} * 3 % 23",
                    f"abs({x} - {y})",
                    f"max({x}, {y}) % 31",
                    f"({x} if {self.condition(place, 0)} else {y})",
                    f"(-({x}) + 2 * 3) % 11",
                    f"{y} // (1 + SEVEN % 4)",
                    f"round({y} / 3)",
                )
            )
        if kind < 0.75:
            o = self.pick(*OBJECTS)
            return str(
                self.pick(
                    f"len({o}.l)",
                    f"{o}.k",
                    f"{o}.m.x",
                    f"len(t) + {y}",
                    f"len(str({x}))",
                    f"sum([i * {y} for i in range(THREE)]) % 19",
                    f"len([v for v in {o}.l if v > {y}])",
                    f"sum({o}.l) % 13",
                    f"len([{x}, [{y}], {o}.l])",
                )
            )
        if kind < 0.9:
            return str(
                self.pick(
                    f"inc({x})",
                    f"mix({x}, {y})",
                    "mix(2, SEVEN)",
                    "fact(5) % 7",
                    f"fact({y} % 5)",
                    "len(rows(3))",
                    "part({'k': 4}, 'k')",
                    "sorted([3, 1, THREE * 4])[0]",
                    "sum([i * j for i in range(THREE) for j in [1, 2]])",
                    "sum([i for i in range(300)]) % 7",
                    "len(NAME + 'red') * 2 - 1",
                    f"({x} and 0) + (1 or {y})",
                    f"({y} if SEVEN > THREE else {x})",
                    f"[SEVEN, {y}, [THREE]][2][0]",
                )
            )
        if kind < 0.95 and not (place.pure and self.rng.random() < 0.9):
            return str(
                self.pick(
                    "len(uuid())",
                    "int(random() * 9)",
                    "draw(6)",
                    "timestamp(now()) % 1000",
                    "len(job.id)",
                    f"int(uuid() < uuid()) + {y}",
                )
            )
        return self.failing(place, y)

    def failing(self, place: Place, y: str) -> str:
        """An expression that may fail, each kind of error in its turn."""
        forms = [
            f"20 // ({y} % 4)",
            f"{self.pick(*OBJECTS)}.l[{y}]",
            f"part({self.pick(*OBJECTS)}, 'nothing')",
            "part({'k': 4}, 'j')",
            f"part({{'k': []}}, 'k') + {y}",
            f"2 ** 62 * {y}",
            "9 // (SEVEN - 7)",
        ]
        if self.chance(60 if place.pure else 12):
            forms += ["fact(2000) % 7", "len([i for i in range(1000000) for j in [1, 2, 3]])"]
        return str(self.pick(*forms))

    def condition(self, place: Place, level: int = 1) -> str:
        x, y = self.leaf(place), self.leaf(place)
        forms = [
            f"{x} % {self.pick(2, 3)} == {self.pick(0, 1)}",
            f"{x} < {y}",
            f"{x} >= {self.number(place, level)}",
            "t == NAME",
            f"t == '{self.pick('red', 'shop')}'",
            f"{x} in [1, 2, THREE]",
            f"{x} in {self.pick(*OBJECTS)}.l",
            f"DEBUG or {x} != {y}",
        ]
        if self.chance(4):
            forms = ["DEBUG", "not DEBUG", "SEVEN > THREE", "len(NAME) == 4 and not DEBUG", "true"]
        if place.error and self.chance(3):
            forms = ["error.type == 'boom'", "error.step != null", "error.attempts > 0"]
        return str(self.pick(*forms))

    def value(self, place: Place) -> Any:
        """A value for a number: an insert, or the number itself."""
        if self.chance(4):
            return self.rng.randrange(9) if self.rng.random() < 0.9 else self.pick(*_EXTREMES)
        return "${" + self.number(place) + "}"

    def text(self, place: Place) -> str:
        x = self.number(place, 1)
        return str(
            self.pick("red", "${NAME}", f"n${{{x}}}", f"${{NAME}}-${{SEVEN}}-${{{x}}}", "${t}")
        )

    # --- steps --------------------------------------------------------------------------------
    def block(self, place: Place, most: int = 3) -> Steps:
        steps: Steps = []
        for _ in range(self.rng.randrange(1, most + 1)):
            steps += self.step(place)
            if self.budget <= 0:
                break
        if place.depth < 3 and self.chance(14):
            steps += self.jump(place, always=True)
        return steps

    def step(self, place: Place) -> Steps:
        self.budget -= 1
        if place.depth <= 0 or self.budget <= 0 or self.chance(2):
            return self.one_of(_COMPUTING if place.pure else _SIMPLE)(place)
        return self.one_of(_NESTED_COMPUTING if place.pure else _NESTED)(place)

    def one_of(self, table: tuple[tuple[str, int], ...]) -> Callable[[Place], Steps]:
        names, weights = zip(*table, strict=True)
        found: Callable[[Place], Steps] = getattr(self, self.rng.choices(names, weights)[0])
        return found

    def set(self, place: Place) -> Steps:
        if not place.numbers:
            return [{"set": {"total": self.value(place)}}] if place.forked else self.log(place)
        name = self.pick(*place.numbers)
        forms: list[dict[str, Any]] = [
            {name: self.value(place)},
            {name: self.value(place)},
            {name: self.value(place), self.pick(*place.numbers): self.value(place)},
            {self.fresh("unused"): self.value(place)},
            {name: "${" + self.pick(*NUMBERS) + "}"},
        ]
        if not place.forked or "a" in place.numbers:
            forms.append({"t": self.text(place)})
        if place.forked:
            forms.append({self.pick("total", "notes"): self.value(place)})
        return [{"set": self.pick(*forms)}]

    def path(self, place: Place) -> Steps:
        if not place.objects:
            return self.set(place) if place.pure else self.log(place)
        name = self.pick(*place.objects)
        key = self.pick("k", "m.x", "l")
        number = self.number(place, 1)
        value = f"${{({name}.l + [{number}])[-3:]}}" if key == "l" else f"${{{number}}}"
        return [{"set": {f"{name}.{key}": value}}]

    def log(self, place: Place) -> Steps:
        if place.error and self.chance(2):
            return [{"log": f"{self.fresh('note ')}: ${{error.type}} at ${{error.step}}"}]
        return [{"log": f"{self.fresh('note ')}: {self.text(place)}"}]

    def wait(self, place: Place) -> Steps:
        if self.chance(4):
            return [{"wait": {"until": "timestamp(now()) + 4"}}]
        return [{"wait": f"{self.pick(1, 5, 20)}ms"}]

    def call(self, place: Place) -> Steps:
        handler = self.pick("work", "work", "echo", "book", "book", "flaky")
        given = {"site": self.fresh("s"), "n": "${" + self.number(place) + "}"}
        given["o"] = f"${{{self.pick(*OBJECTS)}}}"
        step: dict[str, Any] = {"call": handler, "with": given}
        target = place.objects if handler == "echo" else place.numbers
        if target and not self.chance(4):
            step["into"] = self.pick(*target)
            if handler != "echo" and place.objects and self.chance(6):
                step["into"] = f"{self.pick(*place.objects)}.m.x"
        if handler == "book":
            n = "${" + self.pick(*NUMBERS, "SEVEN") + "}"
            step["undo"] = {"call": self.pick("undo", "undo", "broken"), "with": {"n": n}}
        if handler == "flaky":
            step["retry"] = {"max": self.pick(1, 2, 3), "backoff": "4ms..10ms"}
        if self.chance(4):
            step["timeout"] = f"{self.pick(5, 15)}ms"
        if self.chance(5):
            step["if"] = self.condition(place)
        return [step]

    def run(self, place: Place) -> Steps:
        step: dict[str, Any] = {"run": "child", "with": {"n": self.value(place)}}
        if place.numbers:
            step["into"] = self.pick(*place.numbers)
        return [step]

    def listen(self, place: Place) -> Steps:
        step: dict[str, Any] = {"listen": "ping", "timeout": f"{self.pick(2, 9)}ms"}
        if self.chance(2):
            step["where"] = f"event.data.n > {self.leaf(place)}"
        if place.objects and self.chance(2):
            step["into"] = f"{self.pick(*place.objects)}.m"
        return [step]

    def emit(self, place: Place) -> Steps:
        step: dict[str, Any] = {"emit": "ping", "with": {"n": self.value(place), "x": 1}}
        if self.chance(2):
            step["keep"] = "30ms"
        return [step]

    def jump(self, place: Place, *, always: bool = False) -> Steps:
        ways: Steps = [{jump: None} for jump in place.jumps if jump != "return"]
        if "return" in place.jumps:
            ways.append({"return": self.value(place)})
        error = {"type": self.pick("boom", "boom.loud"), "message": self.fresh("m")}
        ways.append({"raise": error})
        if not place.pure:
            ways.append({"raise": {**error, "compensate": True, "data": self.value(place)}})
        way = self.pick(*ways)
        return [way if always else {"if": self.condition(place), **way}]

    def leave(self, place: Place) -> Steps:
        return self.jump(place)

    def if_(self, place: Place) -> Steps:
        step: dict[str, Any] = {"if": self.condition(place), "then": self.block(place.inside(), 2)}
        if self.chance(4):
            step["elif"] = [{"when": self.condition(place), "do": self.block(place.inside(), 1)}]
        if self.chance(2):
            step["else"] = self.block(place.inside(), 2)
        return [step]

    def switch(self, place: Place) -> Steps:
        cases = [{"is": values, "do": self.block(place.inside(), 2)} for values in (0, [1, 2])]
        step: dict[str, Any] = {"switch": f"{self.number(place)} % 4", "cases": cases}
        if self.chance(3):
            step = {"switch": self.pick("t", "SEVEN", "NAME"), "cases": cases}
            cases[0]["is"] = self.pick("red", 7, "shop")
        if self.chance(2):
            step["else"] = self.block(place.inside(), 1)
        return [step]

    def group(self, place: Place) -> Steps:
        limit = f"{self.pick(1, 10, 30, 1000)}ms"
        return [{"do": self.block(place.inside()), "timeout": limit}]

    def looped(self, place: Place, *names: str) -> Place:
        jumps = tuple(dict.fromkeys(("break", "continue", *place.jumps)))
        return place.inside(jumps=jumps, names=(*place.names, *names))

    def for_(self, place: Place) -> Steps:
        item = self.fresh("i")
        step: dict[str, Any] = {"for": item, "in": f"range({self.pick(0, 2, 3, 'THREE')})"}
        inner = self.looped(place, item)
        if self.chance(4):
            step["index"] = self.fresh("at")
        body = self.block(inner)
        if place.objects and self.chance(3):
            self.yields(inner, body)
            step["collect"] = f"{self.pick(*place.objects)}.l"
        return [{**step, "do": body}]

    def while_(self, place: Place) -> Steps:
        counter = self.fresh("w")
        inner = self.looped(place, counter)
        turn = {"set": {counter: f"${{{counter} + 1}}"}}
        if self.chance(3):  # nothing but computing: the slice ends in the middle of it
            body: Steps = (
                [{"set": {self.pick(*place.numbers): self.value(inner)}}] if place.numbers else []
            )
        else:
            body = self.block(inner)
        return [
            {"set": {counter: 0}},
            {"while": f"{counter} < {self.pick(1, 3, 9)}", "do": [turn, *body]},
        ]

    def yields(self, place: Place, body: Steps) -> None:
        """Let a body yield where its end is reached."""
        if not any(key in body[-1] and "if" not in body[-1] for key in _JUMPS):
            step: dict[str, Any] = {"yield": self.number(place, 1)}
            if self.chance(4):
                step["if"] = self.condition(place)
            body.append(step)

    def parallel(self, place: Place) -> Steps:
        number = self.pick(1, 2, 2, 3)
        join = self.pick("all", "all", "all", "any", 1)
        pure = place.pure or self.chance(2)
        branches: dict[str, Any] = {}
        for branch in range(number):
            own = place.inside(jumps=(), forked=True, pure=pure)
            if join == "all":
                numbers, objects = place.numbers[branch::number], place.objects[branch::number]
                own = replace(own, numbers=numbers, objects=objects)
            body = self.block(own)
            if self.chance(2):
                self.yields(own, body)
            branches[f"x{branch}"] = body
        step: dict[str, Any] = {"parallel": branches, "join": join}
        if self.chance(2) and place.objects:
            step["into"] = f"{self.pick(*place.objects)}.m"
        return [step]

    def parallel_for(self, place: Place) -> Steps:
        item = self.fresh("i")
        pure = place.pure or self.chance(2)
        own = place.inside(jumps=("continue",), forked=True, names=(*place.names, item), pure=pure)
        most = self.pick(0, 1, 2, 4, 9, 30) if pure and place.depth > 1 else self.pick(0, 1, 2, 4)
        step: dict[str, Any] = {"for": item, "in": f"range({most})"}
        if pure and self.chance(2):
            step["index"] = self.fresh("at")
            own = replace(own, names=(*own.names, step["index"]))
        if not pure and self.chance(3):  # bodies of one call
            body = self.call(own)
        else:
            body = self.block(own)
        step["parallel"] = self.pick(True, True, 1, 2)
        if self.chance(3):
            step["join"] = self.pick("any", 1, 2)
        if place.objects and self.chance(2):
            self.yields(own, body)
            step["collect"] = f"{self.pick(*place.objects)}.l"
        return [{**step, "do": body}]

    def computing_fork(self, place: Place) -> Steps:
        """A fork whose branches need not be tokens."""
        place = replace(place, pure=True)
        return self.parallel(place) if self.chance(3) else self.parallel_for(place)

    def try_(self, place: Place) -> Steps:
        step: dict[str, Any] = {"try": self.block(place.inside())}
        finally_ = self.chance(2)
        if not finally_ or self.chance(2):
            inner = place.inside(error=True)
            clauses: list[dict[str, Any]] = [{"do": self.block(inner, 2)}]
            if self.chance(3):
                when = self.pick("error.type == 'boom'", self.condition(inner))
                clauses.insert(0, {"when": when, "do": self.block(inner, 2)})
                if self.chance(3):
                    clauses.pop()
            step["catch"] = clauses
        if finally_:
            step["finally"] = self.block(place.inside(jumps=(), error=True), 2)
        return [step]

    # --- the whole ----------------------------------------------------------------------------
    def skript(self) -> dict[str, Any]:
        values: dict[str, Any] = {name: i for i, name in enumerate(NUMBERS)}
        values.update({name: {"l": [1, 2], "m": {"x": 0}, "k": 3} for name in OBJECTS})
        values |= {"SEVEN": 7, "THREE": "${1 + 2}", "DEBUG": False, "NAME": "shop", "t": "red"}
        values["total"] = {"init": 0, "reduce": "sum"}
        values["notes"] = {"init": [], "reduce": "append"}
        place = Place()
        steps: Steps = []
        while self.budget > 0:
            steps += self.step(place)
        output = {name: f"${{{name}}}" for name in (*NUMBERS, *OBJECTS, "t", "total", "notes")}
        document = {"skript": "random", "vars": values, "functions": FUNCTIONS}
        document["do"] = [*steps, {"return": output}]
        if self.chance(6):
            document["timeout"] = f"{self.pick(10, 40)}ms"
        self.budget = 3
        if self.chance(6):
            document["catch"] = [{"do": self.block(replace(place, error=True, depth=1), 2)}]
        if self.chance(6):
            document["finally"] = self.block(Place(depth=1, jumps=(), error=True), 2)
        return document


#: What arithmetic is not at home with.
_EXTREMES = (2**63 - 1, -(2**63), 0.5, -0.0, 1e308, True, None, "7", [1])
_JUMPS = ("raise", "return", "break", "continue")
_SIMPLE = (
    ("set", 8), ("path", 2), ("call", 5), ("log", 3), ("wait", 2), ("leave", 3), ("run", 1),
    ("listen", 1), ("emit", 1),
)  # fmt: skip
_NESTED = (
    ("if_", 4), ("switch", 2), ("for_", 3), ("while_", 3), ("parallel", 3), ("parallel_for", 4),
    ("computing_fork", 6), ("try_", 5), ("group", 2),
)  # fmt: skip
_COMPUTING = (("set", 8), ("path", 3), ("leave", 3))
_NESTED_COMPUTING = (
    ("if_", 4), ("switch", 2), ("for_", 3), ("while_", 3), ("parallel", 2), ("parallel_for", 3),
    ("try_", 4),
)  # fmt: skip


def skript(seed: int) -> dict[str, Any]:
    """The skript of a seed."""
    return Writer(random.Random(seed)).skript()
