"""The methods of both clients, from one description: plain calls in one, awaited in the other.

Each row binds a function of ``asks`` to what a transport does with it. The types follow: what a
method takes is what its function takes, and what it gives is the answer, or an awaitable of it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from functools import wraps
from typing import Any, Final, Generic, ParamSpec, TypeVar, overload

from . import asks, asks_documents
from .ask import Ask, Paged, Streamed

P = ParamSpec("P")
T = TypeVar("T")
Page = TypeVar("Page")


class Sync(ABC):
    """A transport that waits."""

    @abstractmethod
    def ask(self, ask: Ask[T]) -> T:
        """The answer to a request."""

    @abstractmethod
    def pages(self, paged: Paged[Any, T]) -> Iterator[T]:
        """Rows, page by page."""

    @abstractmethod
    def stream(self, streamed: Streamed[T]) -> Iterator[T]:
        """Events as they come."""


class Async(ABC):
    """A transport that is awaited."""

    @abstractmethod
    async def ask(self, ask: Ask[T]) -> T:
        """The answer to a request."""

    @abstractmethod
    def pages(self, paged: Paged[Any, T]) -> AsyncIterator[T]:
        """Rows, page by page."""

    @abstractmethod
    def stream(self, streamed: Streamed[T]) -> AsyncIterator[T]:
        """Events as they come."""


class _Method:
    """A function of ``asks``, and what its client does with what it gives."""

    does: str

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.__doc__ = function.__doc__

    def _bound(self, client: Any) -> Any:
        if client is None:
            return self
        does, function = getattr(client, self.does), self.function

        @wraps(function)
        def method(*args: Any, **kwargs: Any) -> Any:
            return does(function(*args, **kwargs))

        return method


class One(_Method, Generic[P, T]):
    """A method with one answer."""

    does = "ask"

    def __init__(self, function: Callable[P, Ask[T]]) -> None:
        super().__init__(function)

    @overload
    def __get__(self, client: Sync, owner: Any = None) -> Callable[P, T]: ...
    @overload
    def __get__(self, client: Async, owner: Any = None) -> Callable[P, Awaitable[T]]: ...
    def __get__(self, client: Any, owner: Any = None) -> Any:
        return self._bound(client)


class Rows(_Method, Generic[P, T]):
    """A method that gives rows."""

    does = "pages"

    def __init__(self, function: Callable[P, Paged[Any, T]]) -> None:
        super().__init__(function)

    @overload
    def __get__(self, client: Sync, owner: Any = None) -> Callable[P, Iterator[T]]: ...
    @overload
    def __get__(self, client: Async, owner: Any = None) -> Callable[P, AsyncIterator[T]]: ...
    def __get__(self, client: Any, owner: Any = None) -> Any:
        return self._bound(client)


class Stream(_Method, Generic[P, T]):
    """A method that gives events."""

    does = "stream"

    def __init__(self, function: Callable[P, Streamed[T]]) -> None:
        super().__init__(function)

    @overload
    def __get__(self, client: Sync, owner: Any = None) -> Callable[P, Iterator[T]]: ...
    @overload
    def __get__(self, client: Async, owner: Any = None) -> Callable[P, AsyncIterator[T]]: ...
    def __get__(self, client: Any, owner: Any = None) -> Any:
        return self._bound(client)


class Methods:
    """Every route of the service as a method."""

    submit = One(asks.submit)
    batch = One(asks.batch)
    jobs = Rows(asks.jobs)
    jobs_page = One(asks.jobs_page)
    job = One(asks.job)
    move = One(asks.move)
    run = One(asks.run)
    cancel = One(asks.cancel)
    pause = One(asks.pause)
    resume = One(asks.resume)
    retry = One(asks.retry)
    fork = One(asks.fork)
    erase = One(asks.erase)

    signal = One(asks.signal)
    hook = One(asks.hook)
    complete = One(asks.complete)
    fail = One(asks.fail)

    history = Rows(asks.history)
    history_page = One(asks.history_page)
    why = One(asks.why)
    graph = One(asks.graph)
    variables = One(asks.variables)
    export = One(asks.export)
    job_events = Stream(asks.job_events)
    events = Stream(asks.events)
    watch = Stream(asks.watch)

    check = One(asks_documents.check)
    deploy = One(asks_documents.deploy)
    deploy_machine = One(asks_documents.deploy_machine)
    skripts = Rows(asks_documents.skripts)
    machines = Rows(asks_documents.machines)
    skript_versions = One(asks_documents.skript_versions)
    machine_versions = One(asks_documents.machine_versions)
    skript_source = One(asks_documents.skript_source)
    machine_source = One(asks_documents.machine_source)
    skript_diff = One(asks_documents.skript_diff)
    machine_diff = One(asks_documents.machine_diff)

    audit = Rows(asks_documents.audit)
    metrics = One(asks_documents.metrics)
    healthz = One(asks_documents.healthz)
    readyz = One(asks_documents.readyz)
    openapi = One(asks_documents.openapi)


#: Names of routes -> the method that asks for one; of those with pages that of a single page.
METHOD_OF: Final = {
    "jobs.submit": "submit", "jobs.list": "jobs_page", "jobs.get": "job", "jobs.move": "move",
    "jobs.run": "run", "jobs.cancel": "cancel", "jobs.pause": "pause", "jobs.resume": "resume",
    "jobs.retry": "retry", "jobs.fork": "fork", "jobs.signal": "signal",
    "jobs.complete": "complete", "jobs.erase": "erase", "jobs.history": "history_page",
    "jobs.why": "why", "jobs.graph": "graph", "jobs.variables": "variables",
    "jobs.export": "export", "jobs.events": "job_events", "events": "events", "batch": "batch",
    "signals": "signal", "hooks": "hook", "skripts.deploy": "deploy", "skripts.list": "skripts",
    "skripts.source": "skript_source", "machines.source": "machine_source",
    "skripts.versions": "skript_versions", "skripts.diff": "skript_diff",
    "machines.deploy": "deploy_machine", "machines.list": "machines",
    "machines.versions": "machine_versions", "machines.diff": "machine_diff", "check": "check",
    "audit": "audit", "metrics": "metrics", "healthz": "healthz", "readyz": "readyz",
    "openapi": "openapi",
}  # fmt: skip
