"""``rune jobs send``: events for machines from the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from runeskript.cli.main import main

TICKET = """\
machine: ticket
initial: open
data: {type: object}
states:
  open: {}
  assigned: {}
  closed: {final: true}
  lost: {final: true}
transitions:
  - {from: open, event: assign, to: assigned, allow: agent, do: [{set: {data.by: "${actor.id}"}}]}
  - {from: assigned, event: close, to: closed, guard: event.data.sure}
  - {from: assigned, event: lose, to: lost, do: [{call: not.here}]}
"""


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, Any]:
    code = main([*words, "--output", "json"])
    text = capsys.readouterr().out
    return code, json.loads(text.splitlines()[-1]) if text.strip() else None


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ticket.yaml").write_text(TICKET.replace("    not.here", "    log"), "utf-8")
    (tmp_path / "handlers.py").write_text(
        "from runeskript import handler\n\n\n@handler('not.here')\n"
        "async def lose(params, ctx):\n    return None\n",
        "utf-8",
    )
    _, made = run(capsys, "submit", "ticket.yaml", "--handlers", "handlers.py")
    return str(made["job"])


def test_an_event_waits_for_a_worker_with_the_handlers(
    job: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("jobs", "send", job, "assign", "--id", "e1", "--wait", "1ms")
    code, found = run(capsys, *words)
    assert found == {"job": job, "event": "e1", "outcome": "accepted"}
    assert code == 0
    assert main(["worker", "--until-idle", "--handlers", "handlers.py"]) == 0
    capsys.readouterr()
    _, shown = run(capsys, "jobs", "show", job)
    assert (shown["state"], shown["status"], shown["data"]) == (
        "assigned",
        "Running",
        {"by": "system"},
    )
    code, again = run(capsys, *words[:-1], "5s")  # the same event: what became of it then
    assert (code, again["outcome"], again["state"]) == (0, "done", "assigned")


def test_refusals_have_codes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    text = "".join(line for line in TICKET.splitlines(True) if "not.here" not in line)
    (tmp_path / "ticket.yaml").write_text(text.replace("  lost: {final: true}\n", ""), "utf-8")
    _, made = run(capsys, "submit", "ticket.yaml")
    job = made["job"]

    def send(*words: str) -> tuple[int, str]:
        code, found = run(capsys, "jobs", "send", job, *words)
        return code, found["error"]["code"] if "error" in found else found["state"]

    assert send("assign", "--actor", "eve", "--role", "guest") == (2, "RUNE-6021")
    assert send("close") == (2, "RUNE-6020")
    assert send("assign", "--actor", "ada", "--role", "guest", "--role", "agent") == (0, "assigned")
    assert send("close", "--data", '{"sure": false}') == (2, "RUNE-6020")
    assert send("close", "--data", "{}") == (2, "RUNE-6020")
    assert send("close", "--data", '{"sure": true}', "--reason", "it works") == (0, "closed")
    assert send("close") == (2, "RUNE-6020")
    _, listed = run(capsys, "jobs", "list")
    assert (listed["state"], listed["status"]) == ("closed", "Completed")


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("j",), "RUNE-8002"),
        (("nobody", "x"), "RUNE-6003"),
        (("nobody", "x", "--role", "r"), "RUNE-8002"),
        (("nobody", "x", "--wait", "soon"), "RUNE-8002"),
        (("nobody", "x", "--data", "{"), "RUNE-8002"),
        (("nobody", "x", "--keep", "1s"), "RUNE-8002"),
    ],
)
def test_what_cannot_be_sent(
    words: tuple[str, ...],
    code: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    status, found = run(capsys, "jobs", "send", *words)
    assert (status, found["error"]["code"]) == (2, code)


def test_a_skript_takes_no_events(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.yaml").write_text("skript: a\ndo:\n  - wait: 1h\n", "utf-8")
    _, made = run(capsys, "submit", "a.yaml")
    status, found = run(capsys, "jobs", "send", made["job"], "go")
    assert (status, found["error"]["code"]) == (2, "RUNE-6023")


def test_a_bare_job_is_made_of_data_and_moved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    code, made = run(capsys, "submit", "--data", '{"n": 1}', "--key", "k", "--tenant", "acme")
    assert (code, made["state"]) == (0, "Pending")
    code, found = run(capsys, "jobs", "send", made["job"], "start", "--data", '{"m": 2}')
    assert (code, found["state"], found["status"]) == (0, "Running", "Running")
    assert main(["jobs", "send", made["job"], "resume"]) != 0
    assert "RUNE-6020" in capsys.readouterr().err
    _, shown = run(capsys, "jobs", "show", made["job"])
    assert (shown["kind"], shown["data"], shown["tenant"]) == ("bare", {"n": 1, "m": 2}, "acme")
    assert (shown["skript"], shown["skript_version"], shown["version"]) == ("", None, 4)
    for words in (("list", "--kind", "bare", "--tenant", "acme"), ("list", "--state", "Running")):
        _, listed = run(capsys, "jobs", *words)
        assert listed["job"] == made["job"]
    code, why = run(capsys, "jobs", "why", made["job"])
    assert (code, why["kind"], why["events"]) == (
        0,
        "event",
        ["suspend", "complete", "fail", "cancel"],
    )
    assert main(["jobs", "history", made["job"], "--output", "text"]) == 0
    assert "transition.refused" in capsys.readouterr().out
    assert main(["jobs", "fork", made["job"], "--at", "1"]) != 0
    assert "RUNE-6014" in capsys.readouterr().err
    assert main(["jobs", "export", made["job"], "--out", "job.runejob"]) == 0
    assert main(["replay", "job.runejob"]) != 0
    assert "RUNE-4014" in capsys.readouterr().err
    assert run(capsys, "jobs", "send", made["job"], "cancel")[1]["status"] == "Cancelled"
    assert main(["jobs", "erase", made["job"]]) == 0
    capsys.readouterr()
    assert run(capsys, "jobs", "show", made["job"])[1]["data"] is None


@pytest.mark.parametrize(
    "words",
    [[], ["a.yaml", "--data", "{}"], ["--data", "{"], ["--data", "{}", "--input", "a=1"]],
)
def test_what_is_submitted(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["submit", *words]) == 2
    assert "RUNE-80" in capsys.readouterr().err


def test_data_that_is_no_object(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["submit", "--data", "[1]"]) != 0


def test_a_tenant_has_skripts_and_messages_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "waits.yaml").write_text(
        "skript: waits\ndo:\n  - if: input.n > 0\n    then:\n      - run: waits\n"
        "        with: {n: 0}\n  - listen: go\n    into: m\n",
        "utf-8",
    )
    _, made = run(capsys, "submit", "waits.yaml", "--input", "n=0", "--tenant", "acme")
    assert main(["worker", "--until-idle"]) == 0
    capsys.readouterr()
    assert main(["jobs", "signal", "go", "--job", made["job"]]) != 0
    assert "RUNE-6003" in capsys.readouterr().err
    code, sent = run(capsys, "jobs", "signal", "go", "--job", made["job"], "--tenant", "acme")
    assert (code, sent["outcome"]) == (0, "accepted")
    assert main(["jobs", "signal", "go", "--tenant", "ACME"]) != 0
    assert main(["worker", "--until-idle"]) == 0
    capsys.readouterr()
    assert run(capsys, "jobs", "show", made["job"])[1]["status"] == "Completed"
