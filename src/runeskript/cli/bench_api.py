"""What ``api`` of ``rune bench`` runs: jobs made and looked at over HTTP, on loopback.

``rune serve`` in one process, as anybody starts it, with a store in a file; the load tool
(``bench_load``) in another one. POST names a deployed skript of one step, whose job is durable
before it is answered, and is then run to its end. GET asks for a job that has ended. The floor
(``bench_floor``) is a bare Starlette application under the same uvicorn settings that answers the
same bytes to the same requests.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from time import monotonic
from typing import Any, Final, Literal

from ..errors import RuneskriptError
from .bench_batch import SKRIPT
from .bench_measure import Figure, alternate, pair

#: Requests of one measurement, and connections that are open at once.
GETS: Final = 3_000
POSTS: Final = 2_000
CONNECTIONS: Final = 32
#: Requests a second of one caller that are let through: more than come.
RATE: Final = 1_000_000
#: Seconds until a server listens.
PATIENCE: Final = 60.0
_BODY: Final = b'{"skript":"one-step@1","data":{"n":1}}'


def api(rounds: int) -> list[Figure]:
    """GET of a job, and POST of one of one step, against a bare endpoint."""
    figures = _api(rounds, "full", ("post",))
    return [*figures, *_api(rounds, "normal", ("post", "get"))]


def _api(rounds: int, sync: Literal["full", "normal"], what: tuple[str, ...]) -> list[Figure]:
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="rune-bench-"))
        ours = stack.enter_context(_ours(Path(folder) / "jobs.db", sync))
        job, got, posted = _prepared(ours)
        floor = stack.enter_context(_floor(got, posted))
        load = stack.enter_context(_process("bench_load"))
        requests = {
            "get": (f"GET /jobs/{job}", b"", GETS, 200),
            "post": ("POST /jobs", _BODY, POSTS, 201),
        }
        return [
            _measured(rounds, f"api-{name}", sync, load, (ours, floor), requests[name])
            for name in what
        ]


def _measured(
    rounds: int,
    name: str,
    sync: str,
    load: subprocess.Popen[str],
    ports: tuple[int, int],
    what: tuple[str, bytes, int, int],
) -> Figure:
    line, body, count, status = what
    told: list[dict[str, Any]] = []

    async def sent(port: int) -> float:
        head = f"{line} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\n"
        if body:
            head += f"content-type: application/json\r\ncontent-length: {len(body)}\r\n"
        order = {
            "port": port,
            "request": f"{head}\r\n{body.decode()}",
            "count": count,
            "connections": CONNECTIONS,
        }
        found = await asyncio.to_thread(_asked, load, order)
        if found["statuses"] != {str(status): count}:
            raise RuneskriptError(f"{line}: not every answer was {status}: {found['statuses']}")
        if port == ports[0]:
            told.append(found)
        return float(found["seconds"])

    timings = asyncio.run(alternate(rounds, lambda: sent(ports[0]), lambda: sent(ports[1])))
    figure = pair(name, "requests", count, "a bare Starlette endpoint", *timings)
    middle = sorted(told[1:], key=lambda one: one["seconds"])[rounds // 2]
    extra = {key: round(middle[key], 2) for key in ("p50_ms", "p99_ms")}
    return replace(figure, extra={"sync": sync.upper(), **extra})


# --- processes ------------------------------------------------------------------------------------
@contextmanager
def _process(module: str, *args: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", f"runeskript.cli.{module}" if module else "runeskript", *args]
    process = subprocess.Popen(  # noqa: S603 - our own modules
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        process.terminate()
        process.communicate(timeout=PATIENCE)


@contextmanager
def _ours(path: Path, sync: str) -> Iterator[int]:
    """The port of ``rune serve``."""
    store = f"sqlite:///{path}?sync={sync}"
    options = ("--store", store, "--port", "0", "--rate", str(RATE), "--output", "json")
    with _process("", "serve", *options) as process:
        yield int(_line(process)["url"].rpartition(":")[2])


@contextmanager
def _floor(got: bytes, posted: bytes) -> Iterator[int]:
    """The port of the bare application."""
    with _process("bench_floor") as process:
        order = {"get": got.decode("latin-1"), "post": posted.decode("latin-1")}
        yield int(_asked(process, order)["port"])


def _asked(process: subprocess.Popen[str], order: Mapping[str, Any]) -> dict[str, Any]:
    """One line to a process, and the next one that it writes."""
    if process.stdin is None:
        raise RuneskriptError("a process of the measurement cannot be told anything")
    process.stdin.write(json.dumps(order) + "\n")
    process.stdin.flush()
    return _line(process)


def _line(process: subprocess.Popen[str]) -> dict[str, Any]:
    line = "" if process.stdout is None else process.stdout.readline()
    if not line:
        raise RuneskriptError("a process of the measurement has ended")
    found: dict[str, Any] = json.loads(line)
    return found


def _prepared(port: int) -> tuple[str, bytes, bytes]:
    """Deploy the skript and have one job run; its id, and what GET and POST answer."""
    _request(port, "PUT", "/skripts", json.dumps({"document": SKRIPT}).encode())
    posted = _request(port, "POST", "/jobs", _BODY)
    job = json.loads(posted)["id"]
    until = monotonic() + PATIENCE
    while True:
        got = _request(port, "GET", f"/jobs/{job}")
        if json.loads(got)["status"] == "Completed":
            return job, got, posted
        if monotonic() > until:
            raise RuneskriptError(f"job {job} does not come to its end")


def _request(port: int, method: str, path: str, body: bytes | None = None) -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        headers = {} if body is None else {"content-type": "application/json"}
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        data = answer.read()
        if answer.status >= 300:
            raise RuneskriptError(f"{method} {path}: {answer.status} {data[:200]!r}")
        return data
    finally:
        connection.close()
