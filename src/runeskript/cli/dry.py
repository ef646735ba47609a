"""What ``rune run --dry-run`` and ``rune test`` share: a skript with every handler mocked."""

from __future__ import annotations

import os
from argparse import Namespace
from typing import Any, Final, NamedTuple

from ..compiler.pipeline import Compiled
from ..engine.reports import locate
from ..engine.requests import declared
from ..model.blueprint import Blueprint
from ..model.values import Value
from ..testing.dry import DryRun, dry_run, family
from ..testing.outcome import Outcome
from ..testing.standins import Catalog, Given, StandIn, read_mocks
from ..testing.standins import stand_ins as _stand_ins
from . import inputs, terminal
from .options import chosen_passes
from .registry import load_registry
from .running import EXIT_CODES
from .skripts import load_skript, pinned
from .view.steps import duration

__all__ = ["Subject", "code", "execute", "locate", "result", "run_dry", "say", "subject"]

#: The exit code where the run came to no end.
EXIT_WAITS: Final = 1
_ERROR_KEYS: Final = ("code", "type", "message", "step", "file", "line", "attempts")


class Subject(NamedTuple):
    """What is to be run, and what with."""

    skript: Compiled | Blueprint
    children: dict[str, Blueprint]
    catalog: Catalog
    given: Given
    value: Value
    env: dict[str, Any]

    @property
    def blueprint(self) -> Blueprint:
        """The skript's own Blueprint."""
        return self.skript if isinstance(self.skript, Blueprint) else self.skript.blueprint


def subject(args: Namespace) -> Subject:
    """Everything that the options name. Raises the errors of each."""
    given = Given() if args.mocks is None else read_mocks(args.mocks)
    catalog = Catalog(load_registry(args.handlers), given)
    value = inputs.parse(args.input)
    skript = load_skript(args.file, catalog, chosen_passes(args))
    children: dict[str, Blueprint] = {}
    if isinstance(skript, Blueprint):
        from ..model import blueprint_codec

        children = {blueprint_codec.digest(one): one for one in pinned(args.file, skript)}
    blueprint = skript if isinstance(skript, Blueprint) else skript.blueprint
    return Subject(skript, children, catalog, given, value, declared(os.environ, blueprint.env))


def run_dry(found: Subject) -> DryRun:
    """Run it once."""
    return dry_run(
        found.skript,
        found.value,
        catalog=found.catalog,
        given=found.given,
        env=found.env,
        pinned=found.children,
    )


def stand_ins(found: Subject) -> dict[str, StandIn]:
    """What stands in for each handler."""
    return _stand_ins(
        [found.blueprint, *family(found.skript, found.children).values()],
        found.catalog,
        found.given,
    )


def execute(args: Namespace) -> int:
    """Run a skript with its handlers mocked, and say what was mocked."""
    done = run_dry(subject(args))
    if terminal.mode(args.output) == "json":
        terminal.say_json(result(done))
    else:
        say(done)
    return code(done)


def code(done: DryRun) -> int:
    """The exit code of a run."""
    status: Any = done.outcome.status
    return EXIT_WAITS if done.waits is not None else EXIT_CODES[status]


def result(done: DryRun) -> dict[str, Any]:
    """A dry run as JSON: the result of a run, and what was mocked."""
    error = done.error and {key: done.error.get(key) for key in _ERROR_KEYS}
    mocked = {
        name: {"calls": done.calls.get(name, 0), "result": one.source}
        for name, one in done.stand_ins.items()
    }
    found: dict[str, Any] = {"job": None, "state": done.outcome.status}
    found |= {"output": done.outcome.output, "error": error or None, "mocked": mocked}
    found["messages"] = _emitted(done.outcome)
    if done.notice is not None:
        notice = {"state": done.notice.status, "error": done.notice.error}
        found["on_failure"] = {**notice, "messages": _emitted(done.notice)}
    return found if done.waits is None else {**found, "waits": done.waits}


def _emitted(outcome: Outcome) -> list[dict[str, Any]]:
    return [{"topic": one.topic, "key": one.key} for one in outcome.messages]


def say(done: DryRun) -> None:
    """A dry run for people: the output on stdout, what happened on stderr."""
    width = max(map(len, done.stand_ins), default=0)
    for name, one in done.stand_ins.items():
        count = done.calls.get(name, 0)
        calls = "not called" if not count else "1 call" if count == 1 else f"{count} calls"
        _note(f"mocked  {name:<{width}}  {calls}, {one.source}")
    for message in done.outcome.messages:
        _note(f"emitted {message.topic}, which nobody gets")
    _note(f"{_ended(done)}; no handler was called")
    if done.notice is not None:
        error = done.notice.error
        why = "" if error is None else f": {error.get('type')}: {error.get('message')}"
        _note(f"on_failure {done.notice.status.lower()}{why}")
        for message in done.notice.messages:
            _note(f"on_failure emitted {message.topic}, which nobody gets")
    if done.outcome.output is not None:
        terminal.say(terminal.to_json(done.outcome.output, indent=2))


def _ended(done: DryRun) -> str:
    took = f"after {duration(done.ms)} of virtual time"
    error = done.error
    if done.waits is not None:
        if done.waits.startswith("a message"):
            return f"no end {took}: it waits for {done.waits} (--mocks FILE can send it)"
        return f"no end {took}: it waits for {done.waits}"
    if error is None or done.outcome.status != "Failed":
        return f"{done.outcome.status.lower()} {took}"
    place = f" ({error['file']}:{error['line']})" if error.get("line") else ""
    what = f"{error.get('type')}: {error.get('message')}"
    return f"failed {took}: {what}\n  {error.get('code')} in step {error.get('step')}{place}"


def _note(text: str) -> None:
    terminal.note(terminal.printable(text))
