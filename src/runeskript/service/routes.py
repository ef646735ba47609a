"""The one table of the service: every route, who may take it, and what goes in and comes out.

Router, authorisation, ``/openapi.json``, the reference page and the walk of the tests derive from
these rows. What a route does is ``endpoints.ENDPOINTS`` under its name.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final, Literal, NamedTuple, TypeAlias

from . import types as t

#: What a token must have: one of the scopes, ``hook`` (a token for just that), or nothing.
Scope: TypeAlias = Literal["read", "operate", "deploy", "admin", "hook", "public"]
Method: TypeAlias = Literal["GET", "POST", "PUT"]
#: What a body or an answer is, where it is not JSON of a type.
STREAM: Final = "text/event-stream"
BYTES: Final = "application/octet-stream"
METRICS: Final = "text/plain"
PAGE: Final = "text/markdown"
ANY: Final = "any JSON"
#: Bodies that may be the document itself, as ``application/yaml`` (RFC 9512).
DOCUMENTS: Final = (t.Deploy, t.Check)


@cache
def _parameters(path: str) -> tuple[str, ...]:
    return tuple(part[1:-1] for part in path.split("/") if part.startswith("{"))


class Route(NamedTuple):
    """One row. ``ok``: the statuses of success, the first with ``answer`` as its body; ``refuses``:
    those of refusals besides what any route of its kind may answer. ``whole``: it tells of all
    tenants together, so it is for tokens of the default one.
    """

    method: Method
    path: str
    name: str
    scope: Scope
    summary: str
    query: type[t.Request] | None = None
    body: type[t.Request] | str | None = None
    answer: Any = None
    ok: tuple[int, ...] = (200,)
    refuses: tuple[int, ...] = ()
    whole: bool = False

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names in braces of its path."""
        return _parameters(self.path)

    @property
    def changes(self) -> bool:
        """Whether it may change anything."""
        return self.method != "GET" and self.name not in UNCHANGING


#: Routes that take a body and change nothing.
UNCHANGING: Final = frozenset(("check",))

ROUTES: Final[tuple[Route, ...]] = (
    # --- jobs
    Route("POST", "/jobs", "jobs.submit", "operate", "Create a job, and run it.",
          body=t.Submit, answer=t.JobView, ok=(201, 200), refuses=(403, 404, 409)),
    Route("GET", "/jobs", "jobs.list", "read", "Jobs, newest first.",
          query=t.JobsQuery, answer=t.JobPage, refuses=(404,)),
    Route("GET", "/jobs/{id}", "jobs.get", "read", "A job as it is now.",
          answer=t.JobView, ok=(200, 304), refuses=(404,)),
    Route("PUT", "/jobs/{id}/state", "jobs.move", "operate",
          "Fire an event at a job, or have it go to a state; `If-Match` as one pleases.",
          body=t.Move, answer=t.JobView, ok=(200, 202), refuses=(403, 404, 409, 412)),
    Route("POST", "/jobs/{id}/run", "jobs.run", "operate",
          "Have a job begin that was not to start at once; else it does nothing.",
          answer=t.JobView, refuses=(404,)),
    Route("POST", "/jobs/{id}/cancel", "jobs.cancel", "operate",
          "End a job as Cancelled, through its `finally` blocks and undos.",
          body=t.Cancel, answer=t.JobView, ok=(202,), refuses=(404,)),
    Route("POST", "/jobs/{id}/pause", "jobs.pause", "operate",
          "Have a job stand still at its next boundary.",
          answer=t.JobView, ok=(202,), refuses=(404,)),
    Route("POST", "/jobs/{id}/resume", "jobs.resume", "operate",
          "Go on with a job that stands still.", answer=t.JobView, ok=(202,), refuses=(404,)),
    Route("POST", "/jobs/{id}/retry", "jobs.retry", "operate",
          "Go on with a failed job from its failed step.",
          answer=t.JobView, ok=(202,), refuses=(403, 404, 409)),
    Route("POST", "/jobs/{id}/fork", "jobs.fork", "operate",
          "A new job that goes on from a position of another one's journal.",
          body=t.Fork, answer=t.JobView, ok=(201,), refuses=(403, 404, 409)),
    Route("POST", "/jobs/{id}/signal", "jobs.signal", "operate",
          "Send a message to the listeners of one job.",
          body=t.Signal, answer=t.Received, refuses=(404,)),
    Route("POST", "/jobs/{id}/complete", "jobs.complete", "operate",
          "Give a pending call its result, or fail it.",
          body=t.Complete, answer=t.Received, refuses=(404, 409)),
    Route("POST", "/jobs/{id}/erase", "jobs.erase", "admin",
          "Erase what a job that has ended was given, did and gave, and its copies.",
          body=t.Erase, answer=t.Erased, refuses=(404, 409)),
    Route("GET", "/jobs/{id}/history", "jobs.history", "read", "The events of a job's journal.",
          query=t.HistoryQuery, answer=t.History, refuses=(404, 409)),
    Route("GET", "/jobs/{id}/why", "jobs.why", "read", "What a job waits for.",
          answer=t.Why, refuses=(404,)),
    Route("GET", "/jobs/{id}/graph", "jobs.graph", "read",
          "The structure of what a job runs, and the state of each node.",
          answer=dict[str, Any], refuses=(404, 409)),
    Route("GET", "/jobs/{id}/variables", "jobs.variables", "read",
          "The variables of a job, now or at a position of its journal.",
          query=t.VariablesQuery, answer=dict[str, Any], refuses=(404, 409)),
    Route("GET", "/jobs/{id}/export", "jobs.export", "read",
          "A job with its Blueprint and its whole journal, for `rune replay`.",
          answer=BYTES, refuses=(404, 409)),
    Route("GET", "/jobs/{id}/events", "jobs.events", "read",
          "The events of a job's journal as they come, until it has ended.",
          query=t.StreamQuery, answer=STREAM, ok=(200, 204), refuses=(404, 409)),
    Route("GET", "/events", "events", "read", "Every job that changes, as it changes.",
          query=t.FeedQuery, answer=STREAM, refuses=(409,)),
    # --- many
    Route("POST", "/batch", "batch", "operate",
          "Create up to 10,000 jobs, each with an outcome of its own.",
          body=t.Batch, answer=t.Outcomes),
    # --- messages
    Route("POST", "/signals", "signals", "operate",
          "Send a message to whoever listens to a topic.", body=t.Signal, answer=t.Received),
    Route("POST", "/hooks/{topic}", "hooks", "hook",
          "A message from elsewhere: the body is its data.",
          query=t.HookQuery, body=ANY, answer=t.Received, ok=(202,)),
    # --- documents
    Route("PUT", "/skripts", "skripts.deploy", "deploy", "Make a skript known by its name.",
          body=t.Deploy, answer=t.DeployedView, ok=(201, 200), refuses=(409,)),
    Route("GET", "/skripts", "skripts.list", "read", "The skripts that are deployed.",
          query=t.DeployedQuery, answer=t.DeployedPage),
    Route("GET", "/skripts/{name}", "skripts.versions", "read", "The versions of a skript.",
          answer=t.DeployedPage, refuses=(404,)),
    Route("GET", "/skripts/{name}/{version}", "skripts.source", "read",
          "A version of a skript, with its text.", answer=t.SourceView, refuses=(404,)),
    Route("GET", "/skripts/{name}/diff", "skripts.diff", "read",
          "What differs between two versions of a skript.",
          query=t.DiffQuery, answer=dict[str, Any], refuses=(404,)),
    Route("PUT", "/machines", "machines.deploy", "deploy", "Make a machine known by its name.",
          body=t.Deploy, answer=t.DeployedView, ok=(201, 200), refuses=(409,)),
    Route("GET", "/machines", "machines.list", "read", "The machines that are deployed.",
          query=t.DeployedQuery, answer=t.DeployedPage),
    Route("GET", "/machines/{name}", "machines.versions", "read", "The versions of a machine.",
          answer=t.DeployedPage, refuses=(404,)),
    Route("GET", "/machines/{name}/{version}", "machines.source", "read",
          "A version of a machine, with its text.", answer=t.SourceView, refuses=(404,)),
    Route("GET", "/machines/{name}/diff", "machines.diff", "read",
          "What differs between two versions of a machine.",
          query=t.DiffQuery, answer=dict[str, Any], refuses=(404,)),
    Route("POST", "/check", "check", "read", "Diagnose a document, and run nothing.",
          body=t.Check, answer=t.Checked),
    # --- the service itself
    Route("GET", "/audit", "audit", "admin", "Every change that was made or refused.",
          query=t.AuditQuery, answer=t.AuditPage),
    Route("GET", "/metrics", "metrics", "read", "Metrics in the text format of Prometheus.",
          answer=METRICS, refuses=(404,), whole=True),
    Route("GET", "/healthz", "healthz", "public", "Whether the process lives.", answer=t.Health),
    Route("GET", "/readyz", "readyz", "public", "Whether it can take work.",
          answer=t.Health, ok=(200, 503)),
    Route("GET", "/errors/{code}", "errors", "public",
          "What a code means, and how it is mended: the `type` of a problem leads here.",
          answer=PAGE, refuses=(404,)),
    Route("GET", "/openapi.json", "openapi", "read", "This table as OpenAPI 3.1.",
          answer=dict[str, Any]),
)  # fmt: skip

BY_NAME: Final = {route.name: route for route in ROUTES}
