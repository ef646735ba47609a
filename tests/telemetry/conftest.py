"""Runtimes that are watched, and what they tell."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping

import pytest
from aiohttp import web
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

_SAMPLE = re.compile(r"(\w+)(?:\{(.*)\})? (\S+)")
_LABEL = re.compile(r'(\w+)="([^"]*)"')


def samples(text: bytes) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """What a scrape says, by name and labels."""
    found = {}
    for line in text.decode().splitlines():
        match = None if line.startswith("#") else _SAMPLE.fullmatch(line)
        if match is not None:
            labels = frozenset(_LABEL.findall(match[2] or ""))
            found[match[1], labels] = float(match[3])
    return found


class Scraped:
    """One scrape, to be asked: ``scraped("runeskript_calls_total", handler="a")``."""

    def __init__(self, text: bytes) -> None:
        self.all = samples(text)

    def __call__(self, name: str, **labels: str) -> float:
        return self.all.get((name, frozenset(labels.items())), 0.0)

    def labels(self, name: str) -> list[Mapping[str, str]]:
        return [dict(labels) for found, labels in self.all if found == name]


class Tracing:
    """A provider of its own, and the spans that have ended."""

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        self.provider = TracerProvider()
        self.provider.add_span_processor(SimpleSpanProcessor(self.exporter))

    @property
    def spans(self) -> list:
        return list(self.exporter.get_finished_spans())

    def named(self, name: str) -> list:
        return [span for span in self.spans if span.name == name]

    def one(self, name: str):
        (found,) = self.named(name)
        return found

    def parent(self, span) -> str | None:
        """The name of a span's parent, None where it is not among these."""
        names = {one.context.span_id: one.name for one in self.spans}
        return None if span.parent is None else names.get(span.parent.span_id)


@pytest.fixture
def tracing() -> Tracing:
    return Tracing()


@pytest.fixture
def scraped() -> type[Scraped]:
    return Scraped


@pytest.fixture
async def http_echo() -> AsyncIterator[str]:
    """A service on loopback that answers with the header ``traceparent`` it was sent."""

    async def echo(request: web.Request) -> web.Response:
        return web.json_response(request.headers.get("traceparent"))

    app = web.Application()
    app.router.add_get("/", echo)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    yield f"http://{host}:{port}/"
    await runner.cleanup()
