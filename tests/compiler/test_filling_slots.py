"""Names become slots, in the order in which they are mentioned."""

from __future__ import annotations

from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from compiler.test_simplify import named
from expr.test_generated_code import expressions
from runeskript.compiler.irtools import fill, replace
from runeskript.expr.parser import parse_expression, parse_template
from runeskript.model.ast import IR

FUNCTIONS = {"net": 0, "f": 1}


class _Slots(dict[str, IR]):
    def __missing__(self, name: str) -> IR:
        node = self[name] = ("slot", len(self))
        return node


def _by_replacing(ir: IR, slots: _Slots) -> Any:
    def leaf(node: IR) -> IR:
        if node[0] == "name":
            return slots[node[1]]
        return ("ucall", FUNCTIONS[node[1]], *node[2:]) if type(node[1]) is str else node

    return replace(ir, leaf)


@settings(max_examples=200, deadline=None)
@given(st.one_of(expressions().map(named), st.sampled_from((("isset", "a"), ("const", ("name",))))))
@example(parse_expression("net(a.b, 2) < f() <= c[a] or b not in [d, 1, [e]]").ir)
@example(parse_expression("{'k': a, b: {'l': 1, 'm': c}, 'n': 2}['k'][a:b]").ir)
@example(parse_expression("[x.k + a for x in b if x > c]").ir)
@example(parse_expression("{k: net(v) for k, v in items(a) if f(b)}").ir)
@example(parse_template("a ${-b} and ${c if a else d}").ir)
@example(("fault", ("aslist", ("push", ("name", "a"), ("paid", ("const", 1), 7)))))
@example(("and", (("isset", "b"), ("name", "a"))))
def test_as_by_replacing_leaf_by_leaf(ir: IR) -> None:
    one, other = _Slots(), _Slots()
    assert fill(ir, one, FUNCTIONS) == _by_replacing(ir, other)
    assert list(one.items()) == list(other.items())
