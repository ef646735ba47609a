"""What a Blueprint says of itself: names that other parts of the system use as keys.

A name is text that can be printed and compared: no control characters (it reaches terminals and
logs), no `@` in a skript's name (``name@version`` names a version), nothing empty or endless.
"""

from __future__ import annotations

import re
from typing import Final

from ..cron import cron_problem
from ..limits import INT_MAX, NAME, SCHEDULE_MAX, SCHEDULE_MIN
from .facts import Facts, shown

_SHA256: Final = re.compile(r"[0-9a-f]{64}\Z")
#: Characters of the name of a step or body: a JSON pointer with the keys of the document in it.
_POINTER: Final = 100_000


def check_header(facts: Facts) -> None:
    """Name, version, hash, labels, environment, names of steps and of what is called."""
    bp = facts.bp

    def say(message: str, section: str = "header", index: int | None = None) -> None:
        facts.say("entry", message, section, index)

    if not _is_skript(bp.name):
        say(f"{shown(bp.name)} is no name of a skript")
    if bp.version is not None and not 1 <= bp.version <= INT_MAX:
        say(f"{bp.version} is no version")
    if not _SHA256.match(bp.ast_hash):
        say("the hash of the AST is no SHA-256")
    if not all(_is_name(name) for name in bp.env) or len(set(bp.env)) != len(bp.env):
        say("env: each name once, and nothing but names")
    for i, handler in enumerate(bp.handlers):
        if not _is_name(handler.name):
            say(f"{shown(handler.name)} is no name of a handler", "handlers", i)
    for i, skript in enumerate(bp.skripts):
        if skript.digest is None and not _is_skript(skript.name):
            say(f"{shown(skript.name)} is no name of a skript", "skripts", i)
        if skript.digest is not None and not _SHA256.match(skript.digest):
            say("its digest is no SHA-256", "skripts", i)
        if skript.version is not None and not 1 <= skript.version <= INT_MAX:
            say(f"{skript.version} is no version", "skripts", i)
    if bp.on_failure is not None and not _SHA256.match(bp.on_failure):
        say("the digest of what is done on a failure is no SHA-256")
    plan = bp.schedule
    if plan is not None:
        if (plan.cron is None) == (plan.every is None):
            say("a schedule has either `cron` or `every`")
        if plan.cron is not None and cron_problem(plan.cron) is not None:
            say(f"its schedule, {shown(plan.cron)}, is no time: {cron_problem(plan.cron)}")
        if plan.every is not None and not SCHEDULE_MIN <= plan.every <= SCHEDULE_MAX:
            say(f"its schedule is every {plan.every} ms")
        if plan.timezone is not None and not _is_name(plan.timezone):
            say(f"{shown(plan.timezone)} is no name of a time zone")
    for i, policy in enumerate(bp.policies):
        if policy.queue is not None and not _is_name(policy.queue):
            say(f"{shown(policy.queue)} is no name of a queue", "policies", i)
    for section, names in (("steps", bp.steps), ("bodies", [body.name for body in bp.bodies])):
        for i, name in enumerate(names):
            if len(name) > _POINTER:
                say(f"a name of {len(name):,} characters", section, i)


def _is_skript(name: str) -> bool:
    """Whether it can be a skript's name: `@` and `/` part it from its version and its tenant."""
    return _is_name(name) and not ("@" in name or "/" in name)


def _is_name(name: str) -> bool:
    return 0 < len(name) <= NAME and name.isprintable()
