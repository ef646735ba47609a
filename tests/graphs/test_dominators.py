"""Dominators against their definition: what cannot be reached without a node is dominated by it."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from runeskript.compiler.frontends.graph.dominators import (
    UNREACHED,
    Tree,
    immediate_dominators,
    reverse,
    reverse_postorder,
)


@st.composite
def graphs(draw: st.DrawFn) -> list[list[int]]:
    count = draw(st.integers(1, 9))
    node = st.integers(0, count - 1)
    return [draw(st.lists(node, max_size=3)) for _ in range(count)]


def reached(successors: list[list[int]], without: int | None = None) -> set[int]:
    seen: set[int] = set()
    todo = [0] if without != 0 else []
    while todo:
        at = todo.pop()
        if at not in seen and at != without:
            seen.add(at)
            todo += successors[at]
    return seen


@settings(max_examples=300, deadline=None)
@given(graphs())
def test_by_definition(successors: list[list[int]]) -> None:
    tree = Tree(successors, 0)
    everything = reached(successors)
    for node in everything:
        dominating = {d for d in everything if d == node or node not in reached(successors, d)}
        assert {d for d in everything if tree.dominates(d, node)} == dominating
        assert set(tree.subtree(node)) == {n for n in everything if tree.dominates(node, n)}
        if node != 0:
            # The nearest: all other dominators dominate it.
            assert all(tree.dominates(d, tree.idom[node]) for d in dominating - {node})
    unreached = set(range(len(successors))) - everything
    assert {n for n, d in enumerate(immediate_dominators(successors, 0)) if d == UNREACHED} == (
        unreached
    )


@settings(max_examples=200, deadline=None)
@given(graphs())
def test_reverse_postorder(successors: list[list[int]]) -> None:
    order = reverse_postorder(successors, 0)
    assert sorted(order) == sorted(reached(successors))
    tree = Tree(successors, 0)
    assert tree.order == order
    place = {node: i for i, node in enumerate(order)}
    for node in order:
        assert place[tree.idom[node]] <= place[node]
    assert sum(map(len, reverse(successors))) == sum(map(len, successors))


def test_the_order_follows_the_text_where_the_graph_leaves_it_open() -> None:
    assert reverse_postorder([[1, 2], [3], [3], []], 0) == [0, 1, 2, 3]


def test_ten_thousand_guards_that_lead_to_one_node() -> None:
    count = 10_000
    successors = [[i + 1, count] for i in range(count)] + [[]]
    tree = Tree(successors, 0)
    assert tree.idom[count] == 0
    assert tree.depth[count - 1] == count - 1
