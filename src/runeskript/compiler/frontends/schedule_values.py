"""Values that stand in a ``schedule`` only: cron expressions, periods, time zones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from ...model.cron import cron_problem
from ...model.durations import parse_duration
from ...model.limits import SCHEDULE_MAX, SCHEDULE_MIN
from ...model.nearest import did_you_mean
from ..nodes import Node, Scalar, clip, describe
from .fields import Fields

#: As ``readers.Reader``.
Reader: TypeAlias = Callable[[Node, str, str], Any]


def schedule_readers(fields: Fields) -> dict[str, Reader]:
    """The readers of the kinds of values that stand in a schedule only."""

    def cron(node: Node, pointer: str, _: str) -> str | None:
        if type(node) is not Scalar or type(node.value) is not str:
            fields.wrong_kind("cron", node, pointer, "cron")
            return None
        problem = cron_problem(node.value)
        if problem is not None:
            hint = "minute, hour, day of the month, month, day of the week: `30 6 * * MON-FRI`"
            text = f"`{clip(node.value)}` is no time: {problem}"
            fields.add("RUNE-1132", text, node, pointer, hint)
            return None
        return " ".join(node.value.upper().split())

    def period(node: Node, pointer: str, _: str) -> int | None:
        hint = "a number and a unit, from 1s to 366d: 30s, 15m, 12h, 7d"
        text = node.text if type(node) is Scalar else ""
        try:
            ms = parse_duration(text)
        except ValueError:
            ms = -1
        if ms is None or not SCHEDULE_MIN <= ms <= SCHEDULE_MAX:
            shown = f"`{clip(text)}`" if text else describe(node)
            message = f"`every` cannot be {shown}"
            fields.add("RUNE-1131", message, node, pointer, hint)
            return None
        return ms

    def zone(node: Node, pointer: str, _: str) -> str | None:
        if type(node) is not Scalar or type(node.value) is not str:
            fields.wrong_kind("zone", node, pointer, "timezone")
            return None
        if not is_zone(node.value):
            near = did_you_mean(node.value, zones())
            hint = near or "a name of the tz database, such as `Europe/Berlin` or `UTC`"
            text = f"there is no time zone `{clip(node.value)}`"
            fields.add("RUNE-1133", text, node, pointer, hint)
            return None
        return node.value

    return {"cron": cron, "period": period, "zone": zone}


def zones() -> list[str]:
    """The names of all time zones that are known here."""
    from zoneinfo import available_timezones  # for the few documents that name one

    return sorted(available_timezones())


def is_zone(name: str) -> bool:
    """Whether a time zone is known here, or (without a tz database) might be elsewhere."""
    from zoneinfo import ZoneInfo

    try:
        ZoneInfo(name)
    except (OSError, KeyError, ValueError):
        return not zones()
    return True
