"""Whatever key is misspelt, the findings say so; a key that stands for another has no place."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from runeskript.compiler.pipeline import check_text
from runeskript.model.catalog import PlainHandler, StaticCatalog

CATALOG = StaticCatalog({"f": PlainHandler("f")})
#: Steps and nodes that are wrong (keys that do not go together) or as full as can be.
STEPS: list[dict[str, Any]] = [
    {"emit": "a", "key": "1", "to": "b", "keep": "1s"},
    {"for": "item", "index": "item", "in": "[1]", "join": "any", "collect": "x", "do": []},
    {"for": "item", "index": "index", "in": "[1]", "parallel": 3, "do": [{"yield": "1"}]},
    {"call": "f", "with": {}, "into": "r", "undo": {"call": "f"}, "retry": {"max": 0, "on": []},
     "timeout": "0s", "on_crash": "x", "queue": "q"},
    {"run": "f", "detach": True, "undo": {"call": "f"}, "retry": {"max": 2}, "timeout": "1s"},
    {"raise": {"type": "limit.work", "compensate": "x"}},
    {"try": [{"log": "a"}], "catch": [{"when": "true", "do": []}], "finally": []},
    {"if": "true", "then": [], "elif": [{"when": "true", "do": []}], "else": []},
    {"switch": "1", "cases": [{"is": [1, 1], "do": []}], "else": []},
    {"listen": "a", "key": "1", "where": "true", "schema": {}, "timeout": "1s", "into": "m"},
    {"wait": {"until": "job.created_at"}},
]  # fmt: skip
NODES: list[dict[str, Any]] = [
    {"id": "n", "type": "If", "branches": [
        {"condition": "true", "next": "end", "nodes": [{"id": "m", "type": "Start"}], "edges": []}
    ], "else": "end"},
    {"id": "n", "type": "Iteration", "collection": "${items}", "item_var": "item",
     "index_var": "item", "body": [{"id": "m", "type": "Assign", "expression": "x = 1"}],
     "next": "end"},
    {"id": "n", "type": "Function", "function": "f", "action": "g", "params": {}, "output": "x",
     "next": "end"},
    {"id": "n", "type": "Function", "function": "log", "params": {"message": "a", "level": "x"}},
    {"id": "n", "type": "Function", "function": "run_workflow", "params": {"id": "a", "input": 3}},
    {"id": "n", "type": "Assign", "kind": "Loop", "assignments": [{"key": "x", "value": 1}],
     "expression": "y = 2", "next": "end"},
    {"id": "n", "type": "Loop", "condition": "false", "body": [{"id": "m", "type": "Start"}]},
    {"id": "n", "type": "Parallel", "branches": [{"nodes": [], "edges": []}, []], "next": "end"},
]  # fmt: skip


def misspelt(value: Any) -> Iterator[Any]:
    """The value with one key, anywhere in it, written with its last letter doubled."""
    if isinstance(value, list):
        for i, item in enumerate(value):
            for made in misspelt(item):
                yield [*value[:i], made, *value[i + 1 :]]
    elif isinstance(value, dict):
        for key, item in value.items():
            yield {(k + k[-1] if k == key else k): v for k, v in value.items()}
            for made in misspelt(item):
                yield {**value, key: made}


def skript(step: Any) -> dict[str, Any]:
    return {"skript": "a", "do": [step]}


def graph(node: Any) -> dict[str, Any]:
    edges = [{"source": "start", "target": "n"}]
    nodes = [{"id": "start", "type": "Start"}, node, {"id": "end", "type": "End"}]
    return {"id": "a", "nodes": nodes, "edges": edges}


@pytest.mark.parametrize(
    ("around", "part"),
    [*((skript, step) for step in STEPS), *((graph, node) for node in NODES)],
    ids=lambda part: "" if callable(part) else "-".join(list(part)[:3]),
)
def test_every_misspelt_key_gets_a_finding(around: Any, part: Any) -> None:
    for made in misspelt(part):
        text = json.dumps(around(made))
        found = check_text(text, "a.json", CATALOG)
        assert found, text
        for item in found:
            assert item.span.line >= 1 and item.span.end_column <= len(text) + 1
