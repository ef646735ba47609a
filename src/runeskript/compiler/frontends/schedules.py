"""The ``schedule`` of a document: when jobs of it are due."""

from __future__ import annotations

from ...model.schedule import Schedule
from ..nodes import Map, Node, key_of
from ..tables import SCHEDULE_FIELDS
from .steps import Steps


def read_schedule(steps: Steps, node: Node, pointer: str) -> Schedule | None:
    """The schedule; None (and a finding) where it says nothing that could be kept."""
    read = steps.fixed(node, SCHEDULE_FIELDS, pointer, "schedule")
    if type(node) is not Map:
        return None
    given = [key for key in ("cron", "every") if key in node.entries]
    if len(given) != 1:
        what = "has neither `cron` nor `every`" if not given else "has both `cron` and `every`"
        at = key_of(node, given[1]) if given else node
        hint = "`cron: 30 6 * * MON-FRI`, or `every: 15m`"
        steps.fields.add("RUNE-1131", f"`schedule` {what}", at, pointer, hint)
        return None
    if "timezone" in node.entries and given == ["every"]:
        steps.fields.add(
            "RUNE-1131",
            "`timezone` goes with `cron`: `every` counts from the same instant everywhere",
            key_of(node, "timezone"),
            f"{pointer}/timezone",
        )
    if read.get(given[0]) is None:
        return None
    return Schedule(
        read.get("cron"),
        read.get("every"),
        read.get("timezone"),
        read.get("missed") or "skip",
        read.get("overlap") or "skip",
    )
