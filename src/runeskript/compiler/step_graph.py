"""The steps of a document as nodes and edges: what a picture of a job is laid over.

Each step is one node, under the name that events give it (its id, else its pointer); a step with
steps inside is the ``parent`` of these. Two nodes more are where the document begins and ends. The
graph shows the document as it was written, not what the optimizer made of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Literal

from ..model import ast
from ..model.ast import Block, Document, Step
from ..model.records import mutable, record
from .step_labels import label_of, loop_label, short

#: How one step leads to the next: ``join`` out of the last step of a branch, ``loop`` back to the
#: head of a loop, ``error`` to what is done about one.
EdgeKind = Literal["next", "branch", "error", "join", "loop"]
START: Final = "$start"
END: Final = "$end"
#: A step to go on from, and the kind and label of the edge.
Out = tuple[str, EdgeKind, str]


@record
class StepNode:
    """One step. ``kind``: its verb; ``start`` and ``end`` are the document's own."""

    id: str
    kind: str
    label: str
    parent: str | None


@record
class StepEdge:
    """From one step to one that may be next."""

    source: str
    target: str
    kind: EdgeKind
    label: str


@mutable
class _Loop:
    """A loop around: its head ("" of a parallel one), and where its breaks come out."""

    head: str
    outs: list[Out]


class _Walk:
    """Nodes and edges of one document."""

    def __init__(self) -> None:
        self.nodes: list[StepNode] = []
        self.edges: dict[StepEdge, None] = {}
        self.parents: list[str | None] = [None]
        self.loops: list[_Loop] = []
        #: How many blocks around have a clause for errors, which is what a raise leads to.
        self.caught = 0

    def node(self, id_: str, kind: str, label: str, ins: list[Out]) -> str:
        self.nodes.append(StepNode(id_, kind, label, self.parents[-1]))
        self.link(ins, id_)
        return id_

    def link(self, ins: list[Out], to: str) -> None:
        for source, kind, label in ins:
            self.edges[StepEdge(source, to, kind, label)] = None

    def inside(self, parent: str, steps: Block, ins: list[Out]) -> list[Out]:
        """The steps that stand inside another one."""
        self.parents.append(parent)
        outs = self.block(steps, ins)
        self.parents.pop()
        return outs

    def block(self, steps: Block, ins: list[Out]) -> list[Out]:
        """Steps in order; what to go on from behind them."""
        for step in steps:
            outs = self.step(step, ins)
            if step.when is not None:
                outs += [(source, "branch", f"not {short(step.when)}") for source, _, _ in ins]
            ins = outs
        return ins

    def step(self, step: Step, ins: list[Out]) -> list[Out]:
        walk = _WALK.get(type(step))
        if walk is not None:
            return walk(self, step, ins)
        return [(self.plain(step, ins), "next", "")]

    def plain(self, step: Step, ins: list[Out], label: str = "") -> str:
        """The node of a step."""
        kind = type(step).__name__.lower()
        return self.node(step.site.name, kind, label or label_of(step)[0], ins)

    # --- steps with steps inside -----------------------------------------------------------------
    def if_(self, step: ast.If, ins: list[Out]) -> list[Out]:
        here = self.plain(step, ins, f"if {short(step.branches[0][0])}")
        outs: list[Out] = []
        for condition, block in step.branches:
            outs += self.inside(here, block, [(here, "branch", short(condition))])
        return outs + self.inside(here, step.otherwise, [(here, "branch", "else")])

    def switch(self, step: ast.Switch, ins: list[Out]) -> list[Out]:
        here = self.plain(step, ins, f"switch {short(step.subject)}")
        outs: list[Out] = []
        for values, block in step.cases:
            label = ", ".join(short(value) for value in values)
            outs += self.inside(here, block, [(here, "branch", label)])
        return outs + self.inside(here, step.otherwise, [(here, "branch", "else")])

    def loop(self, step: ast.For | ast.While, ins: list[Out]) -> list[Out]:
        label = loop_label(step)
        each = isinstance(step, ast.For)
        if isinstance(step, ast.For) and step.limit is not None:
            limit = "" if step.limit.ir == ("const", 0) else f" {short(step.limit)}"
            here = self.plain(step, ins, f"{label}, parallel{limit}{_join(step.join)}")
            return self.branches(here, [("each", step.body)])
        here = self.plain(step, ins, label)
        around = _Loop(here, [])
        self.loops.append(around)
        outs = self.inside(here, step.body, [(here, "branch", "each" if each else "yes")])
        self.loops.pop()
        self.link([(source, "loop", "") for source, _, _ in outs], here)
        if isinstance(step, ast.While) and step.condition.is_const and step.condition.ir[1]:
            return around.outs
        return [(here, "next", "done"), *around.outs]

    def parallel(self, step: ast.Parallel, ins: list[Out]) -> list[Out]:
        here = self.plain(step, ins, f"parallel{_join(step.join)}")
        return self.branches(here, [(branch.name, branch.body) for branch in step.branches])

    def branches(self, here: str, bodies: list[tuple[str, Block]]) -> list[Out]:
        """The branches of a fork; all that leads out of one is its join."""
        around = _Loop("", [])
        loops, self.loops = self.loops, [around]
        outs: list[Out] = []
        for name, body in bodies:
            outs += self.inside(here, body, [(here, "branch", name)])
        self.loops = loops
        return [
            (source, "next" if source == here else "join", "")
            for source, _, _ in outs + around.outs
        ]

    def jump(self, step: ast.Break | ast.Continue, ins: list[Out]) -> list[Out]:
        here = self.plain(step, ins)
        around = self.loops[-1]
        if isinstance(step, ast.Break) or not around.head:
            around.outs.append((here, "next", ""))
        else:
            self.link([(here, "loop", "")], around.head)
        return []

    def try_(self, step: ast.Try, ins: list[Out]) -> list[Out]:
        return self.guarded(
            self.plain(step, ins, "try"), step.body, step.catches, step.finally_, inner=True
        )

    def guarded(
        self,
        here: str,
        body: Block,
        catches: tuple[ast.CatchClause, ...],
        finally_: Block | None,
        *,
        inner: bool,
    ) -> list[Out]:
        """A body with its clauses; ``inner``: they stand inside the node ``here``."""
        self.parents.append(here if inner else None)
        caught = bool(catches) or finally_ is not None
        self.caught += caught
        outs = self.block(body, [(here, "next", "")])
        self.caught -= caught
        for clause in catches:
            label = "" if clause.when is None else short(clause.when)
            outs += self.block(clause.body, [(here, "error", label)])
        if finally_ is not None:
            failed: list[Out] = [(here, "error", "finally")]
            went_on = bool(outs)
            outs = self.block(finally_, outs + failed)
            outs = outs if went_on else []
        self.parents.pop()
        return outs

    def do(self, step: ast.Do, ins: list[Out]) -> list[Out]:
        label = "do" if step.timeout is None else f"do, timeout {short(step.timeout)}"
        here = self.plain(step, ins, label)
        return self.inside(here, step.body, [(here, "next", "")])

    def call(self, step: ast.Call | ast.Run, ins: list[Out]) -> list[Out]:
        here = self.plain(step, ins)
        if step.undo is not None:
            self.inside(here, (step.undo,), [(here, "error", "undo")])
        return [(here, "next", "")]

    def final(self, step: ast.Return | ast.Raise, ins: list[Out]) -> list[Out]:
        here = self.plain(step, ins)
        if isinstance(step, ast.Return):
            self.link([(here, "next", "")], END)
        elif not self.caught:
            self.link([(here, "error", "")], END)
        return []

    def flow(self, step: ast.Flow, ins: list[Out]) -> list[Out]:
        """The steps, each once, and between them every jump."""
        if not step.steps:
            return ins
        first = [inner.site.name for inner in step.steps]
        self.link(ins, first[0])
        outs: list[Out] = []
        for number, (inner, jumps) in enumerate(zip(step.steps, step.jumps, strict=True)):
            ends = self.block((inner,), [])
            for condition, target in jumps:
                label = "else" if len(jumps) > 1 else ""
                label = label if condition is None else short(condition)
                back = target is not None and target <= number
                for source, old, was in ends:
                    kind: EdgeKind = "branch" if len(jumps) > 1 and old == "next" else old
                    way: Out = (source, "loop" if back else kind, label or was)
                    if target is None:
                        outs.append(way)
                    else:
                        self.link([way], first[target])
        return outs


_WALK: Final[dict[type[Step], Callable[[_Walk, Any, list[Out]], list[Out]]]] = {
    ast.If: _Walk.if_, ast.Switch: _Walk.switch, ast.For: _Walk.loop, ast.While: _Walk.loop,
    ast.Parallel: _Walk.parallel, ast.Break: _Walk.jump, ast.Continue: _Walk.jump,
    ast.Try: _Walk.try_, ast.Do: _Walk.do, ast.Call: _Walk.call, ast.Run: _Walk.call,
    ast.Return: _Walk.final, ast.Raise: _Walk.final, ast.Flow: _Walk.flow,
}  # fmt: skip


def _join(policy: ast.JoinPolicy) -> str:
    return "" if policy == "all" else f", join {policy}"


def step_graph(document: Document) -> tuple[list[StepNode], list[StepEdge]]:
    """The nodes, in the order of the text, and the edges of a skript."""
    walk = _Walk()
    walk.node(START, "start", document.name, [])
    outs = walk.guarded(START, document.body, document.catches, document.finally_, inner=False)
    walk.node(END, "end", "end", outs)
    return walk.nodes, list(walk.edges)


def machine_steps(
    machine: ast.Machine, state_id: Callable[[str], str]
) -> tuple[list[StepNode], list[StepEdge]]:
    """The steps of what a machine does, each in the state in which, or on the way to which."""
    walk = _Walk()
    for state in machine.states:
        for block in (state.enter, state.do or (), state.exit):
            walk.inside(state_id(state.name), block, [])
    for transition in machine.transitions:
        walk.inside(state_id(transition.to), transition.do, [])
    inner = {node.id for node in walk.nodes}
    return walk.nodes, [edge for edge in walk.edges if edge.target in inner]
