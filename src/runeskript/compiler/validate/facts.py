"""One walk over the AST that notes what the checks ask: what is computed and where, every
name that is declared or assigned, every step with what is allowed around it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import field
from typing import Any, Literal

from ...model import ast
from ...model.ast import Block, Document, Expr, Step, Target, Var
from ...model.records import mutable
from ...model.spans import Span
from ..nodes import Node
from ..wording import Wording
from .scopes import Scope, Sink
from .uses import Role, Uses


@mutable
class Assignment:
    """One place that gives a variable a value; ``value`` where an expression says which."""

    name: str
    #: What is assigned to; of a row of ``vars``, the row.
    target: Target | Var
    value: Expr | None
    scope: Scope
    step: Step | None
    via: Literal["vars", "set", "into", "collect"]
    #: The keys of its path. An assignment to ``a.b`` changes ``a`` but does not begin it.
    path: tuple[Expr, ...] = ()

    @property
    def span(self) -> Span:
        """Where the variable stands."""
        return self.target.span

    @property
    def pointer(self) -> str:
        """The JSON pointer of that."""
        return self.target.pointer


@mutable
class LoopName:
    """A name that a loop declares, with the scope around the loop."""

    name: str
    span: Span
    pointer: str
    scope: Scope
    over: Expr


@mutable
class Facts:
    """All that the walk found, in the order of the document."""

    document: Document
    uses: Uses = field(default_factory=Uses)
    assignments: list[Assignment] = field(default_factory=list)
    #: The same of a machine's ``data``, which is no variable.
    data_writes: list[Assignment] = field(default_factory=list)
    loop_names: list[LoopName] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    #: Of each step.
    scopes: list[Scope] = field(default_factory=list)
    #: (what was expected to yield, what for) for each ``collect`` and ``into`` of a fork.
    gathers: list[tuple[tuple[Sink, ...], ast.For | ast.Parallel]] = field(default_factory=list)
    #: What the document calls its keys.
    wording: Wording = field(default_factory=Wording)

    def assigned(self) -> set[str]:
        """Every variable that the document declares or assigns."""
        return {a.name for a in self.assignments}


def collect_facts(document: Document, root: Node | None = None) -> Facts:
    """Walk the whole document once. ``root``: the tree of the text it was read from."""
    wording = Wording(root, machine=document.machine is not None)
    walk = _Walk(Facts(document, wording=wording))
    walk.document(document)
    return walk.facts


class _Walk:
    __slots__ = ("facts", "uses")

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self.uses = facts.uses

    # --- small parts ---------------------------------------------------------------------------
    def use(self, expr: Expr | None, role: Role, scope: Scope) -> None:
        if expr is not None:
            self.uses.add(expr, role, scope)

    def args(self, args: ast.Args, scope: Scope, role: Role = "text") -> None:
        if args.entries:
            self.uses.add_all(args.entries.values(), role, scope)
        if args.whole is not None:
            self.use(args.whole, "text", scope)

    def target(
        self,
        target: Target | None,
        scope: Scope,
        step: Step,
        via: Literal["set", "into", "collect"],
        value: Expr | None = None,
    ) -> None:
        if target is None:
            return
        for key in target.path:
            self.use(key, "code", scope)
        found = self.facts.assignments
        if target.name == "data" and scope.part:
            found = self.facts.data_writes
        found.append(Assignment(target.name, target, value, scope, step, via, target.path))

    # --- blocks --------------------------------------------------------------------------------
    def document(self, document: Document) -> None:
        top = Scope()
        for var in document.vars:
            self.use(var.value, "text", top)
            self.facts.assignments.append(Assignment(var.name, var, var.value, top, None, "vars"))
        for function in document.functions:
            self.use(function.body, "function", top)
        self.use(document.timeout, "duration", top)
        self.guarded(document.body, document.catches, document.finally_, top)
        if document.machine is not None:
            self.machine(document.machine)
        if document.on_failure is not None:
            self.step(document.on_failure, Scope(error=True, notice=True, bare=True))

    def machine(self, machine: ast.Machine) -> None:
        guard, time = Scope(part="guard", bare=True), Scope(part="time", bare=True)
        action, activity = Scope(part="action"), Scope(part="activity")
        for state in machine.states:
            begins = state.name == machine.initial
            self.block(state.enter, Scope(part="begin") if begins else action)
            self.block(state.exit, action)
            self.block(state.do or (), activity)
            self.use(state.after, "duration", time)
        for transition in machine.transitions:
            self.use(transition.guard, "code", guard)
            self.block(transition.do, action)

    def block(self, block: Iterable[Step], scope: Scope) -> None:
        for step in block:
            self.step(step, scope)

    def step(self, step: Step, scope: Scope) -> None:
        self.facts.steps.append(step)
        self.facts.scopes.append(scope)
        if step.when is not None:
            self.use(step.when, "code", scope)
        if step.timeout is not None:
            self.use(step.timeout, "duration", scope)
        _STEPS[type(step)](self, step, scope)

    def guarded(
        self,
        body: Block,
        catches: tuple[ast.CatchClause, ...],
        finally_: Block | None,
        scope: Scope,
    ) -> None:
        self.block(body, scope)
        inside = scope.but(error=True)
        for clause in catches:
            self.use(clause.when, "code", inside)
            self.block(clause.body, inside)
        if finally_ is not None:
            self.block(finally_, inside.but(barrier="finally", confined="finally"))

    # --- steps ---------------------------------------------------------------------------------
    def set(self, step: ast.Set, scope: Scope) -> None:
        for target, value in step.assignments:
            self.use(value, "text", scope)
            self.target(target, scope, step, "set", value)

    def call(self, step: ast.Call | ast.Run, scope: Scope) -> None:
        self.args(step.args, scope, "with" if isinstance(step, ast.Call) else "text")
        self.target(step.into, scope, step, "into")
        if step.undo is not None:
            self.step(step.undo, scope.but(barrier="undo", confined="undo", sink=None))

    def if_(self, step: ast.If, scope: Scope) -> None:
        for condition, block in step.branches:
            self.use(condition, "code", scope)
            self.block(block, scope)
        self.block(step.otherwise, scope)

    def switch(self, step: ast.Switch, scope: Scope) -> None:
        self.use(step.subject, "code", scope)
        for values, block in step.cases:
            for value in values:
                self.use(value, "text", scope)
            self.block(block, scope)
        self.block(step.otherwise, scope)

    def for_(self, step: ast.For, scope: Scope) -> None:
        self.use(step.over, "code", scope)
        names = [step.item] if step.index is None else [step.item, step.index]
        for key, name in zip(("for", "index"), names, strict=False):
            pointer = f"{step.site.pointer}/{key}"
            self.facts.loop_names.append(LoopName(name, step.site.span, pointer, scope, step.over))
        inside = scope.loop_names.union(names)
        if step.limit is None:
            sink = scope.sink if step.collect is None else Sink()
            body = scope.but(loop_names=inside, loop="sequential", barrier="", sink=sink)
        else:
            self.use(step.limit, "code", scope)
            sink = Sink()
            body = scope.but(
                loop_names=inside,
                loop="parallel",
                barrier="",
                confined="fork",
                forked=True,
                sink=sink,
            )
        self.block(step.body, body)
        if sink is not None and sink is not scope.sink:
            self.facts.gathers.append(((sink,), step))
        self.target(step.collect, scope, step, "collect")

    def while_(self, step: ast.While, scope: Scope) -> None:
        self.use(step.condition, "code", scope)
        self.block(step.body, scope.but(loop="sequential", barrier=""))

    def parallel(self, step: ast.Parallel, scope: Scope) -> None:
        sinks = []
        for branch in step.branches:
            sink = Sink()
            sinks.append(sink)
            body = scope.but(barrier="fork", confined="fork", forked=True, sink=sink)
            self.block(branch.body, body)
        self.facts.gathers.append((tuple(sinks), step))
        self.target(step.into, scope, step, "into")

    def yield_(self, step: ast.Yield, scope: Scope) -> None:
        self.use(step.value, "code", scope)
        if scope.sink is not None:
            scope.sink.yields.append(step.value)

    def try_(self, step: ast.Try, scope: Scope) -> None:
        self.guarded(step.body, step.catches, step.finally_, scope)

    def do(self, step: ast.Do, scope: Scope) -> None:
        self.block(step.body, scope)

    def wait(self, step: ast.Wait, scope: Scope) -> None:
        self.use(step.delay, "duration", scope)
        self.use(step.until, "code", scope)

    def listen(self, step: ast.Listen, scope: Scope) -> None:
        self.use(step.topic, "text", scope)
        self.use(step.key, "code", scope)
        if step.where is not None:
            self.uses.add_where(step.where, step, scope)
        self.target(step.into, scope, step, "into")

    def emit(self, step: ast.Emit, scope: Scope) -> None:
        self.use(step.topic, "text", scope)
        self.use(step.key, "code", scope)
        self.use(step.to, "text", scope)
        self.use(step.keep, "duration", scope)
        self.args(step.args, scope)

    def log(self, step: ast.Log, scope: Scope) -> None:
        self.use(step.text, "text", scope)

    def raise_(self, step: ast.Raise, scope: Scope) -> None:
        for expr in (step.type, step.message, step.data, step.compensate):
            self.use(expr, "text", scope)

    def return_(self, step: ast.Return, scope: Scope) -> None:
        self.use(step.value, "text", scope)

    def flow(self, step: ast.Flow, scope: Scope) -> None:
        self.block(step.steps, scope)
        for jumps in step.jumps:
            for condition, _ in jumps:
                self.use(condition, "code", scope)

    def nothing(self, step: Step, scope: Scope) -> None:
        pass


_STEPS: dict[type[Step], Callable[[_Walk, Any, Scope], None]] = {
    ast.Set: _Walk.set,
    ast.Call: _Walk.call,
    ast.If: _Walk.if_,
    ast.Switch: _Walk.switch,
    ast.For: _Walk.for_,
    ast.While: _Walk.while_,
    ast.Break: _Walk.nothing,
    ast.Continue: _Walk.nothing,
    ast.Parallel: _Walk.parallel,
    ast.Yield: _Walk.yield_,
    ast.Try: _Walk.try_,
    ast.Do: _Walk.do,
    ast.Wait: _Walk.wait,
    ast.Listen: _Walk.listen,
    ast.Emit: _Walk.emit,
    ast.Run: _Walk.call,
    ast.Log: _Walk.log,
    ast.Raise: _Walk.raise_,
    ast.Return: _Walk.return_,
    ast.Flow: _Walk.flow,
}
