"""Every metric: its name, its kind, its labels, its buckets, and one line that says what it is.

The collectors, the reference page and the tests are made from these rows. No label holds what
grows with the number of jobs: no job, key, step or message. Names of handlers, routes and types of
errors do not grow by themselves; of types of errors, which handlers may make up, each handler has
``TYPES``, and further ones are ``other``.
"""

from __future__ import annotations

from typing import Final, Literal

from ...model.rows import NamedTuple

Kind = Literal["counter", "gauge", "histogram"]

#: Types of errors of one handler that are counted by name.
TYPES: Final = 50
#: What they are counted as past that.
OTHER: Final = "other"

#: Bounds in seconds, from what a handler that does nothing takes to what people wait for.
CALLS: Final = (
    0.00001, 0.0001, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0, 120.0, 600.0,
)  # fmt: skip
COMMITS: Final = (0.00001, 0.00003, 0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 5.0)
JOBS: Final = (0.001, 0.01, 0.1, 1.0, 10.0, 60.0, 600.0, 3_600.0, 86_400.0, 604_800.0)
REQUESTS: Final = (0.0005, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 60.0)
UNITS: Final = (1.0, 2.0, 5.0, 10.0, 30.0, 100.0, 300.0, 1_000.0, 3_000.0, 10_000.0)


class Metric(NamedTuple):
    """One metric. ``buckets``: upper bounds of a histogram, without the infinite one."""

    name: str
    kind: Kind
    labels: tuple[str, ...]
    text: str
    buckets: tuple[float, ...] = ()


METRICS: Final = (
    Metric("runeskript_jobs", "gauge", ("status",), "Jobs in the store, of all its workers."),
    Metric("runeskript_jobs_live", "gauge", (), "Jobs in the memory of this worker."),
    Metric("runeskript_jobs_begun_total", "counter", (), "Jobs whose first step began here."),
    Metric("runeskript_jobs_ended_total", "counter", ("status",), "Jobs that ended here."),
    Metric(
        "runeskript_job_seconds",
        "histogram",
        ("status",),
        "From the creation of a job to its end, of those that ended here.",
        JOBS,
    ),
    Metric(
        "runeskript_calls_total",
        "counter",
        ("handler", "outcome"),
        "Attempts of calls that came back: `done`, `failed` (a timeout, too) or `pending`.",
    ),
    Metric(
        "runeskript_call_errors_total",
        "counter",
        ("handler", "type"),
        f"Attempts that failed, by the type of the error; past {TYPES} types of one handler "
        f"`{OTHER}`.",
    ),
    Metric(
        "runeskript_call_retries_total",
        "counter",
        ("handler",),
        "Attempts after the first of a call that were let out.",
    ),
    Metric(
        "runeskript_call_seconds",
        "histogram",
        ("handler",),
        "How long handlers ran, whatever became of it. Of mode `process`: in the worker process.",
        CALLS,
    ),
    Metric(
        "runeskript_call_wait_seconds",
        "histogram",
        ("handler",),
        "From when a call may be made to when its handler begins; of calls that leave as one "
        "(a fork of single calls) for the first. Not of mode `process`, whose calls go in chunks.",
        CALLS,
    ),
    Metric("runeskript_calls_running", "gauge", (), "Handlers under way that have suspended."),
    Metric(
        "runeskript_events_total",
        "counter",
        ("kind",),
        "Events that became durable here, by the kinds of the table below.",
    ),
    Metric(
        "runeskript_commit_seconds", "histogram", (), "How long the store took to commit.", COMMITS
    ),
    Metric(
        "runeskript_commit_units",
        "histogram",
        (),
        "Units of a commit: turns of runs that became durable together.",
        UNITS,
    ),
    Metric("runeskript_commit_failures_total", "counter", (), "Commits that the store failed at."),
    Metric(
        "runeskript_queue_depth",
        "gauge",
        ("queue",),
        "What waits here: `runs` for a turn, `inbox` events for their runs, `lanes` calls for a "
        "handler's place, `lines` calls for a slot of a limit that workers share.",
    ),
    Metric(
        "runeskript_recovery_total",
        "counter",
        ("what",),
        "Jobs that were `claimed`; and of these `resumed` behind their last event, or `parked`. "
        "`lost`: the store refused to have them written here any longer.",
    ),
    Metric(
        "runeskript_http_requests_total",
        "counter",
        ("route", "status"),
        "Requests that the service answered, by the name of the route; `none` where there is none.",
    ),
    Metric(
        "runeskript_http_request_seconds",
        "histogram",
        ("route",),
        "From a request to the end of its answer; streams of events are left out.",
        REQUESTS,
    ),
)  # fmt: skip
