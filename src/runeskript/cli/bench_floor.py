"""The floor of ``api``: a Starlette endpoint that answers the bytes it is given, and does nothing.

``python -m runeskript.cli.bench_floor`` reads from its standard input, as one JSON line, the bodies
that GET and POST answer, listens as ``rune serve`` does, but by uvicorn's own protocol, and writes
its port.
"""

from __future__ import annotations

import asyncio
import json
import sys

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from ..service.server import bound, configured


def application(got: bytes, posted: bytes) -> Starlette:
    """Two endpoints at the paths of ours."""

    async def get(request: Request) -> Response:
        return Response(got, media_type="application/json")

    async def post(request: Request) -> Response:
        await request.body()
        return Response(posted, 201, media_type="application/json")

    return Starlette(
        routes=[
            Route("/jobs/{id}", get, methods=["GET"]),
            Route("/jobs", post, methods=["POST"]),
        ]
    )


def main() -> None:
    """Serve until the process is ended."""
    given = json.loads(sys.stdin.readline())
    app = application(given["get"].encode("latin-1"), given["post"].encode("latin-1"))
    with bound("127.0.0.1", 0) as listening:
        server = uvicorn.Server(configured(app, HttpToolsProtocol))
        sys.stdout.write(json.dumps({"port": listening.getsockname()[1]}) + "\n")
        sys.stdout.flush()
        asyncio.run(server.serve(sockets=[listening]))


if __name__ == "__main__":
    main()
