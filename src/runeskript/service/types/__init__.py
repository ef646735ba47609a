"""What goes over the wire: every query, body and answer of the service as a type.

One file for each of ``endpoints/``, and besides them what all types are made of (``base``) and how
a request is refused (``problems``).

Requests are converted to these, strictly, and answers are made of them; the schemas of
``/openapi.json`` are those of the types. msgspec and the standard library only: the client has the
same types. Times are milliseconds since 1970 UTC, but for those that say otherwise.
"""

from .base import Request, View
from .documents import (
    Check,
    Checked,
    Deploy,
    DeployedPage,
    DeployedQuery,
    DeployedView,
    DiffQuery,
    SourceView,
)
from .looking import (
    EventView,
    History,
    HistoryQuery,
    JobPage,
    JobsQuery,
    JobView,
    Kind,
    Status,
    VariablesQuery,
    Why,
)
from .moving import Cancel, Erase, Erased, Erasure, Move
from .problems import Finding, Problem
from .sending import CallError, Complete, HookQuery, Received, Signal
from .serving import AuditEntry, AuditPage, AuditQuery, Health
from .streaming import EVENT_ID, FEED_ID, FeedQuery, StreamQuery
from .submitting import Batch, Fork, Outcome, Outcomes, Submit

__all__ = [
    "EVENT_ID",
    "FEED_ID",
    "AuditEntry",
    "AuditPage",
    "AuditQuery",
    "Batch",
    "CallError",
    "Cancel",
    "Check",
    "Checked",
    "Complete",
    "Deploy",
    "DeployedPage",
    "DeployedQuery",
    "DeployedView",
    "DiffQuery",
    "Erase",
    "Erased",
    "Erasure",
    "EventView",
    "FeedQuery",
    "Finding",
    "Fork",
    "Health",
    "History",
    "HistoryQuery",
    "HookQuery",
    "JobPage",
    "JobView",
    "JobsQuery",
    "Kind",
    "Move",
    "Outcome",
    "Outcomes",
    "Problem",
    "Received",
    "Request",
    "Signal",
    "SourceView",
    "Status",
    "StreamQuery",
    "Submit",
    "VariablesQuery",
    "View",
    "Why",
]
