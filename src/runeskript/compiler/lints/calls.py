"""How many calls a job can make at most, and whether that is more than anybody expects.

A loop inside a loop, a retry of ten thousand: what looks small on the page may knock on a service's
door a million times. Nothing is said where the length of a list is not known.
"""

from __future__ import annotations

from ..estimate import estimate
from .subject import Subject


def check_calls(subject: Subject) -> None:
    """Report the estimate, and one that is past the bound."""
    calls = estimate(subject.facts).calls
    if not calls:
        return
    pointer = subject.facts.wording.name()
    where = subject.place(pointer)
    subject.found.add("RUNE-3140", say(calls), where, pointer)
    if calls > subject.max_calls:
        subject.found.add(
            "RUNE-3141",
            f"{say(calls)}, more than {subject.max_calls:,}",
            where,
            pointer,
            "`max_calls` under [tool.runeskript] in pyproject.toml sets the bound",
        )


def say(calls: int) -> str:
    """The estimate as a sentence."""
    return f"a job makes at most {calls:,} {'call' if calls == 1 else 'calls'}"
