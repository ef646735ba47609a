"""An If without a way for "nothing is true" is the last node of its list, and nothing is reported."""

from __future__ import annotations

from runeskript.compiler.pipeline import Options, compile_text
from runeskript.testing import simulate

FLOW = """\
id: flow
nodes:
  - {id: start, type: Start, next: check}
  - {id: check, type: If, branches: [{condition: "${level} == 'VIP'", next: vip}]}
  - {id: vip, type: Assign, expression: x = 1, next: end}
  - {id: end, type: End, output: x}
"""


def test_a_document_ends_with_the_object_of_all_variables() -> None:
    compiled = compile_text(FLOW, "flow.yaml", options=Options(lint=True))
    assert compiled.diagnostics == ()
    assert simulate(compiled.blueprint, input={"level": "VIP"}).output == 1
    assert simulate(compiled.blueprint, input={"level": "new"}).output == {"level": "new"}


def test_a_body_begins_its_next_turn() -> None:
    text = """\
id: flow
variables: {x: 0}
nodes:
  - {id: start, type: Start, next: each}
  - id: each
    type: Iteration
    collection: ${items}
    body:
      nodes:
        - {id: check, type: If, branches: [{condition: item > 1}]}
        - {id: add, type: Assign, expression: x = x + item}
      edges: [{source: check, target: add}]
    next: end
  - {id: end, type: End, output: x}
"""
    compiled = compile_text(text, "flow.yaml")
    assert simulate(compiled.blueprint, input={"items": [1, 2, 3]}).output == 5
