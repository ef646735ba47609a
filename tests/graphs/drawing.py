"""Random graph documents: any edges between any nodes, so that most shapes of flow occur."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

INPUT = {"x": "X", "y": "Y", "k": 2}


@st.composite
def documents(draw: Any) -> dict[str, Any]:
    """A flat document."""
    pick = lambda *options: draw(st.sampled_from(options))  # noqa: E731
    part = _part(draw, "", 2, pick)
    out: dict[str, Any] = {"id": "random", **part}
    out["variables"] = {"n": 0, "log": ""}
    return out


def _part(draw: Any, prefix: str, depth: int, pick: Any) -> dict[str, Any]:
    count = draw(st.integers(2, 9 if not prefix else 4))
    n, log = f"n{prefix}", f"log{prefix}"
    ids = [f"{prefix or 'r'}{i}" for i in range(count)]
    nodes: list[dict[str, Any]] = []
    edges: list[dict[str, Any]] = []
    led: set[str] = {ids[0]}
    unique = draw(st.booleans())
    for i, id_ in enumerate(ids):
        kinds = ["Assign"] * 4 + ["If"] * 3 + ["Loop", "Iteration", "Fork", "Function"]
        kinds += ["Parallel"] if depth else []
        kinds += ["End"] if i else []
        kind = "Start" if i == 0 else pick(*kinds)
        node: dict[str, Any] = {"id": id_, "type": kind}

        def target(i: int = i) -> str:
            free = [other for other in ids[i + 1 :] if other not in led]
            if free and draw(st.integers(0, 9)) < 7:
                to = free[0]
            elif i + 1 < count and draw(st.integers(0, 9)) < 6:
                to = pick(*ids[i + 1 :])
            else:
                to = pick(*ids)
            led.add(to)
            return str(to)

        def edge(id_: str = id_, **more: Any) -> None:
            edges.append({"source": id_, "target": target(), **more})

        def test() -> str:
            return str(pick(f"{n} % 2 == 0", f"{n} % 3 == 1", f"{n} < 4", f"{n} > 6", f"{n} < 9"))

        if kind == "Assign":
            if unique:
                name, text = f"v{id_}", f"{n} + 1"
            else:
                name, text = pick((log, f"{log} + '{id_}'"), (n, f"{n} + 1"), (log, f"{log} + x"),
                                  (f"v{id_}", f"{n} * 2"), (f"w{id_}", f"v{pick(*ids)}"),
                                  *[(n, f"{n} + 1")] * 4, (log, f"{log} + '{id_}'"))  # fmt: skip
            node["expression"] = f"{name} = {text}"
            if draw(st.integers(0, 9)):
                edge()
        elif kind == "Function":  # a node that does nothing, with conditions at its edges
            node["type"] = "Start" if i == 0 else "Assign"
            if i:
                node["expression"] = f"{n} = {n} + 1"
            for _ in range(draw(st.integers(0, 2))):
                edge(condition=test())
            edge()
        elif kind == "If":
            tests = [test() for _ in range(draw(st.integers(1, 3)))]
            node["branches"] = [{"condition": text} for text in tests]
            for number, text in enumerate(tests):
                edge(branch_index=number, condition=text)
            if draw(st.integers(0, 4)):
                edge(branch_type="else")
        elif kind in ("Loop", "Iteration"):
            if kind == "Loop":
                node["condition"] = test()
            else:
                node["collection"] = pick("[1, 2]", "[]", "[3]", "[k, k, 1]")
                node["item_var"] = pick("x", "y")
            edge(branch_type="body")
            if draw(st.integers(0, 4)):
                edge()
        elif kind == "Fork":
            node["type"] = "Parallel"
            for _ in range(draw(st.integers(2, 3))):
                edge()
        elif kind == "Parallel":
            node["branches"] = []
            for number in range(draw(st.integers(1, 2))):
                inner = _part(draw, f"{id_}_{number}_", depth - 1, pick)
                node["branches"].append(inner)
            edge()
        elif kind == "End":
            if not prefix and draw(st.booleans()):
                node["output"] = pick(n, log)
        else:
            edge()
        nodes.append(node)
    return _reached(nodes, edges)


def _reached(nodes: list[dict[str, Any]], edges: list[dict[str, Any]]) -> dict[str, Any]:
    """The nodes that the first one leads to."""
    seen = {nodes[0]["id"]}
    todo = list(seen)
    for at in todo:  # grows while it is read
        for edge in edges:
            if edge["source"] == at and edge["target"] not in seen:
                seen.add(edge["target"])
                todo.append(edge["target"])
    return {
        "nodes": [node for node in nodes if node["id"] in seen],
        "edges": [edge for edge in edges if edge["source"] in seen],
    }
