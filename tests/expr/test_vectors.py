"""Golden vectors: what every expression means, on every supported Python and platform.

``RUNE_UPDATE=1`` writes the results of this build into ``vectors.json``; a change of any of them is
a change of the language and raises ``model.versions.SEMANTICS``.
"""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from expr.evaluating import context, lowered, outcome, region_outcome, shown
from expr.interpreter import Interpreter
from runeskript.errors import StepError
from runeskript.expr.functions import FUNCTIONS
from runeskript.expr.ir import COMPARISONS, TABLE, walk

PATH = Path(__file__).parent / "vectors.json"
ROWS: list[dict[str, Any]] = json.loads(PATH.read_text(encoding="utf-8"))
EXAMPLES = [
    {"expression": expression, "result": value}
    for row in FUNCTIONS.values()
    for expression, value in row.examples
]


def expected(row: dict[str, Any]) -> Any:
    return ("error", row["error"]) if "error" in row else ("value", shown(row["result"]))


def graphical(row: dict[str, Any]) -> bool:
    """Whether the expression is written as in the graph form: `+` joins text, `${...}` brackets."""
    return bool(row.get("graph"))


def update() -> None:
    rows = []
    for row in ROWS:
        kept = {k: v for k, v in row.items() if k in ("expression", "variables", "graph")}
        kind, value = outcome(row["expression"], row.get("variables"), graph=graphical(row))
        rows.append({**kept, **({"error": value} if kind == "error" else {})})
        if kind == "value":
            rows[-1]["result"] = json.loads(value)
    text = ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    PATH.write_text(f"[\n{text}\n]\n", encoding="utf-8")


if os.environ.get("RUNE_UPDATE") == "1":
    update()
    ROWS = json.loads(PATH.read_text(encoding="utf-8"))


@pytest.mark.parametrize("row", ROWS + EXAMPLES, ids=lambda row: row["expression"][:60])
def test_vector(row: dict[str, Any]) -> None:
    variables = row.get("variables", {})
    graph = graphical(row)
    assert outcome(row["expression"], variables, graph=graph) == expected(row)
    assert region_outcome(row["expression"], variables, graph=graph) == expected(row)


@pytest.mark.parametrize("row", ROWS + EXAMPLES, ids=lambda row: row["expression"][:60])
def test_vector_holds_for_the_plain_interpreter(row: dict[str, Any]) -> None:
    variables = row.get("variables", {})
    ir = lowered(row["expression"], variables, graph=graphical(row))
    try:
        value = Interpreter(list(variables.values()), context()).result(ir)
    except StepError as error:
        assert ("error", error.type) == expected(row)
    else:
        assert ("value", shown(value)) == expected(row)


def test_vectors_cover_the_language() -> None:
    tags: set[str] = set()
    functions: set[str] = set()
    comparisons: set[str] = set()
    for row in ROWS:
        for node in walk(
            lowered(row["expression"], row.get("variables", {}), graph=graphical(row))
        ):
            tags.add(node[0])
            if node[0] == "call":
                functions.add(node[1])
            if node[0] == "compare":
                comparisons |= {op for op, _ in node[2]}
    assert len(ROWS) >= 500
    assert functions == set(FUNCTIONS)
    assert comparisons == set(COMPARISONS)
    # The rest comes from the compiler's lowering, never from text alone (tested with regions).
    lowering = {"duration", "instant", "isset", "fault", "aslist", "push", "paid"}
    assert set(TABLE) - tags <= lowering | {"name", "ucall", "secret"}
