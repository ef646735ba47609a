"""Blocks -> steps: what has structure becomes ``if``, ``while``, ``for`` and ``parallel``.

A loop is one step at the level around it, so that each level is a graph without cycles (but for
those with two heads). On it the dominator tree says what belongs together: what only one jump leads
to stands inside the choice that jumps there, what several lead to stands behind it. A choice that
leads straight out, to the next turn or to the end needs no ``else``: the flow goes on behind it, so
that a chain of guards does not nest.

Where jumps cross (a choice leads past what stands behind it, a cycle has two heads, choices nest
too deep), the smallest row of neighbours that jumps do not leave becomes a ``Flow``; what stands
before and behind it, and the loops and forks inside, keep their structure.
"""

from __future__ import annotations

from heapq import heappop, heappush
from typing import Final

from ....model import ast
from ....model.ast import Expr, If, Set, Site, Step, Target
from ....model.records import mutable
from ....model.spans import NOWHERE
from ...irtools import const
from .blocks import Block, Jump, Scope
from .conditions import negated
from .flows import Cell, make_flow
from .groups import Group, UnstructuredError, gather, way_out
from .levels import OUT, TAIL, Level, View
from .loops import NONE, Exits, unnamed

#: Steps inside steps up to which choices nest; deeper ones become a flow.
CHOICES: Final = 20
#: What follows a row that never comes to its end.
NO_PLACE: Final = -3


class Fresh:
    """Names variables that no document can name."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, stem: str) -> str:
        """The next name."""
        self.count += 1
        return f"${stem}{self.count}"


class Structure:
    """Makes steps of scopes. ``loops``: those of each, by identity (``find_loops``)."""

    def __init__(self, loops: dict[int, Exits]) -> None:
        self.loops = loops

    def steps(self, scope: Scope, depth: int = 0) -> ast.Block:
        """The steps of a scope; falling off their end is its end."""
        exits = self.loops[id(scope)]
        begin: list[Step] = []
        if exits.variables:
            site = scope.blocks[scope.exit].site
            zero = Expr("0", const(0), NOWHERE, site.pointer)
            pairs = [(Target(v, (), NOWHERE, site.pointer), zero) for v in exits.variables]
            begin.append(Set(_plain(site), None, None, tuple(pairs)))
        return (*begin, *self.level(View(scope, exits), NONE, depth).all())

    def level(self, view: View, loop: int, depth: int) -> _Rows:
        """The steps of a loop's turn, or of the whole scope."""
        return _Rows(self, Level(view, loop), depth)


def _plain(site: Site) -> Site:
    """The same place without the id, which names one step."""
    return Site(site.pointer, site.span)


class _Rows:
    """Makes the steps of one level."""

    def __init__(self, structure: Structure, level: Level, depth: int) -> None:
        self.structure = structure
        self.level = level
        self.depth = depth
        self.tree = level.tree
        self.blocks = level.blocks
        self._made: dict[int, list[Step]] = {}
        #: How many ways fall to a node that follows in its row, and in which order they were noted.
        self._fallen: dict[int, int] = {}
        self._noted: list[int] = []

    def all(self) -> ast.Block:
        """Every step of the level."""
        return self.body(self.level.root)

    def body(self, first: int) -> ast.Block:
        """The steps from a node on, up to the end of the level."""
        return () if first == TAIL else tuple(self._region(first, TAIL, self.depth))

    # --- a row of steps --------------------------------------------------------------------------

    def _region(self, first: int, follow: int, depth: int) -> list[Step]:
        """What a node dominates, as steps; behind them the flow is at ``follow``."""
        out: list[Step] = []
        #: Places (in reverse postorder) of what is still to come in this row.
        pending: list[int] = []
        at: int | None = first
        while at is not None:
            at = self._item(at, follow, depth, out, pending)
            while at is None and pending:
                at = self.tree.order[heappop(pending)]
                if self.blocks[at].final and not self._fallen.get(at):
                    at = None  # all that leads there has a copy of it
        return out

    def _falls(self, to: int) -> None:
        """Note that a way leads to what follows in its row."""
        self._noted.append(to)
        self._fallen[to] = self._fallen.get(to, 0) + 1

    def _forget(self, noted: int) -> None:
        """Take back what was noted since; the attempt failed."""
        for to in self._noted[noted:]:
            self._fallen[to] -= 1
        del self._noted[noted:]

    def _item(
        self, node: int, follow: int, depth: int, out: list[Step], pending: list[int]
    ) -> int | None:
        """One node with what stands inside it; the node that comes next whatever is pending."""
        merges = [child for child in self.tree.children[node] if self.level.incoming[child] > 1]
        if node in self.level.back:
            return self._group(node, follow, depth, out, pending)
        first = min((self.level.place[m] for m in merges), default=None)
        if pending and (first is None or pending[0] < first):
            first = pending[0]
        after = follow if first is None else self.tree.order[first]
        noted = len(self._noted)
        try:
            steps, onward = self._steps(node, after, depth)
        except UnstructuredError:
            self._forget(noted)
            return self._group(node, follow, depth, out, pending)
        out += steps
        for merge in merges:
            heappush(pending, self.level.place[merge])
        return onward

    def _steps(self, node: int, after: int, depth: int) -> tuple[list[Step], int | None]:
        """A node's own steps and its choice; ``after`` is what follows in the row."""
        jumps = self.level.jumps[node]
        if len(jumps) < 2:
            if not jumps:
                return self._own(node, depth), None
            to = jumps[0].to
            if to == after:
                self._falls(to)
                return self._own(node, depth), None
            if self.level.is_arm(to):
                return self._own(node, depth), to
            leave = self._leave(to, node)
            return [*self._own(node, depth), *leave], None
        tests, last = jumps[:-1], jumps[-1].to
        onward: int | None = None
        otherwise: ast.Block = ()
        if self._guards([jump.to for jump in tests], last, after):
            onward, after = last, NO_PLACE
        elif len(tests) == 1 and last != after and self._guards([last], tests[0].to, after):
            onward, after = tests[0].to, NO_PLACE
            tests = [Jump(negated(tests[0].condition), last)]
        else:
            otherwise = self._inside(last, after, depth, node)
        branches = tuple(
            (jump.condition, self._inside(jump.to, after, depth, node))
            for jump in tests
            if jump.condition is not None
        )
        block = self.blocks[node]
        site = block.site if block.owns_site else _plain(block.site)
        return [*self._own(node, depth), If(site, None, None, branches, otherwise)], onward

    def _guards(self, ways: list[int], other: int, after: int) -> bool:
        """Whether ways of a choice leave, so that its other way can go on behind it."""
        level = self.level
        if not level.is_arm(other) or not all(map(level.leaves, ways)):
            return False
        # At the end of a turn `else` reads better, where no choice follows inside it.
        if after != TAIL or level.loop == NONE or min(ways) < 0:
            return True
        return any(len(level.jumps[node]) > 1 for node in self.tree.subtree(other))

    def _inside(self, to: int, after: int, depth: int, node: int) -> ast.Block:
        """The steps of one way of the choice of a node."""
        if to == after:
            self._falls(to)
            return ()
        if not self.level.is_arm(to):
            return tuple(self._leave(to, node))
        if depth >= CHOICES:
            raise UnstructuredError
        return tuple(self._region(to, after, depth + 1))

    def _leave(self, to: int, node: int) -> list[Step]:
        """The jump of a node to what does not follow in its row."""
        site = _plain(self.blocks[node].site)
        if to == OUT:
            return [ast.Break(site, None, None)]
        if to == TAIL and self.level.loop != NONE:
            return [ast.Continue(site, None, None)]
        if to >= 0 and self.blocks[to].final:
            return [unnamed(step) for step in self.blocks[to].steps]
        raise UnstructuredError

    # --- one node --------------------------------------------------------------------------------

    def _own(self, node: int, depth: int) -> list[Step]:
        """What a node does, without where it leads. Made once: a row may be tried twice."""
        made = self._made.get(node)
        if made is None:
            block = self.blocks[node]
            if self.level.is_loop(node):
                made = [self._loop(self.level.numbers[node], block, depth + 1)]
            elif block.fork is not None:
                made = [self._parallel(block, depth + 1)]
            else:
                made = block.steps
            self._made[node] = made
        return made

    def _parallel(self, block: Block, depth: int) -> Step:
        branches = []
        if block.fork is None:
            raise UnstructuredError
        for name, scope in zip(block.fork.names, block.fork.branches, strict=True):
            site = scope.blocks[scope.entry].site
            steps = self.structure.steps(scope, depth)
            branches.append(ast.Branch(name, steps, site.span, site.pointer))
        return ast.Parallel(block.fork.site, None, None, tuple(branches), "all", None)

    def _loop(self, head: int, block: Block, depth: int) -> Step:
        """A loop whose head is a block of this level."""
        rows = self.structure.level(self.level.view, head, depth)
        site = block.site if block.owns_site else _plain(block.site)
        jumps = rows.level.jumps[rows.level.root]
        each = block.each
        if each is not None:
            return ast.For(
                site,
                None,
                None,
                each.own_item or each.item,
                each.own_index or each.index,
                each.over,
                rows.body(jumps[0].to),
                None,
                None,
                "all",
            )
        if len(jumps) == 2 and not block.steps and block.fork is None:
            test, other = jumps
            if other.to == OUT and test.condition is not None:
                return ast.While(site, None, None, test.condition, rows.body(test.to))
            if test.to == OUT:
                return ast.While(site, None, None, negated(test.condition), rows.body(other.to))
        always = Expr("true", const(True), block.site.span, block.site.pointer)
        return ast.While(_plain(block.site), None, None, always, rows.all())

    # --- what has no structure -------------------------------------------------------------------

    def _group(
        self, node: int, follow: int, depth: int, out: list[Step], pending: list[int]
    ) -> int | None:
        """A flow of nodes from one on, and what comes next whatever is pending.

        What stands in a group and leads to one place is a step of its own, with its structure. One
        such step that alone goes on behind the group stands behind the flow instead.
        """
        group = gather(self.level, node, follow, pending)
        flat, units = self._units(group, depth)
        falling = [at for at in flat if any(j.to == group.after for j in self.level.jumps[at])]
        last = [at for at, unit in units.items() if unit.to == group.after]
        if not falling and not last:
            last = [at for at, unit in units.items() if unit.to == NO_PLACE][-1:]
        onward = last[0] if not falling and len(last) == 1 else None
        after = group.after if onward is None else onward
        if onward is not None:
            del units[onward]
        order = [node, *(at for at in flat if at != node)]
        out.append(self._flow(order, units, after, depth))
        return onward

    def _units(self, group: Group, depth: int) -> tuple[list[int], dict[int, _Unit]]:
        """The nodes of a group one by one, and those that stand for all they dominate."""
        flat: list[int] = []
        units: dict[int, _Unit] = {}
        todo = [*group.heads]
        queued = set(todo)
        for at in todo:  # grows while it is read
            flat.append(at)
            for child in self.tree.children[at]:
                if child not in group.members or child in queued:
                    continue
                unit = self._unit(child, group, depth) if self.level.is_arm(child) else None
                if unit is None:
                    queued.add(child)
                    todo.append(child)
                else:
                    units[child] = unit
        ordered = sorted(units, key=self.level.place.__getitem__)
        return flat, {at: units[at] for at in ordered}

    def _unit(self, node: int, group: Group, depth: int) -> _Unit | None:
        """All that a node dominates as steps, if it leads to one place and has structure.

        Not what leads back into the group and also ends: the end may be a long way behind.
        """
        to = way_out(self.level, node, NO_PLACE)
        if to is None or depth >= CHOICES:
            return None
        if to in group.members and any(self.blocks[n].final for n in self.tree.subtree(node)):
            return None
        noted = len(self._noted)
        try:
            steps = self._region(node, to, depth + 1)
        except UnstructuredError:
            self._forget(noted)
            return None
        self._forget(noted)  # what it falls to is a jump of the flow
        return _Unit(steps, to)

    def _flow(self, order: list[int], units: dict[int, _Unit], after: int, depth: int) -> Step:
        """The flow of some nodes; ``after`` is where it ends."""
        first, *rest = order
        nodes = [first, *sorted((*rest, *units), key=self.level.place.__getitem__)]
        index: dict[int, int | None] = {node: i for i, node in enumerate(nodes)}
        index[after] = None
        cells: list[Cell] = []
        ways: list[list[Jump]] = []
        for node in nodes:
            unit = units.get(node)
            steps = self._own(node, depth) if unit is None else unit.steps
            cells.append(Cell(self.blocks[node].name, self.blocks[node].site, steps))
            if unit is None:
                ways.append(self.level.jumps[node])
            else:
                ways.append([] if unit.to == NO_PLACE else [Jump(None, unit.to)])
        for node, cell, jumps in zip(nodes, [*cells], ways, strict=True):
            for jump in jumps:
                if jump.to not in index:
                    index[jump.to] = len(cells)
                    site = _plain(self.blocks[node].site)
                    cells.append(Cell("leave", site, self._leave(jump.to, node)))
                elif jump.to == after:
                    self._falls(after)
                cell.jumps.append((jump.condition, index[jump.to]))
        scope = self.level.view.scope
        exit_ = scope.blocks[scope.exit]
        return make_flow(Site(exit_.site.pointer, self.blocks[order[0]].site.span), cells)


@mutable
class _Unit:
    """Steps that stand for all a node dominates, and where they lead."""

    steps: list[Step]
    to: int
