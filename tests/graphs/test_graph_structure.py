"""What graphs are made of: the steps that the structure found, as short texts."""

from __future__ import annotations

import json
from typing import Any

import pytest

from runeskript.compiler.load_text import parse_document
from runeskript.model import ast
from runeskript.model.diagnostics import Diagnostics


def steps(nodes: list[dict[str, Any]], *edges: str) -> str:
    """The steps of a graph; an edge is ``a b``, ``a b?cond``, ``a b:else``, ``a b:body``."""
    made = []
    for edge in edges:
        source, _, target = edge.partition(" ")
        target, _, kind = target.partition(":")
        target, _, condition = target.partition("?")
        row = {"source": source, "target": target}
        row |= {"branch_type": kind} if kind else {}
        row |= {"condition": condition} if condition else {}
        made.append(row)
    text = json.dumps({"id": "x", "nodes": nodes, "edges": made})
    diagnostics = Diagnostics()
    document = parse_document(text, "x.json", diagnostics)
    assert document is not None
    assert diagnostics.sorted() == ()
    return block(document.body)


def block(steps_: ast.Block) -> str:
    return " ".join(map(step, steps_))


def step(at: ast.Step) -> str:
    name = at.site.id or ""
    if isinstance(at, ast.If):
        ways = [f"{test.source}: {block(body) or '-'}" for test, body in at.branches]
        ways += [f"else: {block(at.otherwise)}"] if at.otherwise else []
        return f"if({'; '.join(ways)})"
    if isinstance(at, ast.While):
        return f"while({at.condition.source}: {block(at.body)})"
    if isinstance(at, ast.For):
        return f"for({at.item}: {block(at.body)})"
    if isinstance(at, ast.Parallel):
        return f"parallel({' | '.join(block(branch.body) for branch in at.branches)})"
    if isinstance(at, ast.Flow):
        rows = []
        for label, inner, jumps in zip(at.labels, at.steps, at.jumps, strict=True):
            where = ", ".join("on" if to is None else at.labels[to] for _, to in jumps)
            rows.append(f"{label}={step(inner)}->{where}")
        return f"flow({'; '.join(rows)})"
    if isinstance(at, ast.Do):
        return f"do({block(at.body)})"
    if isinstance(at, ast.Return | ast.Break | ast.Continue):
        return type(at).__name__.lower()
    return name or f"set {at.assignments[0][0].name}" if isinstance(at, ast.Set) else name


def a(id_: str) -> dict[str, Any]:
    return {"id": id_, "type": "Assign", "expression": f"v_{id_} = 1"}


def choice(id_: str, *tests: str) -> dict[str, Any]:
    return {"id": id_, "type": "If", "branches": [{"condition": test} for test in tests]}


def loop(id_: str, test: str = "x") -> dict[str, Any]:
    return {"id": id_, "type": "Loop", "condition": test}


def each(id_: str) -> dict[str, Any]:
    return {"id": id_, "type": "Iteration", "collection": "xs"}


S: dict[str, Any] = {"id": "s", "type": "Start"}
E: dict[str, Any] = {"id": "e", "type": "End"}
P: dict[str, Any] = {"id": "p", "type": "Parallel"}


def test_a_row() -> None:
    assert steps([S, a("a"), a("b"), E], "s a", "a b", "b e") == "a b return"


def test_a_choice_that_meets_again() -> None:
    nodes = [S, choice("c", "x", "y"), a("a"), a("b"), a("d"), a("f"), E]
    edges = ("s c", "c a", "c b", "c d:else", "a f", "b f", "d f", "f e")
    assert steps(nodes, *edges) == "if(x: a; y: b; else: d) f return"


def test_a_choice_with_one_way_past_it() -> None:
    nodes = [S, choice("c", "x"), a("a"), E]
    assert steps(nodes, "s c", "c a", "c e:else", "a e") == "if(x: a) return"


def test_two_conditions_that_lead_to_one_node_are_one() -> None:
    nodes = [S, choice("c", "x", "y"), a("a"), a("b"), E]
    edges = ("s c", "c a?x", "c a?y", "c b:else", "a e", "b e")
    assert steps(nodes, *edges) == "if((x) or (y): a; else: b) return"


def test_any_number_of_conditions_that_lead_to_one_node_do_not_nest() -> None:
    nodes = [S, choice("c", "x", "y", "z"), a("a"), a("b"), E]
    edges = ("s c", "c a?x", "c a?y", "c a?z", "c b:else", "a e", "b e")
    assert steps(nodes, *edges) == "if((x) or (y) or (z): a; else: b) return"


def test_guards_do_not_nest() -> None:
    nodes = [S]
    edges = ["s g0"]
    for i in range(5):
        nodes += [choice(f"g{i}", f"x{i}"), a(f"a{i}"), {"id": f"e{i}", "type": "End"}]
        edges += [f"g{i} a{i}?x{i}", f"g{i} g{i + 1}:else", f"a{i} e{i}"]
    text = steps([*nodes, {**E, "id": "g5"}], *edges)
    assert text == " ".join(f"if(x{i}: a{i} return)" for i in range(5)) + " return"


def test_guards_that_lead_to_one_end_do_not_nest_either() -> None:
    nodes = [S, *(choice(f"g{i}", f"x{i}") for i in range(4)), a("a"), E]
    edges = [
        "s g0",
        *(f"g{i} e?x{i}" for i in range(4)),
        *(f"g{i} g{i + 1}:else" for i in range(3)),
    ]
    text = steps(nodes, *edges, "g3 a:else", "a e")
    assert text == " ".join(f"if(x{i}: return)" for i in range(4)) + " a return"


def test_the_opposite_guard() -> None:
    nodes = [S, a("z"), choice("c", "x"), a("a"), {**E, "id": "bad"}]
    text = steps(nodes, "s z", "z c", "c a", "c bad:else", "a z")
    assert text == "while(true: z if(not (x): break) a) return"


def test_choices_that_nest_too_deep_become_a_flow() -> None:
    count = 30
    nodes = [
        S,
        *(choice(f"c{i}", f"x{i}") for i in range(count)),
        *(a(f"a{i}") for i in range(count)),
        E,
    ]
    edges = ["s c0"]
    for i in range(count):
        inner = f"c{i + 1}" if i + 1 < count else f"a{i}"
        edges += [f"c{i} {inner}?x{i}", f"c{i} a{i}:else", f"a{i} {f'a{i - 1}' if i else 'e'}"]
    text = steps(nodes, *edges)
    assert text.startswith("if(x0: if(x1:")
    assert "flow(" in text
    assert text.count("(x2:") == 1


# --- loops ------------------------------------------------------------------------------------
def test_a_loop_node() -> None:
    nodes = [S, loop("l"), a("a"), a("b"), E]
    assert steps(nodes, "s l", "l a:body", "a b", "b l", "l e") == "while(x: a b) return"


def test_a_dead_end_in_a_body_ends_the_turn() -> None:
    nodes = [S, loop("l"), choice("c", "y"), a("a"), a("b"), E]
    text = steps(nodes, "s l", "l c:body", "c a", "c b:else", "l e")
    assert text == "while(x: if(y: a; else: b)) return"


def test_an_iteration_inside_a_loop_begins_anew() -> None:
    nodes = [S, loop("l"), each("i"), a("a"), E]
    text = steps(nodes, "s l", "l i:body", "i a:body", "a i", "i l", "l e")
    assert text == "while(x: for(item: a)) return"


def test_an_edge_from_behind_an_iteration_begins_it_anew() -> None:
    nodes = [S, each("i"), a("a"), choice("c", "y"), E]
    text = steps(nodes, "s i", "i a:body", "a i", "i c", "c i", "c e:else")
    assert text == "while(true: for(item: a) if(y: -; else: break)) return"


def test_break_and_continue() -> None:
    nodes = [S, each("i"), choice("c", "y", "z"), a("a"), a("b"), E]
    text = steps(nodes, "s i", "i c:body", "c i?y", "c b?z", "c a:else", "a i", "i b", "b e")
    assert text == "for(item: if(y: continue; z: break) a) b return"


def test_what_leaves_a_loop_and_ends_stays_inside() -> None:
    nodes = [S, each("i"), choice("c", "y"), a("found"), a("none"), {**E, "id": "e2"}, E]
    text = steps(nodes, "s i", "i c:body", "c found", "c i:else", "found e2", "i none", "none e")
    assert text == "for(item: if(y: found return)) none return"


def test_a_loop_left_to_two_places_notes_where() -> None:
    nodes = [S, each("i"), choice("c", "y"), a("found"), a("none"), a("both"), E]
    edges = (
        "s i",
        "i c:body",
        "c found",
        "c i:else",
        "found both",
        "i none",
        "none both",
        "both e",
    )
    text = steps(nodes, *edges)
    assert text == (
        "set $leave1 for(item: if(y: set $leave1 break))"
        " if($leave1: set $leave1 found; else: none) both return"
    )


def test_a_jump_out_of_two_loops() -> None:
    nodes = [S, loop("l"), each("i"), choice("c", "y"), a("out"), a("j"), E]
    edges = ("s l", "l i:body", "i c:body", "c out", "c i:else", "i l", "l j", "out j", "j e")
    text = steps(nodes, *edges)
    assert text == (
        "set $leave1 while(x: for(item: if(y: set $leave1 break))"
        " if($leave1: set $leave2 break))"
        " if($leave2: set $leave2 set $leave1 out) j return"
    )


def test_a_cycle_with_a_choice_at_its_head_is_a_while() -> None:
    nodes = [S, choice("c", "x"), a("a"), E]
    assert steps(nodes, "s c", "c a", "a c", "c e:else") == "while(x: a) return"
    assert steps(nodes, "s c", "c e", "a c", "c a:else") == "while(not (x): a) return"


def test_a_cycle_with_its_choice_at_the_end() -> None:
    nodes = [S, a("a"), choice("c", "x"), a("b"), E]
    text = steps(nodes, "s a", "a c", "c a", "c b:else", "b e")
    assert text == "while(true: a if(x: -; else: break)) b return"


def test_an_endless_cycle() -> None:
    assert steps([S, a("a"), a("b")], "s a", "a b", "b a") == "while(true: a b)"


# --- forks ------------------------------------------------------------------------------------
def test_a_fork_by_edges() -> None:
    nodes = [S, P, a("a"), a("b"), a("j"), E]
    text = steps(nodes, "s p", "p a", "p b", "a j", "b j", "j e")
    assert text == "parallel(a | b) j return"


def test_a_branch_that_is_empty() -> None:
    assert steps([S, P, a("a"), a("j")], "s p", "p a", "p j", "a j") == "parallel(a | ) j return"


def test_choices_and_loops_in_branches() -> None:
    nodes = [S, P, loop("l"), a("a"), choice("c", "y"), a("b"), a("d"), E]
    edges = ("s p", "p l", "p c", "l a:body", "a l", "l e", "c b", "c d:else", "b e", "d e")
    assert steps(nodes, *edges) == "parallel(while(x: a) | if(y: b; else: d)) return"


def test_branches_that_meet_at_the_head_of_a_loop() -> None:
    nodes = [S, loop("l"), P, a("a"), a("b"), E]
    text = steps(nodes, "s l", "l p:body", "p a", "p b", "a l", "b l", "l e")
    assert text == "while(x: parallel(a | b)) return"


# --- flows ------------------------------------------------------------------------------------
def test_a_flow_is_as_small_as_it_can_be() -> None:
    nodes = [S, a("a"), choice("c", "x"), a("l"), choice("d", "y"), a("m"), a("z"), E]
    edges = ("s a", "a c", "c l", "c d:else", "l m", "d m", "d z:else", "m z", "z e")
    text = steps(nodes, *edges)
    assert text == "a flow(c=do()->l, d; l=l->m; d=do()->m, on; m=m->on) z return"


def test_a_cycle_with_two_heads() -> None:
    nodes = [S, choice("c", "x"), a("a"), a("b"), choice("d", "y"), E]
    edges = ("s c", "c a", "c b:else", "a b", "b d", "d a", "d e:else")
    text = steps(nodes, *edges)
    assert text == "flow(c=do()->a, b; b=b->d; d=do()->a, on; a=a->b) return"


def test_loops_and_forks_inside_a_flow_keep_their_structure() -> None:
    nodes = [S, choice("c", "x"), each("i"), a("t"), P, a("q"), a("r"), a("b"), choice("d", "y"), E]
    edges = (
        "s c", "c i", "c p:else", "i t:body", "t i", "i p", "p q", "p r", "q b", "r b", "b d",
        "d i", "d e:else",
    )  # fmt: skip
    text = steps(nodes, *edges)
    assert "i=for(item: t)->p" in text
    assert "p=parallel(q | r)->b" in text


def test_a_flow_inside_a_loop_may_leave_it() -> None:
    nodes = [S, loop("l"), choice("c", "y"), a("a"), a("b"), choice("d", "z"), E]
    edges = ("s l", "l c:body", "c a", "c b:else", "a b", "b d", "d a", "d l?w", "d e:else", "l e")
    nodes[5] = choice("d", "z", "w")
    text = steps(nodes, *edges)
    assert text == (
        "while(x: flow(c=do()->a, b; b=b->d; d=if(z: -; w: continue; else: break)->a; a=a->b)) return"
    )


# --- lists ------------------------------------------------------------------------------------
@pytest.mark.parametrize("wrapped", [False, True])
def test_branches_and_bodies_as_lists(wrapped: bool) -> None:
    def part(*inner: dict[str, Any]) -> Any:
        return {"nodes": list(inner)} if wrapped else list(inner)

    fork = {"id": "p", "type": "Parallel", "branches": [part(a("a"), a("b")), part()]}
    loop_ = {**loop("l"), "body": part(a("c"), fork)}
    test = {
        "id": "i",
        "type": "If",
        "branches": [{"condition": "x", "nodes": [a("d"), a("f")]}],
        "else": part(loop_),
    }
    text = steps([S, test, a("g"), E], "s i", "i g", "g e")
    assert text == "if(x: d f; else: while(x: c parallel(a b | ))) g return"
