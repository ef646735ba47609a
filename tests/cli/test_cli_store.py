"""``rune store``: the file that jobs are kept in, looked after from the command line."""

from __future__ import annotations

from pathlib import Path

import apsw
import pytest

from runeskript.stores.sqlite.schema import FORMAT

from .conftest import Rune

URL = "sqlite:///jobs.db"


@pytest.fixture(autouse=True)
def _jobs(rune: Rune, tmp_path: Path) -> None:
    """A store with three jobs that have ended."""
    (tmp_path / "hello.yaml").write_text("skript: hello\ndo:\n  - return: Hello\n")
    for _ in range(3):
        assert rune("run", "hello.yaml", "--store", URL).code == 0


def test_a_sound_store(rune: Rune) -> None:
    done = rune("store", "check", "--store", URL)
    assert (done.code, done.json) == (0, {"store": "jobs.db", "action": "check", "problems": []})
    text = rune("store", "check", "--store", URL, "--output", "text")
    assert text.out == "jobs.db: sound\n"


def test_a_damaged_one(rune: Rune, tmp_path: Path) -> None:
    connection = apsw.Connection(str(tmp_path / "jobs.db"))
    connection.execute(
        "UPDATE segment SET data=x'00' WHERE place >> 32 = 2 AND place & 0xFFFFFFFF = 0"
    )
    connection.close()
    done = rune("store", "check", "--store", URL, "--output", "text")
    assert done.code == 1
    assert "/journal/0: 1 bytes are no segment" in done.out
    assert "problems" in done.out.splitlines()[-1]


def test_a_copy(rune: Rune, tmp_path: Path) -> None:
    done = rune("store", "backup", "copy.db", "--store", URL)
    assert (done.code, done.json["file"]) == (0, "copy.db")
    assert rune("store", "check", "--store", "sqlite:///copy.db").code == 0
    again = rune("store", "backup", "copy.db", "--store", URL)
    assert again.code == 2
    assert "there is a file already" in again.err


def test_pruning(rune: Rune) -> None:
    assert rune("store", "prune", "--store", URL, "--older", "1h").json["jobs"] == 0
    assert rune("store", "prune", "--store", URL, "--keep", "1").json["jobs"] == 2
    done = rune("store", "prune", "--store", URL, "--older", "0s", "--status", "Failed")
    assert done.json["jobs"] == 0
    text = rune("store", "prune", "--store", URL, "--keep", "0", "--output", "text")
    assert text.out == "jobs.db: forgot 1 jobs, 2 events\n"
    text = rune("store", "prune", "--store", URL, "--output", "text")
    assert text.out == "jobs.db: forgot nothing\n"
    done = rune("store", "compact", "--store", URL)
    assert done.json["after"] <= done.json["before"]
    assert rune("store", "compact", "--store", URL, "--output", "text").out.startswith("jobs.db: ")


def test_migrating(rune: Rune) -> None:
    done = rune("store", "migrate", "--store", URL)
    assert (done.json["before"], done.json["after"]) == (FORMAT, FORMAT)
    text = rune("store", "migrate", "--store", URL, "--output", "text")
    assert text.out == f"jobs.db: format {FORMAT} -> {FORMAT}\n"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["check"], ".rune/jobs.db: there is no store here"),
        (["check", "--store", "sqlite:///none.db"], "none.db: there is no store here"),
        (["check", "--store", "memory://"], "write sqlite:///PATH"),
        (["check", "x.db", "--store", URL], "check takes no FILE"),
        (["backup", "--store", URL], "backup needs a FILE"),
        (["prune", "--store", URL, "--older", "5"], "--older 5"),
        (["prune", "--store", URL, "--keep", "-1"], "--keep -1"),
        (["prune", "--store", URL, "--status", "Failed"], "--status goes with --older"),
        (["clean", "--store", URL], "invalid choice: 'clean'"),
    ],
)
def test_what_is_refused(rune: Rune, words: list[str], says: str) -> None:
    done = rune("store", *words)
    assert done.code == 2
    assert says in done.err


def test_options_of_other_actions_are_refused(rune: Rune) -> None:
    done = rune("store", "compact", "--older", "30d", "--store", URL)
    assert (done.code, "--older is for prune, not for compact" in done.err) == (2, True)


def test_prune_forgets_old_entries_of_the_audit_log(rune: Rune) -> None:
    import asyncio
    import time

    from runeskript.stores import open_store

    now = time.time_ns() // 1_000_000

    async def put(name: str, at: int) -> None:
        store = open_store("sqlite://", lambda: at)
        await store.put_record("audit", name, [], 0)
        await store.put_record("tokens", name, {}, 0)
        await store.close()

    for name, days in (("/old", 500), ("/new", 100)):
        asyncio.run(put(name, now - days * 86_400_000))
    assert rune("store", "prune").json["records"] == 0
    assert rune("store", "prune", "--audit", "400d").json["records"] == 1
    assert rune("store", "prune", "--audit", "0ms").json["records"] == 1
    done = rune("store", "prune", "--audit", "soon")
    assert (done.code, "--audit soon" in done.err) == (2, True)
    assert rune("store", "check", "--audit", "1d").code == 2
