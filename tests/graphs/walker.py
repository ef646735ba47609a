"""A plain reading of graph documents, for tests: walks from node to node, and knows no structure.

What "inside the body" and "where branches meet" mean is found by removing an edge or a node and
looking what is still reached: slow, and plainly right.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

from runeskript.errors import StepError
from runeskript.expr.faults import fault

#: Ends of the flow of one list of nodes.
OVER = "(over)"


class TooLongError(Exception):
    """The walk takes more steps than a test waits for."""


class ReturnedError(Exception):
    """The run is over, with a value."""

    def __init__(self, value: Any) -> None:
        self.value = value


class Walk:
    """One run. ``evaluate``: (expression, names) -> value."""

    def __init__(
        self, document: dict[str, Any], given: dict[str, Any], evaluate: Callable[..., Any],
        limit: int,
    ) -> None:  # fmt: skip
        self.document = document
        self.given = given
        self.evaluate = evaluate
        self.left = limit
        self.declared = document.get("variables", {})
        self.assigned = {*self.declared, *_assigned(document["nodes"])}

    def run(self) -> Any:
        """The output; raises StepError."""
        env = {name: self.given.get(name, value) for name, value in self.declared.items()}
        try:
            self.scope(self.document, env, whole=True)
        except ReturnedError as returned:
            return returned.value
        return self.everything(env)

    def everything(self, env: dict[str, Any]) -> dict[str, Any]:
        known = {name: value for name, value in env.items() if name in self.assigned}
        return {**self.given, **known}

    def value(self, text: str, env: dict[str, Any]) -> Any:
        return self.evaluate(text, _Names(self.given, env))

    # --- one list of nodes -------------------------------------------------------------------------
    def scope(self, part: dict[str, Any], env: dict[str, Any], *, whole: bool) -> None:
        List(self, part, whole).walk(env)


class _Names(dict[str, Any]):
    def __init__(self, given: dict[str, Any], env: dict[str, Any]) -> None:
        super().__init__({**given, **env})

    def __missing__(self, name: str) -> Any:
        raise fault("missing", name)


def _assigned(nodes: list[dict[str, Any]]) -> Iterator[str]:
    for node in nodes:
        if "expression" in node:
            yield node["expression"].partition("=")[0].strip()
        for branch in node.get("branches", ()):
            if isinstance(branch, list):
                yield from _assigned(branch)
            elif "nodes" in branch:
                yield from _assigned(branch["nodes"])


class List:
    """The nodes and edges of one list, and a walk through them."""

    def __init__(self, walk: Walk, part: dict[str, Any], whole: bool) -> None:
        self.walk_ = walk
        self.whole = whole
        self.nodes = {node["id"]: node for node in part["nodes"]}
        self.ways: dict[str, list[tuple[str, str, str]]] = {id_: [] for id_ in self.nodes}
        for edge in part.get("edges", ()):
            kind = edge.get("branch_type", "")
            self.ways[edge["source"]].append((edge.get("condition", ""), kind, edge["target"]))
        if not part.get("edges"):
            ids = list(self.nodes)
            for one, other in pairwise(ids):
                self.ways[one].append(("", "", other))
        self.first = next(iter(self.nodes))
        self.bodies = {
            id_: self._body(id_)
            for id_, node in self.nodes.items()
            if node["type"] in ("Loop", "Iteration")
        }

    def _reached(
        self, start: str, *, without: str = "", edge: tuple[str, str] = ("", ""), back: bool = False
    ) -> set[str]:
        """What is reached from a node, without passing another, or without one edge.

        ``back``: also by the way of a dead end to the next turn.
        """
        seen: set[str] = set()
        todo = [start] if start != without else []
        while todo:
            at = todo.pop()
            if at in seen:
                continue
            seen.add(at)
            targets = [to for _, kind, to in self.ways[at] if (at, kind) != edge]
            if back and self._is_dead_end(at):
                targets.append(self._after(at))
            todo += [to for to in targets if to not in (without, OVER)]
        return seen

    def _body(self, loop: str) -> set[str]:
        """The nodes that can be reached through the loop's body edge only."""
        return self._reached(self.first) - self._reached(self.first, edge=(loop, "body"))

    def _after(self, node: str) -> str:
        """Where a dead end leads: to the innermost loop whose body it is in, else nowhere."""
        around = [loop for loop, body in self.bodies.items() if node in body]
        return min(around, key=lambda loop: len(self.bodies[loop])) if around else OVER

    def _is_dead_end(self, node: str) -> bool:
        """Whether some way on from a node is left open."""
        if self.nodes[node]["type"] in ("End", "Parallel"):
            return False
        return not any(not condition and kind != "body" for condition, kind, _ in self.ways[node])

    def _meet(self, fork: str) -> str:
        """The first node that every way from a fork leads through."""
        later = self._reached(fork, back=True) - {fork}
        starts = [to for _, _, to in self.ways[fork]]
        must = [at for at in later if not any(OVER in self._ends(start, at) for start in starts)]
        return min(must, key=lambda at: len(self._between(fork, at)))

    def _ends(self, start: str, without: str) -> set[str]:
        """Whether the flow can be over without passing a node."""
        ends = set()
        for at in self._reached(start, without=without, back=True) if start != without else ():
            over = self._is_dead_end(at) and self._after(at) == OVER
            if over or self.nodes[at]["type"] == "End":
                ends.add(OVER)
        return ends

    def _between(self, fork: str, join: str) -> set[str]:
        out: set[str] = set()
        for _, _, to in self.ways[fork]:
            out |= self._reached(to, without=join, back=True)
        return out

    def walk(self, env: dict[str, Any], start: str = "", until: str = "", came: str = "") -> None:
        """Walk from a node up to another, or to the end."""
        at, before = start or self.first, came
        loops: dict[str, int] = {}
        while at not in (OVER, until):
            self.walk_.left -= 1
            if self.walk_.left < 0:
                raise TooLongError
            node = self.nodes[at]
            to = self.step(node, before, env, loops)
            before, at = at, to

    def step(
        self, node: dict[str, Any], before: str, env: dict[str, Any], loops: dict[str, int]
    ) -> str:
        """Do what a node does; where it leads."""
        walk, id_ = self.walk_, node["id"]
        ways = self.ways[id_]
        if node["type"] == "End":
            if not self.whole:
                return OVER
            if "output" in node:
                raise ReturnedError(walk.value(node["output"], env))
            raise ReturnedError(walk.everything(env))
        if "expression" in node:
            name, _, text = node["expression"].partition("=")
            env[name.strip()] = walk.value(text.strip(), env)
        elif node["type"] == "Iteration":
            if before not in self.bodies[id_]:
                loops[id_] = 0
                self.lists = getattr(self, "lists", {})
                self.lists[id_] = walk.value(node["collection"], env)
            if loops[id_] < len(self.lists[id_]):
                env[node["item_var"]] = self.lists[id_][loops[id_]]
                loops[id_] += 1
                return self.one(ways, "body")
            return self.one(ways, "") or self._after(id_)
        elif node["type"] == "Loop":
            if walk.value(node["condition"], env):
                return self.one(ways, "body")
            return self.one(ways, "") or self._after(id_)
        elif node["type"] == "Parallel":
            return self.fork(node, env)
        for condition, _, to in ways:
            if condition and walk.value(condition, env):
                return to
        return next((to for condition, _, to in ways if not condition), self._after(id_))

    def one(self, ways: list[tuple[str, str, str]], kind: str) -> str:
        return next((to for _, known, to in ways if known == kind), "")

    def fork(self, node: dict[str, Any], env: dict[str, Any]) -> str:
        """All branches one after the other, each with the variables as they were."""
        id_ = node["id"]
        branches = []
        if "branches" in node:
            after = self.one(self.ways[id_], "") or self._after(id_)
            for branch in node["branches"]:
                part = {"nodes": branch} if isinstance(branch, list) else branch
                inner = dict(env)
                self.walk_.scope(part, inner, whole=False)
                branches.append(inner)
        else:
            after = self._meet(id_)
            for _, _, to in self.ways[id_]:
                inner = dict(env)
                if to != after:
                    self.walk(inner, to, after, id_)
                branches.append(inner)
        before = dict(env)
        for inner in branches:
            for name, value in inner.items():
                if name not in before or before[name] != value:
                    env[name] = value
        return after


__all__ = ["ReturnedError", "StepError", "TooLongError", "Walk"]
