"""A document drawn as a graph: Graphviz ``dot`` or Mermaid, from the AST.

Steps are nodes, in the shape of what they do; branches and tries are frames around theirs. The
drawing shows the document as it was written, so loops and joins are there, jumps and slots are not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import field
from typing import Any, Final

from ..model import ast
from ..model.ast import Block, Document, Step
from ..model.records import mutable
from .drawn_text import dot_text, mermaid_text
from .state_graph import machine_dot, machine_mermaid
from .step_labels import Shape, label_of, loop_label, short

#: A node to go on from, and the label of the edge.
Out = tuple[str, str]


@mutable
class _Frame:
    """Nodes (name, label, shape) with a border and a title around them; frames nest."""

    title: str
    nodes: list[tuple[str, str, Shape]] = field(default_factory=list)
    inner: list[_Frame] = field(default_factory=list)


class _Drawing:
    """Nodes and edges of one document."""

    def __init__(self) -> None:
        self.root = _Frame("")
        self.frame = self.root
        self.edges: list[tuple[str, str, str, bool]] = []
        self.count = 0
        #: For each loop around: the node a `continue` goes to, and where a `break` comes out.
        self.loops: list[tuple[str, list[Out]]] = []
        #: Where `return` leads.
        self.end = ""

    def node(self, label: str, shape: Shape, ins: list[Out]) -> str:
        """A node that the given ones lead to."""
        self.count += 1
        name = f"n{self.count}"
        self.frame.nodes.append((name, label, shape))
        self.link(ins, name)
        return name

    def link(self, ins: list[Out], to: str, *, dashed: bool = False) -> None:
        self.edges += [(source, to, label, dashed) for source, label in ins]

    def framed(self, title: str, draw: Callable[[], list[Out]]) -> list[Out]:
        """Draw inside a frame."""
        outer, self.frame = self.frame, _Frame(title)
        outer.inner.append(self.frame)
        outs = draw()
        self.frame = outer
        return outs

    def block(self, steps: Block, ins: list[Out]) -> list[Out]:
        """Steps in order; what to go on from behind them."""
        for step in steps:
            if step.when is not None:
                choice = self.node(f"if {short(step.when)}", "choice", ins)
                ins = [*self.step(step, [(choice, "yes")]), (choice, "no")]
            else:
                ins = self.step(step, ins)
        return ins

    def step(self, step: Step, ins: list[Out]) -> list[Out]:
        draw = _DRAW.get(type(step))
        if draw is not None:
            return draw(self, step, ins)
        label, shape = label_of(step)
        return [(self.node(_named(step, label), shape, ins), "")]

    # --- steps with steps inside -----------------------------------------------------------------
    def if_(self, step: ast.If, ins: list[Out]) -> list[Out]:
        outs: list[Out] = []
        for condition, block in step.branches:
            choice = self.node(_named(step, f"if {short(condition)}"), "choice", ins)
            outs += self.block(block, [(choice, "yes")])
            ins = [(choice, "no")]
        return [*outs, *self.block(step.otherwise, ins)]

    def switch(self, step: ast.Switch, ins: list[Out]) -> list[Out]:
        choice = self.node(_named(step, f"switch {short(step.subject)}"), "choice", ins)
        outs: list[Out] = []
        for values, block in step.cases:
            outs += self.block(block, [(choice, ", ".join(short(v) for v in values))])
        return [*outs, *self.block(step.otherwise, [(choice, "else")])]

    def loop(self, step: ast.For | ast.While, ins: list[Out]) -> list[Out]:
        label = loop_label(step)
        if isinstance(step, ast.For) and step.limit is not None:
            return self.fork_each(step, label, ins)
        head = self.node(_named(step, label), "loop", ins)
        breaks: list[Out] = []
        self.loops.append((head, breaks))
        enter = "each" if isinstance(step, ast.For) else "yes"
        self.link(self.block(step.body, [(head, enter)]), head)
        self.loops.pop()
        if isinstance(step, ast.While) and step.condition.is_const and step.condition.ir[1]:
            return breaks
        return [(head, "done"), *breaks]

    def fork_each(self, step: ast.For, label: str, ins: list[Out]) -> list[Out]:
        limit = "" if step.limit is None or step.limit.ir == ("const", 0) else short(step.limit)
        fork = self.node(_named(step, f"{label}, parallel {limit}".rstrip()), "fork", ins)
        loops, self.loops = self.loops, []
        end: list[Out] = []
        self.loops.append(("", end))
        outs = self.framed("each", lambda: self.block(step.body, [(fork, "")]))
        self.loops = loops
        return [(self.node(f"join {step.join}", "fork", [*outs, *end]), "")]

    def parallel(self, step: ast.Parallel, ins: list[Out]) -> list[Out]:
        fork = self.node(_named(step, "parallel"), "fork", ins)
        loops, self.loops = self.loops, []
        outs: list[Out] = []
        for branch in step.branches:

            def draw(body: Block = branch.body) -> list[Out]:
                return self.block(body, [(fork, "")])

            outs += self.framed(branch.name, draw)
        self.loops = loops
        return [(self.node(f"join {step.join}", "fork", outs), "")]

    def jump(self, step: ast.Break | ast.Continue, ins: list[Out]) -> list[Out]:
        word = "break" if isinstance(step, ast.Break) else "continue"
        node = self.node(word, "step", ins)
        if self.loops:
            head, breaks = self.loops[-1]
            if word == "break" or not head:
                breaks.append((node, ""))
            else:
                self.link([(node, "")], head)
        return []

    def try_(self, step: ast.Try, ins: list[Out]) -> list[Out]:
        name = f"try {step.site.id}" if step.site.id else "try"
        return self.guarded(step.body, step.catches, step.finally_, name, ins)

    def guarded(
        self,
        body: Block,
        catches: tuple[ast.CatchClause, ...],
        finally_: Block | None,
        name: str,
        ins: list[Out],
    ) -> list[Out]:
        """A body with its clauses; dashed edges are the ways of an error."""
        if finally_ is not None:
            return self.finished(body, catches, finally_, name, ins)
        entry = self.node(name, "pure", ins)
        outs = self.framed(name, lambda: self.block(body, [(entry, "")]))
        for clause in catches:
            label = "catch" if clause.when is None else f"catch {short(clause.when)}"
            head = self.node(label, "choice", [])
            self.link([(entry, "error")], head, dashed=True)
            outs += self.block(clause.body, [(head, "")])
        return outs

    def finished(
        self,
        body: Block,
        catches: tuple[ast.CatchClause, ...],
        finally_: Block,
        name: str,
        ins: list[Out],
    ) -> list[Out]:
        """The same with a `finally`, which a `return` inside goes through, too."""
        head = self.node("finally", "pure", [])
        outer, self.end = self.end, head
        first = len(self.edges)
        entry = f"n{self.count + 1}"
        outs = self.guarded(body, catches, None, name, ins)
        returned = any(to == head for _, to, _, _ in self.edges[first:])
        self.end = outer
        self.link(outs, head)
        self.link([(entry, "error")], head, dashed=True)
        after = self.block(finally_, [(head, "")])
        if returned and outer:
            self.link([(node, label or "return") for node, label in after], outer)
        return after if outs else []

    def do(self, step: ast.Do, ins: list[Out]) -> list[Out]:
        title = step.site.id or "do"
        if step.timeout is not None:
            title += f", timeout {short(step.timeout)}"
        return self.framed(title, lambda: self.block(step.body, ins))

    def call(self, step: ast.Call | ast.Run, ins: list[Out]) -> list[Out]:
        label, shape = label_of(step)
        node = self.node(_named(step, label), shape, ins)
        if step.undo is not None:
            undo = self.node(f"undo: {label_of(step.undo)[0]}", "step", [])
            self.link([(node, "undo")], undo, dashed=True)
        return [(node, "")]

    def final(self, step: ast.Return | ast.Raise, ins: list[Out]) -> list[Out]:
        label, shape = label_of(step)
        node = self.node(_named(step, label), shape, ins)
        if isinstance(step, ast.Return) and self.end:
            self.link([(node, "")], self.end)
        return []

    def flow(self, step: ast.Flow, ins: list[Out]) -> list[Out]:
        """The steps, each once, and between them every jump."""
        entries: list[str] = []
        ends: list[list[Out]] = []
        for label, inner, jumps in zip(step.labels, step.steps, step.jumps, strict=True):
            entries.append(f"n{self.count + 1}")
            if isinstance(inner, ast.Do) and not inner.body:
                node = self.node(label, "choice" if len(jumps) > 1 else "pure", [])
                ends.append([(node, "")])
            else:
                ends.append(self.block((inner,), []))
        if not entries:
            return ins
        self.link(ins, entries[0])
        outs: list[Out] = []
        for leaving, jumps in zip(ends, step.jumps, strict=True):
            for condition, target in jumps:
                label = "else" if len(jumps) > 1 else ""
                if condition is not None:
                    label = short(condition)
                here = [(node, label or old) for node, old in leaving]
                if target is None:
                    outs += here
                else:
                    self.link(here, entries[target])
            if not jumps or jumps[-1][0] is not None:
                outs += leaving
        return outs


_DRAW: Final[dict[type[Step], Callable[[_Drawing, Any, list[Out]], list[Out]]]] = {
    ast.If: _Drawing.if_, ast.Switch: _Drawing.switch, ast.For: _Drawing.loop,
    ast.While: _Drawing.loop, ast.Parallel: _Drawing.parallel, ast.Break: _Drawing.jump,
    ast.Continue: _Drawing.jump, ast.Try: _Drawing.try_, ast.Do: _Drawing.do,
    ast.Call: _Drawing.call, ast.Run: _Drawing.call, ast.Return: _Drawing.final,
    ast.Raise: _Drawing.final, ast.Flow: _Drawing.flow,
}  # fmt: skip


def _draw(document: Document) -> _Drawing:
    d = _Drawing()
    start = [(d.node(document.name, "end", []), "")]
    d.end = d.node("end", "end", [])
    if document.catches or document.finally_ is not None:
        outs = d.guarded(document.body, document.catches, document.finally_, "try", start)
    else:
        outs = d.block(document.body, start)
    d.link(outs, d.end)
    return d


# --- labels -----------------------------------------------------------------------------------
def _named(step: Step, label: str) -> str:
    return label if step.site.id is None else f"{step.site.id}: {label}"


# --- formats ----------------------------------------------------------------------------------
_DOT_SHAPES: Final[dict[Shape, str]] = {
    "step": "box", "pure": 'box, style="rounded"', "choice": "diamond", "loop": "hexagon",
    "fork": 'box, style="filled", fillcolor="#dddddd"', "end": "oval", "wait": "octagon",
}  # fmt: skip


def to_dot(document: Document) -> str:
    """The graph in the language of Graphviz."""
    if document.machine is not None:
        return machine_dot(document.name, document.machine)
    d = _draw(document)
    lines = [f"digraph {dot_text(document.name)} {{", '  node [fontname="sans-serif"]']
    numbers = iter(range(1, d.count + 2))
    lines += _dot_frame(d.root, "  ", numbers)
    for source, to, label, dashed in d.edges:
        rest = [f"label={dot_text(label)}"] if label else []
        rest += ["style=dashed"] if dashed else []
        lines.append(f"  {source} -> {to}" + (f" [{', '.join(rest)}]" if rest else ""))
    return "\n".join([*lines, "}"]) + "\n"


def _dot_frame(frame: _Frame, indent: str, numbers: Iterator[int]) -> Iterator[str]:
    for name, label, shape in frame.nodes:
        yield f"{indent}{name} [label={dot_text(label)}, shape={_DOT_SHAPES[shape]}]"
    for inner in frame.inner:
        if not inner.nodes and not inner.inner:
            continue
        yield f"{indent}subgraph cluster_{next(numbers)} {{"
        yield f"{indent}  label={dot_text(inner.title)}"
        yield from _dot_frame(inner, indent + "  ", numbers)
        yield f"{indent}}}"


_MERMAID_SHAPES: Final[dict[Shape, tuple[str, str]]] = {
    "step": ("[", "]"), "pure": ("(", ")"), "choice": ("{", "}"), "loop": ("{{", "}}"),
    "fork": ("[[", "]]"), "end": ("([", "])"), "wait": (">", "]"),
}  # fmt: skip


def to_mermaid(document: Document) -> str:
    """The graph in the language of Mermaid."""
    if document.machine is not None:
        return machine_mermaid(document.machine)
    d = _draw(document)
    numbers = iter(range(1, d.count + 2))
    lines = ["flowchart TD", *_mermaid_frame(d.root, "  ", numbers)]
    for source, to, label, dashed in d.edges:
        arrow = "-.->" if dashed else "-->"
        lines.append(f"  {source} {arrow}{f'|{mermaid_text(label)}|' if label else ''} {to}")
    return "\n".join(lines) + "\n"


def _mermaid_frame(frame: _Frame, indent: str, numbers: Iterator[int]) -> Iterator[str]:
    for name, label, shape in frame.nodes:
        left, right = _MERMAID_SHAPES[shape]
        yield f"{indent}{name}{left}{mermaid_text(label)}{right}"
    for inner in frame.inner:
        if not inner.nodes and not inner.inner:
            continue
        yield f"{indent}subgraph s{next(numbers)} [{mermaid_text(inner.title)}]"
        yield from _mermaid_frame(inner, indent + "  ", numbers)
        yield f"{indent}end"
