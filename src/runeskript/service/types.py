"""What goes over the wire: every query, body and answer of the service as a type.

Requests are converted to these, strictly, and answers are made of them; the schemas of
``/openapi.json`` are those of the types. msgspec and the standard library only: the client has the
same types. Times are milliseconds since 1970 UTC, but for those that say otherwise.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, TypeAlias

from msgspec import Meta, Struct

#: Rows of one page, at the most.
PAGE_MAX: Final = 1_000
#: Submits of one batch.
BATCH_MAX: Final = 10_000

Status: TypeAlias = Literal["Pending", "Running", "Suspended", "Completed", "Failed", "Cancelled"]
Kind: TypeAlias = Literal["skript", "machine", "bare", "call", "chunk"]
Name: TypeAlias = Annotated[str, Meta(min_length=1, max_length=128)]
Text: TypeAlias = Annotated[str, Meta(min_length=1, max_length=512)]
#: ``NAME=TEXT``.
Pair: TypeAlias = Annotated[str, Meta(min_length=2, max_length=512, pattern="^[^=]+=")]
Long: TypeAlias = Annotated[str, Meta(max_length=10_000)]
Millis: TypeAlias = Annotated[int, Meta(ge=0, le=2**62)]
Count: TypeAlias = Annotated[int, Meta(ge=0, le=2**62)]
Limit: TypeAlias = Annotated[int, Meta(ge=1, le=PAGE_MAX)]
Priority: TypeAlias = Annotated[int, Meta(ge=-100, le=100)]
Labels: TypeAlias = Annotated[dict[Text, Text], Meta(max_length=100)]
#: ``"10s"``, or milliseconds.
Duration: TypeAlias = Annotated[str, Meta(min_length=1, max_length=64)] | Millis


class Request(Struct, kw_only=True, forbid_unknown_fields=True):
    """The base of what is asked: a field that nobody reads is a mistake of whoever wrote it."""


class View(Struct, kw_only=True):
    """The base of what is answered: a client of an older version ignores what it does not know."""


# --- errors -------------------------------------------------------------------------------------
class Finding(View):
    """One thing that is wrong with a document, and where."""

    code: str
    severity: Literal["error", "warning", "info"]
    message: str
    file: str
    line: int
    column: int
    pointer: str
    hint: str | None


class Problem(View, omit_defaults=True):
    """Why a request was refused: problem details (RFC 9457) with a stable code.

    ``type``: the code as a URI, which leads nowhere. ``allowed``: what could be asked instead;
    ``version``: the revision that the job has now; ``state``: the state it is in; ``diagnostics``:
    of a document; ``error``: the error of a guard or an action.
    """

    type: str
    title: str
    status: int
    code: str
    detail: str = ""
    instance: str = ""
    hint: str | None = None
    allowed: list[str] | None = None
    version: int | None = None
    state: str | None = None
    diagnostics: list[Finding] | None = None
    error: dict[str, Any] | None = None


# --- jobs ---------------------------------------------------------------------------------------
class Submit(Request):
    """A job to be: of a deployed skript (``skript``) or machine (``machine``), ``NAME`` or
    ``NAME@VERSION``; of a document that comes with it; or of ``data`` alone, which others move.

    ``start`` false: it waits until ``POST /jobs/{id}/run``.
    """

    skript: Text | None = None
    machine: Text | None = None
    document: str | dict[str, Any] | None = None
    data: Any = None
    key: Text | None = None
    labels: Labels = {}
    start: bool = True
    priority: Priority = 0
    on_conflict: Literal["return", "reject", "replace"] = "return"


class JobView(View):
    """A job as it is now. ``version``: its revision, which is also its ETag; ``skript_version``:
    that of what it runs. ``state``: that of its machine; equal to ``status`` where it has none.
    ``owner``: the worker that has it; ``due``: when the next may take it; ``parent``: the job that
    it is a part of; ``queue``, ``blueprint``, ``handlers``: what a worker needs to run it.
    """

    id: str
    key: str | None
    tenant: str
    labels: dict[str, str]
    kind: Kind
    skript: str
    skript_version: int | None
    status: Status
    state: str
    reason: str | None
    priority: int
    input: Any
    data: Any
    output: Any
    error: dict[str, Any] | None
    created_at: int
    updated_at: int
    version: int
    owner: str | None
    due: int | None
    parent: str | None
    queue: str
    blueprint: str
    handlers: list[str]


class JobPage(View):
    """Jobs, newest first; ``next``: the ``cursor`` of the page behind it, null: there is none."""

    jobs: list[JobView]
    next: str | None


class JobsQuery(Request):
    """Which jobs; every condition that is given must hold. ``label``: ``NAME=TEXT``. ``data``: a
    field by dotted path, and the JSON it must equal (``customer.id=7``). ``*_before`` is excluded.
    ``after``: a job to begin behind, in place of a cursor.
    """

    status: Status | None = None
    state: Text | None = None
    skript: Text | None = None
    kind: Kind | None = None
    key: Text | None = None
    label: list[Pair] = []
    data: list[Pair] = []
    created_from: Millis | None = None
    created_before: Millis | None = None
    updated_from: Millis | None = None
    updated_before: Millis | None = None
    limit: Limit = 100
    cursor: Text | None = None
    after: Text | None = None


class Move(Request):
    """An event for a machine's or a bare job, or the state it is to be in: one of the two.

    ``id``: of equal ones only the first counts. ``why``: a word for the journal. ``wait``: how long
    the answer may wait for its turn.
    """

    event: Name | None = None
    state: Name | None = None
    data: Any = None
    why: Long | None = None
    id: Text | None = None
    wait: Duration = "10s"


class Erase(Request):
    """``dry``: only say which jobs it would be."""

    dry: bool = False


class Erasure(View):
    """What became of one job. ``by``: of ``unfinished`` that job which has not ended."""

    job: str
    outcome: Literal["erased", "unfinished", "unknown"]
    by: str | None


class Erased(View):
    """A job's parts and what told of its failure, which have copies of what it held; itself last.

    All of them are erased or, where one has not ended, none.
    """

    jobs: list[Erasure]


class Cancel(Request):
    """``grace``: how long what is asked to stop has to end; ``force``: that of undos, too."""

    reason: Long = ""
    grace: Duration | None = None
    force: bool = False


class Fork(Request):
    """A copy of a job that goes on from behind the first ``at`` events of its journal."""

    at: Count
    variables: dict[str, Any] = {}
    key: Text | None = None
    labels: Labels = {}
    start: bool = True


class Signal(Request):
    """A message for those who listen to ``topic`` and ``key``. ``keep``: how long it waits for a
    listener, and how long another one with its ``id`` is a duplicate.
    """

    topic: Text
    key: Any = None
    data: Any = None
    id: Text | None = None
    keep: Duration = 0


class Received(View):
    """What became of a message or a completion."""

    outcome: Literal["accepted", "duplicate"]


class CallError(Request):
    """The typed error that a pending call is to fail with."""

    type: Text = "external"
    message: Long = ""
    data: Any = None
    retryable: bool = False


class Complete(Request):
    """The end of a pending call: its ``result``, or the ``error`` it fails with."""

    token: Annotated[str, Meta(min_length=1, max_length=2_000)]
    result: Any = None
    error: CallError | None = None


class EventView(View):
    """One record of a job's journal; ``seq`` counts from 0. ``path``: the token."""

    seq: int
    at: int
    kind: str
    step: str | None
    path: list[int]
    data: dict[str, Any]


class History(View):
    """Events of a journal; ``next``: the ``from`` of the page behind it, null: that was all."""

    events: list[EventView]
    next: int | None


class HistoryQuery(Request, rename={"start": "from"}):
    """Which part of a journal: at most ``limit`` events from position ``from`` on."""

    start: Count = 0
    limit: Limit = 100


class Why(View):
    """The one thing that a job waits for. ``until``: the lease of its worker ``owner``."""

    kind: str
    text: str
    since: int | None
    due: int | None
    owner: str | None
    until: int | None
    detail: dict[str, Any]


class VariablesQuery(Request):
    """``at``: behind the first ``at`` events of the journal; as it is now where it is left out."""

    at: Count | None = None


#: What an event of a stream is called; none is as good as the position before the first.
EVENT_ID: Final = "^[0-9]{0,18}$"
#: Of the feed also: what changes from now on.
FEED_ID: Final = "^([0-9]{0,18}|now)$"


class StreamQuery(Request, rename={"after": "last_event_id"}):
    """``last_event_id``: in place of the header, which browsers do not let one set."""

    after: Annotated[str, Meta(pattern=EVENT_ID)] | None = None


class FeedQuery(Request, rename={"after": "last_event_id"}):
    """``last_event_id``: in place of the header, which browsers do not let one set; ``now``: what
    changes from now on.
    """

    after: Annotated[str, Meta(pattern=FEED_ID)] | None = None


# --- many jobs ----------------------------------------------------------------------------------
class Batch(Request):
    """Jobs to be, each with an outcome of its own."""

    jobs: Annotated[list[Submit], Meta(min_length=1, max_length=BATCH_MAX)]


class Outcome(View, omit_defaults=True):
    """What became of one submit: ``id`` of the job, or the ``problem``."""

    status: int
    outcome: Literal["created", "exists", "replaced", "refused"]
    id: str | None = None
    problem: Problem | None = None


class Outcomes(View):
    """One for each submit, in their order."""

    outcomes: list[Outcome]


# --- documents ----------------------------------------------------------------------------------
class Deploy(Request):
    """A document to be known by its name (and version)."""

    document: str | dict[str, Any]


class DeployedView(View):
    """A deployed version of a skript or a machine."""

    name: str
    version: int
    kind: Literal["skript", "machine"]
    digest: str
    ast_hash: str


class SourceView(DeployedView):
    """A deployed version with the text it was compiled from; null where it was built without."""

    source: str | None


class DeployedPage(View):
    """Deployed versions by name; ``next``: the ``cursor`` of the page behind it."""

    deployed: list[DeployedView]
    next: str | None


class DeployedQuery(Request):
    """A page of what is deployed."""

    limit: Limit = 100
    cursor: Text | None = None


class DiffQuery(Request, rename={"old": "from", "new": "to"}):
    """Two versions."""

    old: Annotated[int, Meta(ge=1)]
    new: Annotated[int, Meta(ge=1)]


class Check(Request):
    """A document to be diagnosed."""

    document: str | dict[str, Any]


class Checked(View):
    """All that is wrong with a document; ``ok``: it compiles."""

    ok: bool
    diagnostics: list[Finding]


# --- messages from elsewhere --------------------------------------------------------------------
class HookQuery(Request):
    """``key``: of the message. ``token``: for senders that cannot set a header. ``id``: of equal
    ones within the ``keep`` time only the first counts.
    """

    key: Text | None = None
    id: Text | None = None
    keep: Annotated[str, Meta(min_length=1, max_length=64)] = "0s"
    token: Annotated[str, Meta(max_length=512)] | None = None


# --- the service itself -------------------------------------------------------------------------
class AuditEntry(View):
    """One change, or one that was refused. ``left_out``: how many refused ones were not noted since
    the entry before, in a flood of them.
    """

    at: int
    actor: str | None
    token: str | None
    route: str
    target: str
    status: int
    peer: str
    request: str
    left_out: int


class AuditPage(View):
    """Changes, newest last; ``next``: the ``cursor`` of the page behind it."""

    entries: list[AuditEntry]
    next: str | None


class AuditQuery(Request):
    """A page of the audit log."""

    limit: Limit = 100
    cursor: Text | None = None


class Health(View):
    """Whether the process lives (``/healthz``) and can take work (``/readyz``)."""

    status: Literal["ok", "unavailable"]
    detail: str = ""
