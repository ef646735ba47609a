"""The reference page of what is seen from outside, made from the tables of this room."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from .logs import FIELDS
from .records import TRANSIENT, journaled
from .table import METRICS

_INTRODUCTION: Final = """\
# Metrics, events, spans and log fields

What a runtime tells of itself. [How to observe](../howto/observe.md) says how each is asked for.

## Metrics

`GET /metrics` of `rune serve`, or `Telemetry.scrape()`, in Prometheus' text format. No label holds
what grows with the number of jobs.
"""
_EVENTS: Final = """\
## Events

What `Runtime.events`, `rune jobs history` and the streams of the service tell of one job. Each has
`at` (milliseconds since 1970), and `step` and `path` where it is of a step and its token.

Journaled ones are durable, have a number (`seq`), and are never missed:
"""
_TRANSIENT: Final = """\
Transient ones are told to who watches while they happen, by the process that runs the job:
"""
_SPANS: Final = (
    (
        "`submit SKRIPT`",
        "what is current there, or the label `traceparent`",
        "producer",
        "a job is created",
    ),
    (
        "`job SKRIPT`",
        "`submit`, or the step that asked for it",
        "consumer",
        "a job in one process, until it ends or leaves; in another process there is one more",
    ),
    (
        "`step STEP`",
        "`job`",
        "internal",
        "a call with all its attempts, a child job, a wait or a listen",
    ),
    (
        "`call HANDLER`",
        "`step`",
        "internal, of `http.*` client",
        "one attempt; the current span inside the handler",
    ),
    (
        "the route's name",
        "the header `traceparent`",
        "server",
        "a request of the service",
    ),
)
_ATTRIBUTES: Final = """\
Attributes begin with `runeskript.`: `job.id`, `skript`, `tenant`, `worker`, `resumed` and `status`
of jobs; `step`, `path`, `what`, `handler`, `skript`, `topic` of steps; `handler`, `step`, `attempt`
of attempts. What failed has `error.type` and a status with its message, without secrets.
"""
_LOGS: Final = """\
## Log fields

`--log-format json` writes an object a line: `time` (RFC 3339), `level`, `logger`, `message`,
`exception` where there is one, and of these what is known:
"""


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    names = list(head)
    for cells in (names, ["---"] * len(names), *rows):
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _words(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def page() -> str:
    """The whole page, without its first line."""
    lines = [_INTRODUCTION]
    lines += _table(
        ("metric", "kind", "labels", "what it is"),
        [(f"`{row.name}`", row.kind, _words(row.labels), row.text) for row in METRICS],
    )
    lines += ["", "Buckets, upper bounds in seconds (of `_units` in units):", ""]
    lines += _table(
        ("histogram", "buckets"),
        [
            (f"`{row.name}`", ", ".join(f"{b:g}" for b in row.buckets))
            for row in METRICS
            if row.buckets
        ],
    )
    lines += ["", _EVENTS]
    lines += _table(
        ("kind", "fields", "what it says"),
        [(f"`{kind}`", _words(fields), text) for kind, fields, text in journaled()],
    )
    lines += ["", _TRANSIENT]
    lines += _table(
        ("kind", "fields", "fields of some", "what it says"),
        [(f"`{one.kind}`", _words(one.always), _words(one.some), one.text) for one in TRANSIENT],
    )
    lines += ["", "## Spans", "", *_table(("span", "parent", "kind", "what it is"), _SPANS)]
    lines += ["", _ATTRIBUTES, _LOGS, _words(FIELDS) + "."]
    return "\n".join(lines) + "\n"
