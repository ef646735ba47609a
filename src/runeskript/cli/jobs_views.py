"""``rune jobs graph`` and ``variables``: the views of a job, as JSON or for a terminal."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Iterable, Iterator
from typing import Any, Final

from . import terminal
from .desk import Desk
from .jobs_shown import say

#: Numbers of a step that are said where there are any, in this order.
_COUNTS: Final = (
    "pending", "running", "waiting", "retrying", "done", "failed", "cancelled", "retries",
)  # fmt: skip
#: Columns for the steps; numbers stand behind them.
_WIDTH: Final = 40


async def graph(desk: Desk, args: Namespace, as_json: bool) -> None:
    """Show what a job runs, and what became of each step."""
    found = await desk.graph(args.words[0])
    _show(found, graph_lines(found), as_json)


async def variables(desk: Desk, args: Namespace, as_json: bool) -> None:
    """Show the variables of a job."""
    found = await desk.variables(args.words[0], args.at)
    _show(found, variables_lines(found), as_json)


def _show(found: dict[str, Any], lines: Iterable[str], as_json: bool) -> None:
    if as_json:
        terminal.say_json(found)
        return
    for line in lines:
        say(line)


# --- for a terminal -----------------------------------------------------------------------------
def graph_lines(graph: dict[str, Any]) -> Iterator[str]:
    """Each step below the one that it stands in: ``>`` where something is under way, ``!`` where
    the job failed. Of a machine each state with its transitions.
    """
    version = "" if graph["version"] is None else f"@{graph['version']}"
    state = "" if graph["state"] == graph["status"] else f"  [{graph['state']}]"
    yield f"{graph['skript'] or graph['kind']}{version}  {graph['status']}{state}"
    inside: dict[str | None, list[Any]] = {}
    names: dict[str, str] = {}
    for node in graph["nodes"]:
        if node["kind"] not in ("start", "end"):
            inside.setdefault(node["parent"], []).append(node)
            names[node["id"]] = node["label"]
    ways: dict[str, list[Any]] = {}
    for edge in graph["edges"]:
        if edge["kind"] == "transition":
            ways.setdefault(edge["source"], []).append(edge)
    stack = [(node, 1) for node in reversed(inside.get(None, ()))]
    while stack:
        node, depth = stack.pop()
        mark = "!" if node["id"] == graph["failed_at"] else ">" if node["current"] else " "
        yield _counted(f"{mark}{'  ' * depth}{_title(node)}", node["counts"], _COUNTS)
        for way in ways.get(node["id"], ()):
            line = f" {'  ' * (depth + 1)}{way['label']} -> {names[way['target']]}"
            yield _counted(line, way, ("taken", "failed"))
        stack += ((one, depth + 1) for one in reversed(inside.pop(node["id"], ())))


def _title(node: dict[str, Any]) -> str:
    """The label, behind the step's id where the document gives it one."""
    label: str = node["label"]
    if node["kind"] in ("state", "final"):
        return f"{label} (final)" if node["kind"] == "final" else label
    return label if node["id"].startswith("/") else f"{node['id']}: {label}"


def _counted(line: str, counts: dict[str, Any], names: tuple[str, ...]) -> str:
    said = ", ".join(f"{counts[name]:,} {name}" for name in names if counts[name])
    return f"{line:<{_WIDTH}}  {said}" if said else line


def variables_lines(found: dict[str, Any]) -> Iterator[str]:
    """Where in the journal it is, each variable of the main flow, then the branches with theirs."""
    event = "" if found["event"] is None else f": {found['event']}"
    step = "" if found["step"] is None else f" {found['step']}"
    yield f"behind {found['position']:,} of {found['events']:,} events{event}{step}"
    yield from _values(found["variables"], "  ")
    for one in found["branches"]:
        path = ".".join(str(part) for part in one["path"])
        more = f", {one['branches']:,} calls" if one["branches"] else ""
        yield f"  branch {path}: {one['state']} at {one['step']}{more}"
        yield from _values(one["variables"], "    ")
    if found["more"]:
        yield f"  and {found['more']:,} branches more"


def _values(variables: dict[str, Any], indent: str) -> Iterator[str]:
    for name, value in variables.items():
        yield f"{indent}{name} = {json.dumps(value, ensure_ascii=False)}"
