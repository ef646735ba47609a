"""Listening: uvicorn around the application, with an end that hands the jobs over.

A service that others than this machine's user can reach needs a token: without one it is refused
before anything is bound.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Final

import uvicorn

from ..errors import RequestError, StoreError
from .app import App
from .service import Service
from .settings import CLOSING
from .wire import BoundedProtocol

#: What asks it to stop.
SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)
#: Connections that the system holds for us while we are busy.
BACKLOG: Final = 2_048
#: Seconds that a connection without a request is kept.
IDLE: Final = 30
_log = logging.getLogger("runeskript.service")


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address that is listened on."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def bound(host: str, port: int) -> socket.socket:
    """A socket that listens. Raises RequestError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With its protocol named, asyncio sets TCP_NODELAY on what it accepts: else the body of an
    # answer waits 40 ms for the acknowledgement of its head.
    found = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind((host.strip("[]"), port))
        found.listen(BACKLOG)
    except (OSError, OverflowError) as exc:
        found.close()
        reason = getattr(exc, "strerror", None) or str(exc)
        raise RequestError(f"cannot listen on {host}:{port}: {reason}", code="RUNE-6527") from None
    found.set_inheritable(False)
    return found


class _Server(uvicorn.Server):
    """Tells the service that it closes as soon as it is asked to: open streams end then."""

    def __init__(self, config: uvicorn.Config, service: Service) -> None:
        super().__init__(config)
        self._service = service

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Handle them while it serves. Unlike uvicorn's this does not raise them once more at the
        end: a service that was asked to stop, and did, has not failed.
        """
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {one: signal.signal(one, self.handle_exit) for one in SIGNALS}
        try:
            yield
        finally:
            for one, handler in before.items():
                signal.signal(one, handler)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """A signal came."""
        self._service.close()
        super().handle_exit(sig, frame)

    def stop(self) -> None:
        """Come to an end as after a signal."""
        self._service.close()
        self.should_exit = True


async def serve(service: Service, listening: socket.socket, ready: Callable[[], None]) -> None:
    """Serve until a signal comes, or no more jobs can be run. Raises what ended the runtime."""
    server = _Server(configured(App(service)), service)
    service.on_ready = ready
    service.on_failure = server.stop
    await server.serve(sockets=[listening])
    if service.failure is not None:
        raise service.failure
    if not server.started:
        raise StoreError("the service could not be started; its log says why")


def configured(app: Any, http: type[asyncio.Protocol] = BoundedProtocol) -> uvicorn.Config:
    """How uvicorn serves an application. ``http``: how requests come over a connection."""
    return uvicorn.Config(
        app,
        http=http,
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=True,
        proxy_headers=False,
        lifespan="on",
        backlog=BACKLOG,
        timeout_keep_alive=IDLE,
        timeout_graceful_shutdown=CLOSING,
        ws="none",
    )
