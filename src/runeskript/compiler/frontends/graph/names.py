"""Names: what a name in a document of the graph form means, decided for each use.

A variable is what ``variables`` declares or some node sets; input fields are variables, too, and
count over declared ones. So a declared variable begins as the input's field of its name, else as
declared; a name that nothing declares or sets is the input's field; and a variable that may not be
set yet where it is read is the input's field until it is. Which those are is a data-flow analysis
over the blocks: sets of variables as ints, one bit each, branches of a fork adding up at its join.

The name of an iteration's element is its loop's where it can be. Where it is also set elsewhere, or
read outside the loop, it is a variable that each turn sets.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import field
from typing import Final

from ....model.ast import IR, Args, Call, Expr, Log, Name, Return, Run, Set, Site, Step, Target, Var
from ....model.records import mutable
from ...irtools import const, isset, name, replace
from ...tables import ROOTS
from .blocks import Block, Each, Scope
from .build import ANY_LEFT, EVERYTHING
from .dominators import reverse, reverse_postorder
from .iterations import loop_names, share_names

_INPUT: Final[IR] = name("input")


@mutable
class Variables:
    """The variables of one document."""

    #: Declared under ``variables``: they have a value from the start.
    declared: tuple[str, ...]
    #: Set by some node, in the order of the nodes.
    assigned: tuple[str, ...] = ()
    #: The bit of each variable that is not declared.
    bits: dict[str, int] = field(default_factory=dict)


def resolve(scope: Scope, variables: Variables, fresh: Callable[[str], str]) -> None:
    """Give every name of a document its meaning, in place. ``fresh`` names hidden variables."""
    known = set(variables.declared)
    shared = share_names(scope, {*known, *variables.assigned}, fresh)
    for variable in (*variables.assigned, *shared):
        if variable not in known and variable not in variables.bits:
            variables.bits[variable] = 1 << len(variables.bits)
    _Resolver(variables).scope(scope, 0)


def assigned_by(steps: Iterable[Step]) -> Iterator[str]:
    """The variables that some steps set."""
    for step in steps:
        for target in _targets(step):
            yield target.name


def first_values(declared: Iterable[Var]) -> tuple[Var, ...]:
    """Declared variables as they begin: the input's field of their name, else as declared, with the
    meaning of the names in it (variables declared before, or fields of the input)."""
    out: list[Var] = []
    known: set[str] = set()
    resolver = _Resolver(Variables(()))
    resolver.declared = known
    for var in declared:
        value = resolver.expr(var.value, 0, set())
        key = const(var.name)
        if value.is_const:
            ir: IR = ("call", "get", (_INPUT, key, value.ir))
        else:
            ir = ("ifelse", ("call", "has", (_INPUT, key)), ("item", _INPUT, key), value.ir)
        names = (*value.names, Name("input", 0, "variable"))
        value = Expr(value.source, ir, value.span, value.pointer, names)
        out.append(Var(var.name, value, var.reduce, var.span, var.pointer))
        known.add(var.name)
    return tuple(out)


def _targets(step: Step) -> tuple[Target, ...]:
    if isinstance(step, Set):
        return tuple(target for target, _ in step.assignments)
    if isinstance(step, Call | Run) and step.into is not None:
        return (step.into,)
    return ()


# --- what every use means ---------------------------------------------------------------------
class _Resolver:
    def __init__(self, variables: Variables) -> None:
        self.variables = variables
        self.bits = variables.bits
        self.declared = set(variables.declared)
        #: Identity of a scope -> what it sets whatever was set before.
        self._gains: dict[int, int] = {}

    # --- data flow --------------------------------------------------------------------------------

    def gain(self, scope: Scope) -> int:
        """The variables a branch has certainly set when it is over."""
        known = self._gains.get(id(scope))
        if known is None:
            states = self._solve(scope, 0)
            known = self._gains[id(scope)] = states.get(scope.exit, 0)
        return known

    def _adds(self, block: Block) -> int:
        """The variables a block sets."""
        out = 0
        for step in block.steps:
            for target in _targets(step):
                out |= self.bits.get(target.name, 0)
        if block.fork is not None:
            for branch in block.fork.branches:
                out |= self.gain(branch)
        return out

    def _solve(self, scope: Scope, entry: int) -> dict[int, int]:
        """What is certainly set where each block begins."""
        successors = scope.successors()
        order = reverse_postorder(successors, scope.entry)
        before = reverse(successors)
        adds = [self._adds(block) for block in scope.blocks]
        states: dict[int, int] = {}
        changed = True
        while changed:
            changed = False
            for number in order:
                state = entry if number == scope.entry else -1
                for source in before[number]:
                    if source in states:
                        state &= states[source] | adds[source]
                if states.get(number) != state:
                    states[number] = state
                    changed = True
        return states

    # --- rewriting --------------------------------------------------------------------------------

    def scope(self, scope: Scope, entry: int) -> None:
        """Rewrite a scope and the branches in it; ``entry``: what is set where it begins."""
        todo = [(scope, entry)]
        for at, begin in todo:  # grows while it is read
            states = self._solve(at, begin)
            for number, block in enumerate(at.blocks):
                state = states.get(number, -1)
                self._block(block, state)
                if block.fork is not None:
                    todo += [(branch, state) for branch in block.fork.branches]
            for block in at.blocks:
                if block.each is not None:
                    enter = block.each.enter
                    state = states.get(enter, -1)
                    self._over(at.blocks[enter], block.each, state)

    def _over(self, enter: Block, each: Each, state: int) -> None:
        each.over = self.expr(each.over, state, loop_names(enter.inside))

    def _block(self, block: Block, state: int) -> None:
        loops = loop_names(block.inside)
        steps: list[Step] = []
        for step in block.steps:
            new, state = self._step(step, state, loops)
            steps += new
        block.steps = steps
        if block.fork is not None:
            state |= self._adds(Block("", block.site, fork=block.fork))
        for jump in block.jumps:
            if jump.condition is not None and jump.condition is not ANY_LEFT:
                jump.condition = self.expr(jump.condition, state, loops)

    def _step(self, step: Step, state: int, loops: set[str]) -> tuple[list[Step], int]:
        """A step with its expressions rewritten, and what is set behind it."""

        def of(expr: Expr) -> Expr:
            return self.expr(expr, state, loops)

        if isinstance(step, Set):
            return self._set(step, state, loops)
        if isinstance(step, Log):
            return [Log(step.site, None, None, of(step.text), step.level)], state
        if isinstance(step, Return):
            if step.value is EVERYTHING:
                return [Return(step.site, None, None, self._everything(step.site, state))], state
            return [Return(step.site, None, None, of(step.value))], state
        if not isinstance(step, Call | Run):
            return [step], state
        whole = None if step.args.whole is None else of(step.args.whole)
        entries = {key: of(value) for key, value in step.args.entries.items()}
        args = Args(entries, whole, step.args.span, step.args.pointer)
        into, before = step.into, []
        if into is not None:
            if into.path:
                before = self._begin(step.site, into, state, loops)
                path = tuple(map(of, into.path))
                into = Target(into.name, path, into.span, into.pointer)
            state |= self.bits.get(into.name, 0)
        values = {f: getattr(step, f) for f in step.__match_args__}
        return [*before, type(step)(**{**values, "args": args, "into": into})], state

    def _set(self, step: Set, state: int, loops: set[str]) -> tuple[list[Step], int]:
        out: list[tuple[Target, Expr]] = []
        for target, value in step.assignments:
            new = self.expr(value, state, loops)
            if target.path:
                for begin in self._begin(step.site, target, state, loops):
                    out += begin.assignments
                path = tuple(self.expr(key, state, loops) for key in target.path)
                target = Target(target.name, path, target.span, target.pointer)
            out.append((target, new))
            state |= self.bits.get(target.name, 0)
        return [Set(step.site, None, None, tuple(out))], state

    def _begin(self, site: Site, target: Target, state: int, loops: set[str]) -> list[Set]:
        """Before a path is set below a variable that may be unset: it begins as the input's."""
        bit = self.bits.get(target.name, 0)
        if not bit or state & bit:
            return []
        at = (Name(target.name, 0, "variable"),)
        value = Expr(target.name, name(target.name), target.span, target.pointer, at)
        start = self.expr(value, state, loops)
        whole = Target(target.name, (), target.span, target.pointer)
        return [Set(Site(site.pointer, site.span), None, None, ((whole, start),))]

    def expr(self, expr: Expr, state: int, loops: set[str]) -> Expr:
        """An expression with the meaning of its names at this place."""
        if not expr.names:
            return expr
        names: list[Name] = []
        changed = False
        for use in expr.names:
            kind = self._kind(use, state, loops)
            changed = changed or kind != "set"
            if kind == "set":
                names.append(use)
                continue
            if kind == "maybe":
                names.append(Name(use.name, use.offset, "maybe"))
            names.append(Name("input", use.offset, "variable"))
        if not changed:
            return expr

        def leaf(node: IR) -> IR:
            if node[0] != "name":
                return node
            kind = self._kind(Name(node[1], 0, "variable"), state, loops)
            field_: IR = ("item", _INPUT, const(node[1]))
            if kind == "set":
                return node
            return field_ if kind == "input" else ("ifelse", isset(node[1]), node, field_)

        ir: IR = replace(expr.ir, leaf)
        return Expr(expr.source, ir, expr.span, expr.pointer, tuple(names))

    def _kind(self, use: Name, state: int, loops: set[str]) -> str:
        """``set``: the name as it is; ``input``: the input's field; ``maybe``: that until set."""
        if use.kind != "variable" or use.name in loops or use.name in self.declared:
            return "set"
        bit = self.bits.get(use.name)
        if bit is not None:
            return "set" if state & bit else "maybe"
        return "set" if use.name in ROOTS or use.name.startswith("$") else "input"

    def _everything(self, site: Site, state: int) -> Expr:
        """The object of all variables: the input's fields, then those that are set."""
        certain: list[str] = [*self.variables.declared]
        perhaps: list[str] = []
        for variable in self.variables.assigned:
            if variable in self.declared:
                continue
            (certain if state & self.bits[variable] else perhaps).append(variable)
        parts: list[IR] = [("or", (_INPUT, const({})))]
        if certain:
            parts.append(("object", tuple((const(v), name(v)) for v in certain)))
        for variable in perhaps:
            one: IR = ("object", ((const(variable), name(variable)),))
            parts.append(("ifelse", isset(variable), one, const({})))
        names = [Name("input", 0, "variable")]
        names += [Name(v, 0, "variable") for v in certain]
        names += [Name(v, 0, "maybe") for v in perhaps]
        ir: IR = parts[0] if len(parts) == 1 else ("call", "merge", tuple(parts))
        return Expr("", ir, site.span, site.pointer, tuple(names))
