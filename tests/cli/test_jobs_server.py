"""Every action of ``rune jobs`` says the same of a service as of the store that it has."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.cli.conftest import Done, Rune

from client.live import Live, Scripted, answer, live
from runeskript.cli.verbs.jobs import ACTIONS
from runeskript.client import Client
from runeskript.engine.handlers import handler
from runeskript.model.exports import decode_export
from runeskript.service.settings import Settings

HELLO = "skript: hello\nlabels: {team: shop}\ndo:\n  - return: ${input}\n"
FAILS = "skript: fails\ndo:\n  - call: fails\non_failure: {call: fails}\n"
WAITS = 'skript: waits\ndo:\n  - listen: go\n    into: got\n  - return: "${got}"\n'
LATER = "skript: later\ndo:\n  - call: later\n"
UNDO = "skript: undo\ndo:\n  - try: [{listen: go}]\n    finally: [{listen: never}]\n"
MACHINE = """
machine: ticket
initial: open
states: {open: {}, closed: {final: true}}
transitions:
  - {from: open, event: more, to: open, do: [{set: {data.n: "${data.n + 1}"}}]}
  - {from: open, event: close, to: closed, guard: data.n > 5}
"""
#: What is another one each time: ids, times and sizes.
VARIES = re.compile(r'[0-9a-f]{8}-[0-9a-f-]{27}|\b[0-9a-f]{32}\b|"exported_at": \d+|"bytes": \d+')
TOKENS: list[str] = []


@handler("later")
async def later(params: Any, ctx: Any) -> Any:
    TOKENS.append(ctx.token)
    return ctx.pending()


@handler("fails")
async def fails(params: Any, ctx: Any) -> Any:
    raise RuntimeError("no")


class Two:
    """One store with a service, and the command asking both."""

    def __init__(self, rune: Rune, server: Live, url: str) -> None:
        self.rune = rune
        self.server = server
        self.store = url
        self.client = Client(server.url, env={})

    def ask(self, *words: str) -> tuple[Done, Done]:
        by_store = self.rune("jobs", *words, "--store", self.store)
        return by_store, self.rune("jobs", *words, "--server", self.server.url)

    def same(self, *words: str) -> Any:
        """Both say the same, as JSON and as text; what the JSON says."""
        found = None
        for mode in ("json", "text"):
            one, two = self.ask(*words, "--output", mode)
            assert (one.code, one.out, one.err) == (two.code, two.out, two.err), words
            if mode == "json":
                found = [json.loads(line) for line in one.out.splitlines()]
        return found

    def alike(self, *words: str) -> list[Any]:
        """The same of what is another one each time, but for its ids."""
        one, two = self.ask(*words, "--output", "json")
        for done in (one, two):
            assert done.code == 0, done
        texts = [VARIES.sub("...", done.out + done.err) for done in (one, two)]
        assert texts[0] == texts[1], words
        return [done.json for done in (one, two)]

    def twins(self, word: str, jobs: Sequence[str], *more: str) -> list[Any]:
        """The same asked of two jobs that stand alike: of one in the store, of one at the service."""
        one = self.rune("jobs", word, jobs[0], *more, "--store", self.store)
        other = self.rune("jobs", word, jobs[1], *more, "--server", self.server.url)
        said = [VARIES.sub("...", done.out + done.err) for done in (one, other)]
        assert (one.code, said[0]) == (other.code, said[1])
        return [one.json, other.json]

    def job(self, document: str, data: Any = None, **more: Any) -> str:
        return str(self.client.submit(document=document, data=data, **more).id)

    def ended(self, id_: str) -> str:
        for _ in self.client.job_events(id_):
            pass
        return id_

    def until(self, id_: str, kind: str) -> str:
        next(one for one in self.client.job_events(id_) if one.kind == kind)
        return id_


@pytest.fixture
def two(rune: Rune, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Two]:
    monkeypatch.delenv("RUNE_TOKEN", raising=False)
    url = f"sqlite:///{tmp_path}/jobs.db?sync=normal"
    with live(url, handlers=[later, fails], discover_handlers=False) as server:
        found = Two(rune, server, url)
        yield found
        found.client.close()


def test_looking(two: Two) -> None:
    first = two.ended(two.job(HELLO, {"a": 1}, key="k", labels={"x": "y"}))
    failed = two.ended(two.job(FAILS))
    machine = two.job(MACHINE, {"n": 1})
    two.client.move(machine, "more")
    assert [one["job"] for one in two.same("list")][-1] == first
    assert len(two.same("list", "--skript", "hello", "--label", "x=y", "--key", "k")) == 1
    assert len(two.same("list", "--limit", "2", "--status", "Running", "--state", "open")) == 1
    assert len(two.same("list", "--limit", "1")) == 1
    assert two.same("list", "--after", machine)[0]["job"] != machine
    assert two.same("list", "--since", "1h", "--kind", "machine")[0]["job"] == machine
    assert two.same("list", "--before", "1h") == []
    for id_ in (first, failed, machine):
        assert two.same("show", id_)[0]["job"] == id_
        assert two.same("history", id_)
        for word in ("why", "graph", "variables"):
            assert two.same(word, id_)[0]["job"] == id_
        assert two.same("variables", id_, "--at", "1")[0]["position"] == 1
    assert "on_failure" in two.same("show", failed)[0]
    assert two.same("watch", first, failed)
    exported = []
    for words in (("--store", two.store), ("--server", two.server.url)):
        assert two.rune("jobs", "export", first, "--out", "x.runejob", *words).code == 0
        export = decode_export(Path("x.runejob").read_bytes())
        exported.append((export.blueprint, export.events, export.job | {"exported_at": 0}))
    assert exported[0] == exported[1]
    two.alike("export", first)


def test_a_cancel_is_shown(two: Two) -> None:
    id_ = two.until(two.job(UNDO), "job.started")
    assert two.alike("cancel", id_, "--reason", "enough", "--grace", "1h")[0]["accepted"]
    two.until(id_, "cancel.grace")
    found = two.same("show", id_)[0]
    assert found["cancel"]["reason"] == "enough" and found["cancel"]["due"]
    two.rune("jobs", "cancel", id_, "--force", "--server", two.server.url)
    two.ended(id_)
    assert two.same("show", id_)[0]["cancel"]["forced"]


def test_telling_many_at_once(two: Two) -> None:
    jobs = [two.until(two.job(WAITS), "job.started") for _ in range(2)]
    assert len(two.same("pause", *jobs, "--dry-run")) == 2
    assert len(two.same("cancel", "--skript", "waits", "--dry-run")) == 2
    assert two.same("resume", jobs[0], "--dry-run")[0]["would"] is None
    assert two.twins("pause", jobs)[0]["accepted"]
    for id_ in jobs:
        while two.client.job(id_).status != "Suspended":
            pass
    assert two.twins("resume", jobs)[0]["accepted"]
    two.rune("jobs", "cancel", *jobs, "--server", two.server.url)
    for id_ in jobs:
        two.ended(id_)
    assert not two.same("cancel", *jobs)[0]["accepted"]
    failed = [two.ended(two.job(FAILS)) for _ in range(2)]
    assert two.same("retry", failed[0], "--dry-run")[0]["would"] == "retry"
    assert two.twins("retry", failed)[0]["accepted"]
    assert two.same("erase", jobs[0], "--dry-run")[0]["outcome"] == "erased"
    assert [one["outcome"] for one in two.twins("erase", jobs)] == ["erased"] * 2
    assert two.twins("retry", jobs)[0]["error"]["code"] == "RUNE-6013"
    running = two.until(two.job(WAITS), "job.started")
    assert two.same("erase", running)[0]["outcome"] == "unfinished"


def test_messages_and_ends(two: Two) -> None:
    for words in (("--store", two.store), ("--server", two.server.url)):
        id_ = two.until(two.job(WAITS), "job.started")
        for options in (("--data", '{"n": 1}', "--keep", "1h", "--job", id_), ("--key", "7")):
            done = two.rune("jobs", "signal", "go", *options, *words)
            assert (done.code, done.json["outcome"]) == (0, "accepted")
        assert two.client.job(two.ended(id_)).output == {"n": 1}
    two.rune("jobs", "signal", "go", "--id", "m", "--keep", "1h", "--store", two.store)
    assert two.same("signal", "go", "--id", "m", "--keep", "1h")[0]["outcome"] == "duplicate"
    for action in ("complete", "fail"):
        jobs = [two.until(two.job(LATER), "call.pending") for _ in range(2)]
        ends = [next(one for one in TOKENS if one.startswith(id_)) for id_ in jobs]
        assert two.twins(action, ends, "--data", "1")[0]["outcome"] == "accepted"
    fork = two.alike("fork", id_, "--at", "1", "--label", "a=b", "--set", "got=1")
    assert two.client.job(fork[1]["job"]).labels == {"a": "b"}


def test_machines(two: Two) -> None:
    id_ = two.job(MACHINE, {"n": 1})
    assert two.alike("send", id_, "more", "--reason", "so")[0]["state"] == "open"
    one, other = two.ask("send", id_, "close", "--output", "text")
    assert (one.code, one.err) == (other.code, other.err)
    assert "allowed here: more" in one.err
    refused = two.rune("jobs", "send", id_, "more", "--actor", "ann", "--server", two.server.url)
    assert refused.code == 2 and "--actor" in refused.err


def test_what_is_not_there_is_said_alike(two: Two) -> None:
    for words in (
        ("show", "nobody"), ("history", "nobody"), ("why", "nobody"), ("watch", "nobody"),
        ("cancel", "nobody"), ("pause", "nobody"), ("resume", "nobody"), ("retry", "nobody"),
        ("erase", "nobody"), ("fork", "nobody", "--at", "1"), ("send", "nobody", "go"),
        ("export", "nobody"), ("list", "--after", "nobody"), ("complete", "nothing"),
        ("signal", "go", "--job", "nobody"), ("cancel", "x", "--grace", "5"),
        ("fork", "x", "--at", "1", "--set", "y"), ("send", "x", "go", "--wait", "5"),
    ):  # fmt: skip
        one, other = two.ask(*words)
        assert one.code != 0
        assert (one.code, one.out, one.err) == (other.code, other.out, other.err), words


def test_every_action_is_tried() -> None:
    text = Path(__file__).read_text(encoding="utf-8")
    missing = [name for name in ACTIONS if f'"{name}"' not in text]
    assert missing == []


def test_a_service_that_says_no(rune: Rune, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RUNE_TOKEN", raising=False)

    def asked(reply: bytes, *words: str) -> Done:
        with Scripted([reply]) as server:
            return rune("jobs", *words, "--server", server.url)

    def refusal(status: int, code: str) -> bytes:
        body = {"type": "x", "title": "t", "status": status, "code": code, "detail": "so it is"}
        return answer(status, json.dumps(body).encode(), "application/problem+json")

    for status, code in ((401, "RUNE-6500"), (403, "RUNE-6501"), (422, "RUNE-6009")):
        done = asked(refusal(status, code), "list")
        assert done.code not in (0, 1) or code in done.err
        assert done.err.splitlines()[0] == f"rune: {code}: so it is"
    done = asked(answer(200, b"<html>", "text/html"), "list")
    assert "RUNE-6540" in done.err
    done = rune("jobs", "list", "--server", "nonsense")
    assert "RUNE-6009" in done.err and done.code != 0
    done = rune("jobs", "list", "--server", "http://127.0.0.1:9", "--store", "memory://")
    assert done.code == 2 and "do not go together" in done.err
    done = rune("jobs", "list", "--server", "http://a", "--tenant", "b")
    assert done.code == 2 and "--tenant" in done.err


def test_nobody_listens(rune: Rune, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr("time.sleep", slept.append)
    done = rune("jobs", "list", "--server", "http://127.0.0.1:9")
    assert done.err.startswith("rune: RUNE-6541: http://127.0.0.1:9 cannot be reached")
    assert len(done.err.splitlines()) <= 2


def test_the_token_is_that_of_the_environment(
    rune: Rune, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path}/jobs.db?sync=normal"
    made = rune("token", "create", "--name", "me", "--scope", "read", "--store", url)
    with live(url, Settings()) as server:
        monkeypatch.delenv("RUNE_TOKEN", raising=False)
        assert "RUNE-6500" in rune("jobs", "list", "--server", server.url).err
        monkeypatch.setenv("RUNE_TOKEN", made.json["token"])
        assert rune("jobs", "list", "--server", server.url).code == 0
        done = rune("jobs", "cancel", "x", "--server", server.url)
        assert "RUNE-6003" in done.err
        done = rune("jobs", "signal", "x", "--server", server.url)
        assert "RUNE-6501" in done.err


def test_submit_and_check(two: Two, tmp_path: Path) -> None:
    (tmp_path / "ok.yaml").write_text(HELLO)
    (tmp_path / "bad.yaml").write_text("skript: x\ndo:\n  - retrun: 1\n")
    (tmp_path / "calls.yaml").write_text("skript: x\ndo:\n  - call: later\n")
    (tmp_path / "none.yaml").write_bytes(b"skript: \xff\n")
    url = two.server.url
    done = two.rune(
        "submit", "ok.yaml", "--input", "a=1", "--key", "k", "--label", "x=y", "--server", url
    )
    job = two.client.job(done.json["job"])
    assert (job.key, job.labels, job.input) == ("k", {"team": "shop", "x": "y"}, {"a": 1})
    assert two.client.result(job.id) == {"a": 1}
    again = two.rune("submit", "ok.yaml", "--key", "k", "--server", url, "--output", "text")
    assert again.out.strip() == job.id
    refused = two.rune(
        "submit", "ok.yaml", "--key", "k", "--on-conflict", "reject", "--server", url
    )
    assert "RUNE-6012" in refused.err
    for name in ("ok.yaml", "bad.yaml", "none.yaml"):
        for verb in ("check", "submit"):
            here = two.rune(verb, name, *(() if verb == "check" else ("--store", two.store)))
            there = two.rune(verb, name, "--server", url)
            if verb == "check" or name != "ok.yaml":
                assert (here.code, here.out) == (there.code, there.out)
                # How long a finding is does not go over the wire.
                assert re.sub(r"\^+", "^", here.err) == re.sub(r"\^+", "^", there.err)
    text = two.rune("check", "bad.yaml", "--server", url, "--output", "text")
    assert "bad.yaml:3:5" in text.out and "`retrun` is no verb" in text.out
    bare = two.rune("submit", "--data", '{"n": 1}', "--server", url)
    assert two.client.job(bare.json["job"]).kind == "bare"
    # The service has a handler that is not here.
    assert two.rune("check", "calls.yaml", "--server", url).json == []
    for options in (("--handlers", "x.py"), ("--no-opt",), ("--store", "memory://")):
        done = two.rune("submit", "ok.yaml", "--server", url, *options)
        assert (done.code, options[0] in done.err) == (2, True)
    assert two.rune("check", "gone.yaml", "--server", url).code == 2
