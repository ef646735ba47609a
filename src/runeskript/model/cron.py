"""Cron expressions as they are written: five fields, and whether any day can match.

``minute hour day-of-month month day-of-week``. A field is ``*`` or a list of numbers and ranges,
each with a step where wanted (``*/15``, ``8-18/2``); months and days of the week have names
(``JAN``, ``MON``), and Sunday is 0 or 7. As in Debian a day must fit both of its fields where
one of them begins with ``*``, else either. When the next time is, only the engine knows, which has
a clock and time zones.
"""

from __future__ import annotations

from typing import Final

#: The fields in order: name, least, greatest.
FIELDS: Final = (
    ("minute", 0, 59),
    ("hour", 0, 23),
    ("day of the month", 1, 31),
    ("month", 1, 12),
    ("day of the week", 0, 7),
)
MONTHS: Final = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
DAYS: Final = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
#: The most days that each month can have.
_LENGTHS: Final = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
#: Characters of an expression.
LONGEST: Final = 256


def cron_problem(text: str) -> str | None:
    """What is wrong with a cron expression; None where nothing is."""
    if len(text) > LONGEST:
        return f"it is longer than {LONGEST} characters"
    if not text.isascii():
        return "it has characters that no field has"
    parts = text.upper().split()
    if len(parts) != len(FIELDS):
        return f"it has {len(parts)} fields, not 5: minute, hour, day, month, day of the week"
    found: list[set[int]] = []
    for part, (name, low, high) in zip(parts, FIELDS, strict=True):
        numbers = _field(part, name, low, high)
        if isinstance(numbers, str):
            return numbers
        found.append(numbers)
    days, months = found[2], found[3]
    both = parts[2].startswith("*") or parts[4].startswith("*")
    if both and min(days) > max(_LENGTHS[month - 1] for month in months):
        return f"no such month has a day {min(days)}: it would never be due"
    return None


def _field(text: str, name: str, low: int, high: int) -> set[int] | str:
    """The numbers that a field lets through, or what is wrong with it."""
    numbers: set[int] = set()
    for term in text.split(","):
        span, slash, step = term.partition("/")
        if slash and not (_is_number(step) and 1 <= int(step) <= high):
            return f"the step of the {name}, `{term}`, is no number from 1 to {high}"
        if span == "*":
            first, last = low, high
        else:
            begin, dash, end = span.partition("-")
            one, other = _number(begin, name), _number(end if dash else begin, name)
            if one is None or other is None or not low <= one <= high or not low <= other <= high:
                return f"the {name}, `{term}`, is no number from {low} to {high}"
            if other < one:
                return f"the {name}, `{term}`, ends before it begins"
            if slash and not dash:
                return f"the step of the {name}, `{term}`, needs `*` or a range before it"
            first, last = one, other
        numbers.update(range(first, last + 1, int(step) if slash else 1))
    return numbers


def _is_number(text: str) -> bool:
    return text.isdigit() and len(text) <= 3


def _number(text: str, name: str) -> int | None:
    """A number of a field, which may be written as a name."""
    if name == "month" and text in MONTHS:
        return MONTHS.index(text) + 1
    if name == "day of the week" and text in DAYS:
        return DAYS.index(text)
    return int(text) if _is_number(text) else None
