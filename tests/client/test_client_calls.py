"""Both clients against a service: every route has a method, refusals are our exceptions."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any, assert_type

import pytest

from client.live import Live, live
from runeskript.client import AsyncClient, Client
from runeskript.client.methods import METHOD_OF, Methods
from runeskript.engine.handlers import handler
from runeskript.errors import (
    CompileError,
    CompletionError,
    EraseError,
    InputError,
    JobCancelledError,
    JobExistsError,
    JobFailedError,
    JobNotFoundError,
    PositionError,
    RequestError,
    RetryError,
    RuneskriptError,
    TransitionRefusedError,
    UnknownSkriptError,
    VersionConflictError,
    VersionMismatchError,
)
from runeskript.model.exports import decode_export
from runeskript.service.routes import BY_NAME
from runeskript.service.types import EventView, JobView, Submit

HELLO = "skript: hello\ninput: {type: object, required: [name]}\ndo:\n  - return: \"${'hi ' + input.name}\"\n"
WAITS = 'skript: waits\ndo:\n  - id: wait\n    listen: go\n    into: got\n  - return: "${got}"\n'
FAILS = "skript: fails\ndo:\n  - raise: {type: boom}\n"
LATER = "skript: later\ndo:\n  - call: later\n    into: x\n  - return: ${x}\n"
MACHINE = """
machine: ticket
initial: open
states: {open: {}, closed: {final: true}}
transitions:
  - {from: open, event: close, to: closed, guard: data.n > 1}
  - {from: open, event: more, to: open, do: [{set: {data.n: "${data.n + 1}"}}]}
  - {from: open, event: drop, to: closed, allow: [boss]}
"""
TOKENS: list[str] = []


@handler("later")
async def later(params: Any, ctx: Any) -> Any:
    TOKENS.append(ctx.token)
    return ctx.pending()


class Both:
    """The async client with the face of the other, so that a test is one for both."""

    def __init__(self, url: str) -> None:
        self.loop = asyncio.new_event_loop()
        self.client = self.loop.run_until_complete(self._made(url))

    async def _made(self, url: str) -> AsyncClient:
        return AsyncClient(url, env={})

    def close(self) -> None:
        self.loop.run_until_complete(self.client.close())
        self.loop.close()

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self.client, name)

        def called(*args: Any, **kwargs: Any) -> Any:
            found = method(*args, **kwargs)
            if isinstance(found, AsyncIterator):
                return self._rows(found)
            return self.loop.run_until_complete(found)

        return called

    def _rows(self, rows: AsyncIterator[Any]) -> Iterator[Any]:
        while True:
            try:
                yield self.loop.run_until_complete(anext(rows))
            except StopAsyncIteration:
                return


@pytest.fixture(scope="module")
def service() -> Iterator[Live]:
    with live(handlers=[later], discover_handlers=False) as found:
        yield found


@pytest.fixture(params=["sync", "async"])
def client(service: Live, request: pytest.FixtureRequest) -> Iterator[Any]:
    made: Any = Client(service.url, env={}) if request.param == "sync" else Both(service.url)
    yield made
    made.close()


def test_every_route_has_a_method_that_takes_what_the_route_takes() -> None:
    assert set(BY_NAME) - set(METHOD_OF) == {"errors"}, "pages are for people"
    for name, method in METHOD_OF.items():
        route = BY_NAME[name]
        function = getattr(Methods, method).function
        taken = set(inspect.signature(function).parameters)
        for kind in (route.query, route.body):
            fields = getattr(kind, "__struct_fields__", ())
            # Renamed, given in pieces, or for who cannot set a header.
            other = {"after", "cursor", "limit", "token", "error", "result", "id", "jobs"}
            assert set(fields) - taken <= other, (name, fields)
        assert route.changes == ("idempotency_key" in taken), name
        assert getattr(Methods, method).__doc__
    named = {name for name, one in vars(Methods).items() if hasattr(one, "function")}
    assert named - set(METHOD_OF.values()) == {"jobs", "history", "fail", "watch"}


def types_of_answers(one: Client, other: AsyncClient) -> None:
    """For the type checker: plain answers here, awaitable ones there, from one description."""
    assert_type(one.job("x"), JobView)
    assert_type(other.job("x"), Awaitable[JobView])
    assert_type(one.jobs(status="Failed"), Iterator[JobView])
    assert_type(other.job_events("x", 1), AsyncIterator[EventView])
    assert_type(one.export("x"), bytes)
    one.job(7)  # type: ignore[arg-type]
    other.submit(skritp="x")  # type: ignore[call-arg]


def test_a_job_from_its_beginning_to_its_end(client: Any) -> None:
    job = client.submit(document=WAITS, key=None, labels={"a": "b"})
    assert isinstance(job, JobView) and job.labels == {"a": "b"}
    assert client.why(job.id).kind in ("message", "moving")
    assert client.graph(job.id)["job"] == job.id
    assert client.signal("go", {"n": 1}, job=job.id).outcome == "accepted"
    assert client.result(job.id) == {"n": 1}
    kinds = [one.kind for one in client.job_events(job.id)]
    assert (kinds[0], kinds[-1]) == ("job.started", "job.finished")
    assert [one.kind for one in client.history(job.id)] == kinds
    assert [one.kind for one in client.history(job.id, 1)] == kinds[1:]
    assert [one.kind for one in client.job_events(job.id, 0)] == kinds[1:]
    assert client.history_page(job.id, 0, 1).next == 1
    assert client.variables(job.id, 1)["position"] == 1
    with pytest.raises(PositionError):
        client.variables(job.id, 99)
    assert decode_export(client.export(job.id)).job["id"] == job.id
    fork = client.fork(job.id, 1, labels={"c": "d"})
    assert client.cancel(fork.id, "enough").id == fork.id
    with pytest.raises(JobCancelledError, match="enough"):
        client.result(fork.id)
    assert [one.outcome for one in client.erase(fork.id, dry=True).jobs] == ["erased"]
    assert client.job(fork.id).reason is None
    assert [one.job for one in client.erase(fork.id).jobs] == [fork.id]
    assert client.job(fork.id).reason == "erased"
    assert client.job(job.id).status == "Completed"
    found = {one.id for one in client.jobs(skript="waits", label={"a": "b"})}
    assert job.id in found and fork.id not in {one.id for one in client.jobs(status="Completed")}
    page = client.jobs_page(limit=1)
    assert len(page.jobs) == 1 and page.next is not None
    assert client.jobs_page(limit=1, after=page.jobs[0].id).jobs[0].id != page.jobs[0].id
    assert client.jobs_page(limit=1, cursor=page.next).jobs[0].id != page.jobs[0].id


def test_a_job_that_waits_to_be_told(client: Any) -> None:
    job = client.submit(document=HELLO, data={"name": "Ada"}, start=False)
    assert job.status == "Pending"
    assert client.run(job.id).id == job.id
    assert client.result(job.id) == "hi Ada"
    job = client.submit(document=WAITS)
    client.pause(job.id)
    client.resume(job.id)
    client.cancel(job.id)
    with pytest.raises(EraseError):
        client.erase(client.submit(document=WAITS).id)


def test_calls_that_are_completed_from_outside(client: Any) -> None:
    for done in (True, False):
        job = client.submit(document=LATER)
        next(one for one in client.job_events(job.id) if one.kind == "call.pending")
        token = TOKENS[-1]
        if done:
            assert client.complete(job.id, token, 5).outcome == "accepted"
            assert client.result(job.id) == 5
            with pytest.raises(CompletionError):
                client.complete(job.id, "nothing", 5)
        else:
            assert client.fail(job.id, token, "no", type="mine").outcome == "accepted"
            with pytest.raises(JobFailedError, match="mine: no"):
                client.result(job.id)


def test_machines(client: Any) -> None:
    assert client.deploy_machine(MACHINE).kind == "machine"
    job = client.submit(machine="ticket", data={"n": 1})
    with pytest.raises(TransitionRefusedError) as refused:
        client.move(job.id, "close")
    assert refused.value.state == "open" and refused.value.event == "close"
    assert "more" in refused.value.allowed and refused.value.job == job.id
    moved = client.move(job.id, "more", why="because")
    assert moved.data == {"n": 2}
    with pytest.raises(VersionMismatchError) as other:
        client.move(job.id, "close", version=job.version)
    assert (other.value.job, other.value.expected) == (job.id, job.version)
    assert other.value.version == client.job(job.id).version
    version = client.job(job.id).version
    assert client.move(job.id, "close", version=version).status == "Completed"
    assert "ticket" in {one.name for one in client.machines()}
    assert [one.version for one in client.machine_versions("ticket").deployed] == [1]
    assert client.machine_source("ticket", 1).source == MACHINE
    assert client.machine_diff("ticket", 1, 1)["same"]


def test_skripts(client: Any) -> None:
    first = client.deploy(HELLO)
    assert client.deploy(HELLO) == first
    second = client.deploy(HELLO.replace("hi", "ho"))
    assert [one.version for one in client.skript_versions("hello").deployed][-2:] == [
        first.version,
        second.version,
    ]
    assert client.skript_source("hello", first.version).source == HELLO
    assert not client.skript_diff("hello", first.version, second.version)["same"]
    assert {"hello"} <= {one.name for one in client.skripts()}
    job = client.submit(skript=f"hello@{first.version}", data={"name": "Ada"})
    assert client.result(job.id) == "hi Ada"
    with pytest.raises(VersionConflictError):
        client.deploy("version: 1\n" + HELLO.replace("hi", "hey"))
    with pytest.raises(UnknownSkriptError):
        client.submit(skript="nobody")
    checked = client.check("skript: x\ndo:\n  - retrun: 1\n")
    assert not checked.ok and checked.diagnostics[0].code == "RUNE-1103"


@pytest.mark.skipif("batch" not in BY_NAME, reason="the service has no such route")
def test_many_at_once(client: Any) -> None:
    client.deploy(HELLO)
    rows = [Submit(skript="hello", data={"name": "a"}), {"skript": "nobody"}]
    outcomes = client.batch(rows).outcomes
    assert [one.outcome for one in outcomes] == ["created", "refused"]
    assert outcomes[1].problem.code == "RUNE-6006"


def test_what_is_refused_is_our_exception(client: Any) -> None:
    with pytest.raises(CompileError) as compiled:
        client.submit(document="skript: x\ndo:\n  - retrun: 1\n")
    assert compiled.value.diagnostics[0].line == 3
    with pytest.raises(InputError):
        client.submit(document=HELLO, data={})
    with pytest.raises(JobExistsError) as exists:
        for _ in range(2):
            client.submit(document=WAITS, key=f"k{id(client)}", on_conflict="reject")
    assert exists.value.key == f"k{id(client)}"
    for id_ in ("nobody", "..", ".", "a/b", "a%2fb", "\0", "?a=b#c", "ä ö", "x" * 3_000):
        with pytest.raises((JobNotFoundError, RequestError)):
            client.job(id_)
    for call in (client.job_events, client.history):
        with pytest.raises(JobNotFoundError):
            next(call("nobody"))
    job = client.submit(document=FAILS)
    with pytest.raises(JobFailedError) as failed:
        client.result(job.id)
    assert failed.value.error["type"] == "boom"
    with pytest.raises(RetryError):
        client.retry(job.id)
    with pytest.raises(RequestError) as refused:
        client.submit(document=HELLO, priority=1_000)
    assert refused.value.status == 422
    with pytest.raises(RuneskriptError):
        client.submit(document=HELLO, data={1: object()})


def test_the_service_itself(client: Any) -> None:
    assert client.healthz().status == "ok"
    assert client.readyz().status == "ok"
    assert client.openapi()["openapi"].startswith("3.1")
    client.submit(document=HELLO, data={"name": "x"})
    assert "jobs.submit" in {one.route for one in client.audit()}


def test_what_changes_from_now_on(client: Any) -> None:
    client.submit(document=WAITS)
    rows = client.watch()
    assert next(rows) is None
    job = client.submit(document=WAITS)
    assert next(rows).id == job.id


def test_the_feed_goes_on_where_one_was(client: Any) -> None:
    job = client.submit(document=HELLO, data={"name": "x"})
    client.result(job.id)
    rows = client.events()
    last = next(one for one in rows if one.job.id == job.id)
    later_ = client.submit(document=HELLO, data={"name": "y"})
    assert next(client.events(last.id)).job.id == later_.id
