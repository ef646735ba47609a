"""``rune test``: run a skript with every handler mocked, and crash it where it can be."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import Any

from ...compiler.pipeline import Compiled
from ...model.machine import FINAL
from ...model.values import Value
from ...testing.crashes import Report, crash_all
from .. import dry, terminal
from ..options import add_file, add_handlers, add_input, add_mocks, add_output, add_passes
from ..usage import UsageError

#: What would have helped, for people.
_HELP = {
    "twice": "declare the handler idempotent, and give ctx.idempotency_key on to what it calls; "
    "or say `on_crash: fail` at the step",
    "uncompensated": "with `on_crash: fail` nobody knows whether an interrupted call did its work: "
    "an idempotent handler is called again instead",
}


def configure(parser: ArgumentParser) -> None:
    """Declare the options."""
    add_file(parser)
    add_input(parser)
    add_mocks(parser)
    parser.add_argument(
        "--crash-all",
        action="store_true",
        help="then once more for each commit, claim and call, with the process dying there and "
        "another one going on, for each commit delivered twice, and for pairs of these",
    )
    add_handlers(parser)
    add_passes(parser)
    add_output(parser)
    parser.epilog = (
        "No handler is called, nothing is stored, time is virtual. The handlers are needed to\n"
        "check the document by, and for their flags and declared results. Mocks must give the\n"
        "same answers each time. Exit code 0: completed, and nothing found; 1: it failed, came\n"
        "to no end, or --crash-all found a call without idempotency that did its work twice, or\n"
        "one that was not taken back."
    )


def execute(args: Namespace) -> int:
    """Run it, and crash it."""
    subject = dry.subject(args)
    try:
        done = dry.run_dry(subject)
        report = None
        if args.crash_all and done.waits is None:
            report = _crash(subject)
    except AssertionError as exc:
        raise UsageError(f"a mock says no: {exc or 'an assertion failed'}") from exc
    if terminal.mode(args.output) == "json":
        found = dry.result(done)
        terminal.say_json(found if report is None else {**found, "crashes": _as_json(report)})
    else:
        dry.say(done)
        if report is not None:
            _say(report, subject)
    return 1 if report is not None and report.flaws else dry.code(done)


def _crash(subject: dry.Subject) -> Report:
    if not isinstance(subject.skript, Compiled):
        raise UsageError("--crash-all needs the document, not its Blueprint")
    done = crash_all(
        subject.skript,
        subject.value,
        {name: one.mock for name, one in dry.stand_ins(subject).items()},
        messages=subject.given.messages,
        env=subject.env,
        deployed=[subject.skript],
    )
    if done.first is None or done.first.status not in FINAL:
        raise UsageError(
            "the skript ends in a dry run, and not with a worker: does it wait longer?"
        )
    return done


def _as_json(report: Report) -> dict[str, Any]:
    flaws = [
        {
            "kind": flaw.kind,
            "message": flaw.text,
            "handler": flaw.handler,
            "step": flaw.step,
            "at": ", then ".join(map(str, flaw.points)) or None,
            "story": list(flaw.story),
        }
        for flaw in report.flaws
    ]
    found = {"boundaries": report.boundaries, "ends": dict(report.ends), "findings": flaws}
    return {**found, "pairs": report.pairs[0], "of_pairs": report.pairs[1]}


def _say(report: Report, subject: dry.Subject) -> None:
    ends = ", ".join(f"{count} {end}" for end, count in report.ends.items())
    pairs, known = report.pairs
    of = f" of {known:,}" if known > pairs else ""
    _note(f"crashed at {report.boundaries} boundaries: {ends}; at {pairs:,}{of} pairs of them")
    for flaw in report.flaws:
        _note("")
        _note(f"{flaw.kind}: {flaw.text}{_place(subject, flaw.step)}")
        for number, line in enumerate(flaw.story, 1):
            _note(f"  {number:>2}  {line}")
        if flaw.kind in _HELP:
            _note(f"  = {_HELP[flaw.kind]}")
    count = len(report.flaws)
    _note("nothing found" if not count else f"\n{count} finding" + ("s" if count > 1 else ""))


def _place(subject: dry.Subject, step: str | None) -> str:
    blueprint = subject.blueprint
    error: dict[str, Value] = {"step": step}
    found = dry.locate(blueprint, error)
    return f" ({found['file']}:{found['line']})" if found.get("line") else ""


def _note(text: str) -> None:
    terminal.note(terminal.printable(text))
