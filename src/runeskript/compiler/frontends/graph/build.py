"""Nodes and their ways -> blocks: loops get heads, lists of nodes are spliced in, dead ends end.

Two things depend on which node dominates which. Where a node inside the body of a loop leads
nowhere, its turn is over. And an edge to an iteration from inside its body goes on with the next
element, while one from anywhere else begins anew.
"""

from __future__ import annotations

from typing import Final

from ....model.ast import Expr, Return, Set, Site, Target
from .blocks import Block, Fork, Jump, Scope
from .dominators import Tree
from .targets import Dest, End
from .ways import Wiring
from .written import GraphNode, Part

#: Where a dead end leads until it is known whether it stands in a loop.
DEAD: Final = -1
#: The condition of an iteration's head: whether any element is left.
ANY_LEFT: Final = Expr("", ("const", True))
#: Stands for the object of all variables until it is known which they are (``names.py``).
EVERYTHING: Final = Expr("", ("const", None))


class Builder:
    """Builds the scopes of one graph.

    ``document``: an End ends the run. ``into``: of a step, where the output of its End goes.
    ``shared``: all Ends without output go to one place.
    """

    def __init__(
        self, wiring: Wiring, *, document: bool, into: Target | None = None, shared: bool = False
    ) -> None:
        self.wiring = wiring
        self.fields = wiring.fields
        self.document = document
        self.into = into
        self.shared = shared
        self.led_to = _led_to(wiring)

    def scope(self, part: Part, title: str) -> Scope:
        """The scope of the whole graph, or of one branch."""
        return _ScopeBuilder(self, part, title).build()


def _led_to(wiring: Wiring) -> set[int]:
    """The nodes that something leads to."""
    out: set[int] = set()
    for ways in wiring.ways.values():
        dests = [*(to for _, to in ways.tests), ways.default, ways.after, *ways.splits, ways.body]
        out.update(id(to) for to in dests if isinstance(to, GraphNode))
    return out


class _ScopeBuilder:
    def __init__(self, builder: Builder, part: Part, title: str) -> None:
        self.builder = builder
        self.wiring = builder.wiring
        self.fields = builder.fields
        self.part = part
        self.title = title
        self.scope = Scope([], 0, 0)
        self.numbers: dict[int, int] = {}
        self.nodes: list[tuple[GraphNode, int]] = []
        #: Of several Starts, each; they are reported as such.
        self.starts: list[GraphNode] = []
        #: The first block of a body -> the head of its loop.
        self.bodies: dict[int, int] = {}

    def build(self) -> Scope:
        part = self.part
        span = self.fields.place(part.node)
        site = Site(part.pointer, span)
        root = part.role == "graph" and self.builder.document
        exit_ = Block(self.title, site, owns_site=False)
        if root:
            exit_.steps = [Return(site, None, None, EVERYTHING)]
            exit_.final = not self.builder.shared
        self.scope.exit = self.scope.add(exit_)
        self._blocks(part)
        self._jumps(part)
        self.scope.entry = self._enter(part)
        tree = self._dead_ends()
        self._unreached(tree)
        self._iterations(tree)
        self._forks()
        self.scope.compact()
        return self.scope

    # --- blocks ----------------------------------------------------------------------------------

    def _blocks(self, part: Part) -> None:
        """A block for each node, of the lists inside too but for branches of forks."""
        for node in part.nodes:
            block = Block(node.id or node.pointer, node.site, [*node.steps])
            block.at = self.fields.place(node.node)
            block.owns_site = not node.steps
            number = self.numbers[id(node)] = self.scope.add(block)
            self.nodes.append((node, number))
            if node.type == "End":
                self._end(node, block)
            elif node.each is not None:
                block.each = node.each
                node.each.turn = self.scope.add(Block(block.name, self._again(node)))
                self.bodies[node.each.turn] = number
            elif node.type == "Loop":
                self.bodies[self.scope.add(Block(block.name, self._again(node)))] = number
            for inner in node.inner():
                if inner.role != "branch":
                    self._blocks(inner)

    def _again(self, node: GraphNode) -> Site:
        return Site(node.pointer, node.site.span)

    def _end(self, node: GraphNode, block: Block) -> None:
        site, builder = node.site, self.builder
        if self.part.role == "branch":
            if node.output is not None and self.part.owner is not None:
                self.fields.add(
                    "RUNE-1206",
                    f"{node.title} returns from inside a branch of {self.part.owner.title}",
                    node.node,
                    node.pointer,
                    "a branch is over here; leave `output` out, and end the run behind the fork",
                )
        elif not builder.document:
            self._step_end(node, block)
        elif node.output is not None or not builder.shared:
            value = EVERYTHING if node.output is None else node.output
            block.steps = [Return(site, None, None, value)]
            block.final = True
            return
        block.jumps = [Jump(None, self.scope.exit)]

    def _step_end(self, node: GraphNode, block: Block) -> None:
        """The End of a step: its output goes where the step says."""
        site, into, value = node.site, self.builder.into, node.output
        if into is not None:
            if value is None:
                value = Expr("null", ("const", None), site.span, site.pointer)
            block.steps = [Set(site, None, None, ((into, value),))]
            block.owns_site = False
        elif value is not None:
            self.fields.diagnostics.add(
                "RUNE-3018",
                f"the output of {node.title} is dropped: the step has no `into`",
                value.span,
                value.pointer,
                "add `into: NAME` beside `graph`",
            )

    # --- jumps -----------------------------------------------------------------------------------

    def _jumps(self, part: Part) -> None:
        for node in part.nodes:
            block = self.scope.blocks[self.numbers[id(node)]]
            ways = self.wiring.ways[id(node)]
            if node.type == "End":
                continue
            if ways.body is not None:
                body = self._first_of_body(node)
                condition = ANY_LEFT if node.each is not None else node.condition
                self.scope.blocks[body].jumps = [Jump(None, self._at(ways.body, part))]
                block.jumps = [Jump(condition, body), Jump(None, self._at(ways.default, part))]
            elif ways.splits:
                block.splits = True
                block.meets = ways.meets.id if ways.meets is not None else None
                block.jumps = [Jump(None, self._at(to, part)) for to in ways.splits]
            else:
                block.jumps = [Jump(test, self._at(to, part)) for test, to in ways.tests]
                block.jumps.append(Jump(None, self._at(ways.default, part)))
            for inner in node.inner():
                if inner.role != "branch":
                    self._jumps(inner)

    def _first_of_body(self, node: GraphNode) -> int:
        """The block that a turn of a loop begins with: it stands behind the head."""
        return self.numbers[id(node)] + 1

    def _at(self, to: Dest, part: Part) -> int:
        """The block a way leads to from a node of ``part``."""
        while not isinstance(to, GraphNode):
            if to is End.BRANCH:
                return self.scope.exit
            if isinstance(to, Part):
                if to.nodes:
                    return self._enter(to)
                part = to  # an empty list is over at once
            owner = part.owner
            if part.role == "branch":
                return self.scope.exit
            if owner is None:
                return DEAD
            if part.role == "body":
                return self.numbers[id(owner)]
            to, part = self.wiring.ways[id(owner)].after, owner.part
        return self.numbers[id(to)]

    def _enter(self, part: Part) -> int:
        """The block that a list of nodes begins with."""
        starts = [node for node in part.nodes if node.type == "Start"]
        if len(starts) > 1:
            at = self.fields.place(starts[0].node)
            self.fields.add(
                "RUNE-1204",
                f"{starts[0].title} and {starts[1].title} are both a Start",
                starts[1].node,
                starts[1].pointer,
                "a list of nodes begins at one",
                ((at, "the first one"),),
            )
            self.starts += starts
        if starts:
            return self.numbers[id(starts[0])]
        if not part.nodes:
            return self.scope.exit
        free = [node for node in part.nodes if id(node) not in self.builder.led_to]
        if len(free) == 1 or part.in_order or part.role != "graph":
            return self.numbers[id((free or part.nodes)[0])]
        if free:
            names = ", ".join(node.title for node in free[:5])
            more = "" if len(free) <= 5 else f" and {len(free) - 5} more"
            self.fields.add(
                "RUNE-1204",
                f"there is no Start, and nothing leads to {names}{more}",
                part.node,
                part.pointer,
                "add a node of type Start that leads to the first one",
            )
        return self.numbers[id((free or part.nodes)[0])]

    # --- what dominators tell --------------------------------------------------------------------

    def _dead_ends(self) -> Tree:
        """Let each dead end end its turn, its branch or the flow."""
        edges = [[j.to for j in b.jumps if j.to != DEAD] for b in self.scope.blocks]
        tree = Tree(edges, self.scope.entry)
        nearest: dict[int, int] = {}
        for number in tree.order:
            above = tree.idom[number]
            body = number if number in self.bodies else nearest.get(above, DEAD)
            nearest[number] = body
        for number, block in enumerate(self.scope.blocks):
            head = self.bodies.get(nearest.get(number, DEAD), self.scope.exit)
            for jump in block.jumps:
                if jump.to == DEAD:
                    jump.to = head
        # The new edges lead to what dominates their source, or to the exit.
        return Tree(self.scope.successors(), self.scope.entry)

    def _unreached(self, tree: Tree) -> None:
        for node, number in self.nodes:
            owner = node.part.owner
            held = owner is not None and owner.part.role != "branch"
            inner = owner is not None and id(owner) in self.numbers
            if tree.reached(number) or node in self.starts:
                continue
            if held and inner and owner is not None and not tree.reached(self.numbers[id(owner)]):
                continue
            hint = "remove it, or let an edge lead to it"
            if node.id is None:
                hint = "give it an `id` that an edge can name"
            what = "no edge leads to" if id(node) not in self.builder.led_to else "no path leads to"
            self.fields.add("RUNE-1203", f"{what} {node.title}", node.node, node.pointer, hint)

    def _iterations(self, tree: Tree) -> None:
        """Let what leads to an iteration from outside its body lead to its beginning."""
        scope = self.scope
        heads = [n for n, block in enumerate(scope.blocks) if block.each is not None]
        if not heads:
            return
        before: dict[int, list[int]] = {head: [] for head in heads}
        for number in tree.order:
            for jump in scope.blocks[number].jumps:
                if jump.to in before:
                    before[jump.to].append(number)
        for head in heads:
            block = scope.blocks[head]
            each = block.each
            if each is None or not tree.reached(head):
                continue
            each.enter = scope.add(Block(block.name, Site(block.site.pointer, block.site.span)))
            for number in before[head]:
                if not tree.dominates(each.turn, number):
                    for jump in scope.blocks[number].jumps:
                        if jump.to == head:
                            jump.to = each.enter
            scope.blocks[each.enter].jumps = [Jump(None, head)]
            if scope.entry == head:
                scope.entry = each.enter
        self._entered_twice(heads, before)

    def _entered_twice(self, heads: list[int], before: dict[int, list[int]]) -> None:
        """Refuse an iteration whose body something else leads into: whether a turn ends or the
        iteration begins anew would depend on the way taken."""
        scope = self.scope
        tree = Tree(scope.successors(), scope.entry)
        at = {number: i for i, number in enumerate(tree.order)}
        for head in heads:
            each = scope.blocks[head].each
            if each is None or each.enter not in at:
                continue
            for number in before[head]:
                leads = any(jump.to == each.enter for jump in scope.blocks[number].jumps)
                if not leads or at[number] < at[each.enter] or tree.dominates(each.enter, number):
                    continue
                name, source = scope.blocks[head].name, scope.blocks[number].name
                self.fields.diagnostics.add(
                    "RUNE-1207",
                    f"`{source}` leads back to the iteration `{name}`, and can also be reached"
                    " without it",
                    scope.blocks[number].place,
                    scope.blocks[number].site.pointer,
                    f"let only edges from inside lead to the nodes of the body of `{name}`",
                )
                break

    def _forks(self) -> None:
        """The branches that stand inside their Parallel."""
        for node, number in self.nodes:
            if node.parts is None:
                continue
            block = self.scope.blocks[number]
            names = [f"branch_{i}" for i in range(len(node.parts))]
            scopes = [
                self.builder.scope(part, name) for part, name in zip(node.parts, names, strict=True)
            ]
            block.fork = Fork(node.site, names, scopes)
            block.owns_site = False
