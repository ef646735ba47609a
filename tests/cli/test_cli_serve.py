"""The command that serves: what it refuses to be, and what it is to whom it can be reached by."""

from __future__ import annotations

import http.client
import json
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from .conftest import Rune, spawn


@contextmanager
def serving(folder: Path, *words: str) -> Iterator[tuple[subprocess.Popen[bytes], Any]]:
    """A service in a process of its own, and what it says when it listens."""
    process = spawn("serve", "--port", "0", *words, cwd=folder)
    try:
        assert process.stdout is not None
        yield process, json.loads(process.stdout.readline())
    finally:
        process.kill()
        process.communicate()


def ask(url: str, path: str, method: str = "GET", **headers: str) -> tuple[int, Any]:
    place = urlsplit(url)
    connection = http.client.HTTPConnection("127.0.0.1", place.port, timeout=20)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, headers={"Host": f"localhost:{place.port}", **named})
    reply = connection.getresponse()
    body = reply.read()
    connection.close()
    return reply.status, json.loads(body) if body else None


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.com"])
def test_without_a_token_it_does_not_listen_beyond_loopback(rune: Rune, host: str) -> None:
    done = rune("serve", "--host", host, "--port", "0")
    assert (done.code, done.out.count("url")) == (2, 0)
    assert "RUNE-6527" in done.err and "the store has no token" in done.err


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--host", "192.0.2.1"), "RUNE-6527"),  # no address of this machine
        (("--port", "99999"), "RUNE-6527"),
        (("--port", "-1"), "RUNE-6527"),
        (("--port", "http"), "RUNE-8002"),
        (("--name", "a b"), "RUNE-6009"),
        (("--name", "http://a"), "RUNE-6009"),
        (("--origin", "*"), "RUNE-6009"),
        (("--origin", "shop.example"), "RUNE-6009"),
        (("--rate", "0"), "RUNE-8002"),
        (("--max-jobs", "0"), "RUNE-8002"),
        (("--max-body", "much"), "RUNE-8002"),
        (("--policy", "none.toml"), "RUNE-8003"),
    ],
)
def test_what_cannot_be(rune: Rune, words: tuple[str, ...], code: str) -> None:
    rune("token", "create", "--name", "x", "--scope", "read")
    done = rune("serve", *words)
    assert (done.code, code in done.err) == (2, True), done.err


def test_a_port_that_is_taken(rune: Rune) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        done = rune("serve", "--port", str(other.getsockname()[1]))
    assert (done.code, "RUNE-6527" in done.err) == (2, True)


def test_it_says_that_it_is_open_and_closes_with_the_first_token(
    rune: Rune, tmp_path: Path
) -> None:
    with serving(tmp_path) as (process, said):
        assert said["open"] is True
        assert ask(said["url"], "/jobs")[0] == 200
        assert ask(said["url"], "/jobs", Host="evil.example")[0] == 421
        assert ask(said["url"], "/jobs", Origin="https://evil.example")[0] == 403
        made = rune("token", "create", "--name", "x", "--scope", "read").json
        assert ask(said["url"], "/jobs")[0] == 401
        bearer = f"Bearer {made['token']}"
        assert ask(said["url"], "/jobs", Authorization=bearer)[0] == 200
        rune("token", "revoke", made["id"])
        assert ask(said["url"], "/jobs", Authorization=bearer)[0] == 401
        assert ask(said["url"], "/healthz")[0] == 200
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=30)
        assert (process.returncode, b"Traceback" in err) == (0, False)


def test_with_a_token_it_listens_where_it_is_told_to(rune: Rune, tmp_path: Path) -> None:
    made = rune("token", "create", "--name", "x", "--scope", "read").json
    bearer = f"Bearer {made['token']}"
    words = ("--host", "0.0.0.0", "--name", "jobs.example", "--origin", "https://desk.example")
    with serving(tmp_path, *words) as (_, said):
        assert said["open"] is False
        assert ask(said["url"], "/jobs")[0] == 401
        for host, status in (("jobs.example", 200), ("10.1.2.3", 200), ("evil.example", 421)):
            assert ask(said["url"], "/jobs", Authorization=bearer, Host=host)[0] == status
        for origin, status in (("https://desk.example", 200), ("https://evil.example", 403)):
            assert ask(said["url"], "/jobs", Authorization=bearer, Origin=origin)[0] == status
        # Its tokens are gone, as far as the store says: it does not open for that.
        import apsw

        connection = apsw.Connection(str(tmp_path / ".rune" / "jobs.db"))
        connection.execute("DELETE FROM record WHERE tab = 'tokens'")
        connection.close()
        assert ask(said["url"], "/jobs")[0] == 401
