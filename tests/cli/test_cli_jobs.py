"""``rune jobs``: what is in a store, and what is asked of it."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from .conftest import Rune

URL = "sqlite:///jobs.db"
WAITS = """
skript: waits
labels: {team: shop}
do:
  - listen: paid
    key: "'order 7'"
    timeout: 1h
    into: x
  - return: ${x}
"""


@pytest.fixture(autouse=True)
def _files(tmp_path: Path) -> None:
    (tmp_path / "waits.yaml").write_text(WAITS.replace("\"'order 7'\"", "\"'7'\""))
    (tmp_path / "listens.yaml").write_text(
        "skript: listens\ndo:\n  - listen: t\n    key: 7\n    into: x\n  - return: ${x}\n"
    )
    (tmp_path / "fails.yaml").write_text(
        "skript: fails\ndo:\n  - raise: {type: a.b, message: no}\n"
    )
    (tmp_path / "calls.yaml").write_text("skript: calls\ndo:\n  - call: mine\n")
    (tmp_path / "mine.py").write_text(
        "from runeskript import handler\n\n@handler('mine')\nasync def mine(params, ctx): ...\n"
    )


def submit(rune: Rune, file: str, *words: str) -> str:
    done = rune("submit", file, "--store", URL, *words)
    assert done.code == 0, done.err
    job: str = done.json["job"]
    return job


def worker(rune: Rune, *words: str) -> None:
    assert rune("worker", "--store", URL, "--until-idle", *words).code == 0


def jobs(rune: Rune, *words: str) -> list[dict[str, Any]]:
    done = rune("jobs", *words, "--store", URL)
    assert done.code == 0, done.err
    return [json.loads(line) for line in done.out.splitlines()]


def why(rune: Rune, job: str) -> str:
    return str(jobs(rune, "why", job)[0]["why"])


def test_jobs_are_listed(rune: Rune) -> None:
    first = submit(rune, "listens.yaml", "--key", "k", "--label", "a=b")
    second = submit(rune, "fails.yaml")
    worker(rune)
    assert [row["job"] for row in jobs(rune, "list")] == [second, first]
    assert [row["status"] for row in jobs(rune, "list")] == ["Failed", "Running"]
    for words in (["--status", "Running"], ["--skript", "listens"], ["--label", "a=b"],
                  ["--key", "k"], ["--after", second]):  # fmt: skip
        assert [row["job"] for row in jobs(rune, "list", *words)] == [first]
    text = rune("jobs", "list", "--store", URL, "--output", "text", "--limit", "1")
    assert "Failed" in text.out and text.out.count("\n") == 1
    assert text.err == f"there are more: --after {second}\n"


def test_one_is_shown_with_its_history(rune: Rune) -> None:
    job = submit(rune, "fails.yaml", "--input", "n=1")
    worker(rune)
    (shown,) = jobs(rune, "show", job)
    assert (shown["status"], shown["input"], shown["error"]["type"]) == ("Failed", {"n": 1}, "a.b")
    assert json.loads(rune("jobs", "show", job, "--store", URL, "--output", "text").out) == shown
    history = jobs(rune, "history", job)
    assert [(one["seq"], one["kind"]) for one in history] == [
        (0, "job.started"),
        (1, "job.finished"),
    ]
    text = rune("jobs", "history", job, "--store", URL, "--output", "text")
    assert [line.split()[3] for line in text.out.splitlines()] == ["job.started", "job.finished"]


def test_a_message_is_sent(rune: Rune) -> None:
    job = submit(rune, "listens.yaml")
    worker(rune)
    assert why(rune, job) == "no worker holds it, and none has to: a message to topic t, key 7"
    words = ("signal", "t", "--key", "7", "--data", '{"a": 1}', "--id", "m", "--keep", "1h")
    assert jobs(rune, *words) == [{"message": "m", "outcome": "accepted"}]
    assert jobs(rune, *words) == [{"message": "m", "outcome": "duplicate"}]
    assert why(rune, job) == "no worker runs"
    worker(rune)
    assert jobs(rune, "show", job)[0]["output"] == {"a": 1}
    assert why(rune, job) == "it has ended: Completed"
    done = rune("jobs", "signal", "t", "--job", "none", "--store", URL)
    assert (done.code, "RUNE-6003" in done.err) == (2, True)


def test_a_key_that_is_text(rune: Rune) -> None:
    job = submit(rune, "waits.yaml")
    assert jobs(rune, "pause", job) == [{"job": job, "status": "Pending", "accepted": True}]
    worker(rune)
    assert why(rune, job) == "it stands still: paused"
    assert jobs(rune, "list", "--status", "Suspended")[0]["reason"] == "paused"
    jobs(rune, "signal", "paid", "--key", '"7"', "--keep", "1h", "--data", "5")
    worker(rune)
    assert jobs(rune, "show", job)[0]["status"] == "Suspended"
    assert jobs(rune, "resume", job)[0]["accepted"] is True
    worker(rune)
    assert jobs(rune, "show", job)[0]["output"] == 5
    assert jobs(rune, "resume", job) == [{"job": job, "status": "Completed", "accepted": False}]


def test_jobs_are_cancelled(rune: Rune) -> None:
    both = [submit(rune, "listens.yaml") for _ in range(2)]
    worker(rune)
    done = rune("jobs", "cancel", *both, "--reason", "enough", "--store", URL, "--output", "text")
    assert done.err == "".join(f"{job}: cancel is asked for\n" for job in both)
    worker(rune)
    for job in both:
        (shown,) = jobs(rune, "show", job)
        assert (shown["status"], shown["error"]["message"]) == ("Cancelled", "enough")
    done = rune("jobs", "cancel", both[0], "--store", URL, "--output", "text")
    assert done.err == f"{both[0]}: it is Cancelled already\n"


def test_a_failed_job_is_retried(rune: Rune, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "import pathlib\nfrom runeskript import handler\n\n"
        "@handler('mine')\nasync def mine(params, ctx):\n"
        "    return pathlib.Path('there').read_text()\n"
    )
    words = ("--handlers", "mine.py")
    job = submit(rune, "calls.yaml", *words)
    worker(rune, *words)
    assert jobs(rune, "show", job)[0]["status"] == "Failed"
    (tmp_path / "there").write_text("x")
    assert jobs(rune, "retry", job) == [{"job": job, "status": "Failed", "accepted": True}]
    worker(rune, *words)
    assert jobs(rune, "show", job)[0]["status"] == "Completed"
    assert "job.retried" in [one["kind"] for one in jobs(rune, "history", job)]
    other = submit(rune, "fails.yaml")
    worker(rune)
    for one in (job, other):
        done = rune("jobs", "retry", one, "--store", URL)
        assert (done.code, "RUNE-6013" in done.err) == (2, True)


def test_a_job_is_forked(rune: Rune, tmp_path: Path) -> None:
    (tmp_path / "adds.yaml").write_text(
        "skript: adds\ndo:\n  - call: mine\n    into: a\n  - call: mine\n    into: b\n"
        "  - return: ${a + b}\n"
    )
    (tmp_path / "mine.py").write_text(
        "from runeskript import handler\n\n"
        "@handler('mine')\nasync def mine(params, ctx):\n    return 2\n"
    )
    words = ("--handlers", "mine.py")
    job = submit(rune, "adds.yaml", *words)
    worker(rune, *words)
    (made,) = jobs(rune, "fork", job, "--at", "2", "--set", "a=40", "--label", "x=y")
    assert (made["origin"], made["at"]) == (job, 2)
    worker(rune, *words)
    (shown,) = jobs(rune, "show", made["job"])
    assert (shown["output"], shown["labels"]) == (42, {"x": "y"})
    text = rune("jobs", "fork", job, "--at", "1", "--store", URL, "--output", "text")
    assert text.out.strip() in [row["job"] for row in jobs(rune, "list", "--status", "Pending")]
    for wrong, code in (
        (["--at", "9"], "RUNE-6014"),
        ([], "RUNE-8002"),
        (["--at", "2", "--set", "a"], "RUNE-8002"),
        (["--at", "2", "--set", "a={"], "RUNE-8002"),
    ):
        done = rune("jobs", "fork", job, *wrong, "--store", URL)
        assert (done.code, code in done.err) == (2, True)


def test_a_pending_call_is_completed(rune: Rune, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "import pathlib\nfrom runeskript import handler\n\n"
        "@handler('mine')\nasync def mine(params, ctx):\n"
        "    pathlib.Path('token').write_text(ctx.token)\n"
        "    return ctx.pending()\n"
    )
    (tmp_path / "asks.yaml").write_text(
        "skript: asks\ndo:\n  - call: mine\n    into: r\n  - return: ${r}\n"
    )
    words = ("--handlers", "mine.py")
    for action, more, status in (
        ("complete", ["--data", "[1]"], "Completed"),
        ("fail", ["--reason", "no", "--type", "a.b"], "Failed"),
    ):
        job = submit(rune, "asks.yaml", *words)
        worker(rune, *words)
        token = (tmp_path / "token").read_text()
        assert token in why(rune, job)
        assert jobs(rune, action, token, *more) == [{"job": job, "outcome": "accepted"}]
        assert jobs(rune, action, token, *more) == [{"job": job, "outcome": "duplicate"}]
        text = rune("jobs", "complete", token, "--store", URL, "--output", "text")
        assert text.err == f"duplicate: job {job}\n"
        worker(rune, *words)
        (shown,) = jobs(rune, "show", job)
        assert shown["status"] == status
        assert (shown["output"] or shown["error"]["type"]) in ([1], "a.b")
    for wrong in (["complete", "x"], ["fail", token + "0"]):
        done = rune("jobs", *wrong, "--store", URL)
        assert (done.code, "RUNE-6015" in done.err) == (2, True)


def test_why_nobody_takes_it(rune: Rune) -> None:
    job = submit(rune, "calls.yaml", "--handlers", "mine.py")
    assert why(rune, job) == "no worker runs"
    worker(rune)
    assert why(rune, job) == "no worker runs"
    worker(rune, "--handlers", "mine.py")
    assert why(rune, job) == "it has ended: Completed"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["show"], "write: rune jobs show ID"),
        (["show", "a", "b"], "write: rune jobs show ID"),
        (["list", "a"], "write: rune jobs list"),
        (["cancel"], "write: rune jobs cancel ID ..."),
        (["show", "none"], "no job has the id none"),
        (["cancel", "none"], "no job has the id none"),
        (["list", "--label", "x"], "a label is NAME=TEXT"),
        (["list", "--limit", "0"], "--limit 0"),
        (["list", "--status", "Done"], "invalid choice"),
        (["signal", "t", "--data", "{"], "--data {"),
        (["signal", "t", "--keep", "5"], "the message cannot be sent"),
        (["stop", "x"], "invalid choice: 'stop'"),
    ],
)
def test_what_is_refused(rune: Rune, words: list[str], says: str) -> None:
    done = rune("jobs", *words, "--store", URL)
    assert done.code == 2
    assert says in done.err


# --- many at once ---------------------------------------------------------------------------------
def test_jobs_are_asked_by_filter(rune: Rune) -> None:
    waiting = [submit(rune, "listens.yaml", "--label", f"n={n}") for n in range(3)]
    failed = submit(rune, "fails.yaml")
    worker(rune)
    would = jobs(rune, "cancel", "--skript", "listens", "--label", "n=1", "--dry-run")
    assert would == [{"job": waiting[1], "status": "Running", "would": "cancel"}]
    assert jobs(rune, "show", waiting[1])[0]["status"] == "Running"
    assert [one["job"] for one in jobs(rune, "pause", "--since", "1h")] == waiting[::-1]
    worker(rune)
    assert [one["job"] for one in jobs(rune, "resume", "--status", "Suspended")] == waiting[::-1]
    assert len(jobs(rune, "cancel", "--before", "2999-01-01")) == 3
    worker(rune)
    found = jobs(rune, "list", "--status", "Cancelled")
    assert {one["job"] for one in found} == set(waiting)
    assert jobs(rune, "cancel", failed, "--dry-run")[0]["would"] is None
    assert jobs(rune, "list", "--before", "1h") == []


def test_neither_all_nor_nothing_is_meant_by_mistake(rune: Rune) -> None:
    for words in (["cancel"], ["cancel", "x", "--skript", "y"], ["list", "--dry-run"],
                  ["list", "--since", "yesterday"]):  # fmt: skip
        done = rune("jobs", *words, "--store", URL)
        assert (done.code, "RUNE-8" in done.err) == (2, True)


def test_jobs_are_watched_until_they_have_ended(rune: Rune) -> None:
    job = submit(rune, "fails.yaml")
    worker(rune)
    assert [one["status"] for one in jobs(rune, "watch", job)] == ["Failed"]


async def test_changes_are_told_as_they_come() -> None:
    from runeskript.cli.jobs_watch import watch
    from runeskript.engine.runtime import Runtime
    from runeskript.stores.memory import MemoryStore
    from runeskript.stores.queries import JobFilter

    store = MemoryStore(lambda: 1_700_000_000_000)
    told: list[tuple[str, str]] = []

    def tell(row: Any) -> None:
        told.append((row.skript, row.status))

    async with Runtime(store=store, discover_handlers=False) as runtime:
        await runtime.run_job("skript: before\ndo:\n  - return: 1\n")
        watching = asyncio.ensure_future(watch(store, [], JobFilter(skript="a"), tell))
        await asyncio.sleep(0)
        for name in ("a", "b"):
            await runtime.run_job(f"skript: {name}\ndo:\n  - return: 1\n")
        job = await runtime.submit_job("skript: c\ndo:\n  - listen: t\n")
        until = asyncio.ensure_future(watch(store, [job.id], JobFilter(), tell))
        await asyncio.sleep(0)
        await runtime.signal("t")
        await until
        watching.cancel()
    assert ("before", "Completed") not in told
    assert ("b", "Completed") not in told
    assert told[-1] == ("c", "Completed")
    assert ("a", "Completed") in told


def test_what_a_job_was_given_is_erased(rune: Rune, tmp_path: Path) -> None:
    (tmp_path / "e.yaml").write_text("skript: e\ndo:\n  - return: ${input.who}\n")
    (tmp_path / "w.yaml").write_text("skript: w\ndo:\n  - listen: go\n")
    done = rune("run", "e.yaml", "--input", "who=Ada").json["job"]
    waits = rune("submit", "w.yaml").json["job"]
    found = rune("jobs", "erase", "--skript", "e", "--dry-run").json
    assert found == {"job": done, "outcome": "erased", "by": None, "dry": True}
    assert rune("jobs", "show", done).json["output"] == "Ada"
    assert rune("jobs", "erase", done, waits).json["outcome"] == "unfinished"
    shown = rune("jobs", "show", done).json
    assert (shown["output"], shown["input"], shown["reason"]) == (None, None, "erased")
    assert "RUNE-7011" in rune("jobs", "history", done).err
    assert (
        rune("jobs", "erase", "--status", "Completed", "--output", "text").err
        == f"{done}: erased\n"
    )
    assert rune("jobs", "erase").code != 0


def test_a_cancel_has_a_grace_time(rune: Rune) -> None:
    job = submit(rune, "listens.yaml")
    worker(rune)
    assert "cancel" not in jobs(rune, "show", job)[0]
    (asked,) = jobs(rune, "cancel", job, "--grace", "10s", "--reason", "enough")
    assert asked["accepted"]
    worker(rune)
    (shown,) = jobs(rune, "show", job)
    assert shown["status"] == "Cancelled"
    assert (shown["cancel"]["reason"], shown["cancel"]["forced"]) == ("enough", None)


def test_by_force_a_finally_that_waits_is_left(rune: Rune, tmp_path: Path) -> None:
    (tmp_path / "cleans.yaml").write_text(
        "skript: cleans\ndo:\n  - try: [{listen: t}]\n    finally: [{listen: done}]\n"
    )
    job = submit(rune, "cleans.yaml")
    worker(rune)
    jobs(rune, "cancel", job)
    worker(rune, "--grace", "0s")
    assert "a message to topic done" in why(rune, job) and ", its grace time was over at " in why(
        rune, job
    )
    assert "forced" not in why(rune, job)
    jobs(rune, "cancel", job, "--force")
    worker(rune)
    (shown,) = jobs(rune, "show", job)
    assert shown["status"] == "Cancelled"
    assert shown["error"]["data"]["others"][0]["type"] == "cancel.abandoned"
    kinds = [one["kind"] for one in jobs(rune, "history", job)]
    assert kinds == ["job.started", "cancel.requested", "cancel.grace", "cancel.overdue",
                     "cancel.grace", "cancel.forced", "job.finished"]  # fmt: skip


def test_options_of_other_actions_are_refused(rune: Rune) -> None:
    for words, said in (
        (("pause", "x", "--grace", "1s"), "--grace is for cancel, not for pause"),
        (("list", "--force"), "--force is for cancel, not for list"),
        (("show", "x", "--limit", "100"), "--limit is for list, not for show"),  # its default
        (("cancel", "x", "--type=external"), "--type is for fail, not for cancel"),
        (("complete", "x", "--reason="), "--reason is for cancel, fail, send, not for complete"),
        (("history", "x", "--keep", "0s"), "--keep is for signal, not for history"),
        (("show", "x", "--dry-run"), "--dry-run is for cancel, pause, resume, retry, erase, not"),
        (("why", "x", "--skript", "s"), "--skript is for list, watch, cancel, pause, resume"),
    ):
        done = rune("jobs", *words, "--store", URL)
        assert (done.code, said in done.err) == (2, True)


def test_a_grace_time_is_a_duration(rune: Rune) -> None:
    job = submit(rune, "listens.yaml")
    assert "grace: 'soon'" in rune("jobs", "cancel", job, "--grace", "soon", "--store", URL).err
