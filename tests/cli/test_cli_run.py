"""``rune run`` from its options to its exit code."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path

import pytest

from .conftest import Rune

HELLO = """\
skript: hello
input: {type: object, properties: {name: {type: string}}}
do:
  - log: greeting
  - return: {hello: "${get(input, 'name', 'world')}"}
"""
BROKEN = """\
skript: broken
do:
  - id: pay
    raise: {type: pay.declined, message: "no\\u001b[31m money", data: {left: 3}}
"""
HANDLERS = """\
from runeskript.engine.handlers.decorator import handler

@handler("mine.double", idempotent=True)
async def double(params, ctx):
    "Twice as much."
    ctx.log.warning("doubling")
    return params["n"] * 2
"""
CALLS = """\
skript: calls
do:
  - call: mine.double
    with: {n: 21}
    into: n
  - return: ${n}
"""


@pytest.fixture(autouse=True)
def _files(tmp_path: Path) -> None:
    for name, text in {
        "hello.yaml": HELLO,
        "broken.yaml": BROKEN,
        "mine.py": HANDLERS,
        "calls.yaml": CALLS,
    }.items():
        (tmp_path / name).write_text(text)


def test_the_last_line_is_the_result(rune: Rune) -> None:
    done = rune("run", "hello.yaml", "--input", "name=Sif")
    assert done.code == 0
    assert done.out.count("\n") == 1
    assert list(done.json) == ["job", "state", "output", "error"]
    assert done.json["output"] == {"hello": "Sif"}
    assert (done.json["state"], done.json["error"]) == ("Completed", None)
    assert done.err == "info     /do/0: greeting\n"


def test_text_is_for_people(rune: Rune) -> None:
    done = rune("run", "hello.yaml", "--output", "text", "--log", "off")
    assert json.loads(done.out) == {"hello": "world"}
    assert done.err.startswith("completed in ")


def test_a_failed_job_exits_with_1_and_says_where(rune: Rune) -> None:
    done = rune("run", "broken.yaml")
    assert done.code == 1
    error = done.json["error"]
    assert list(error) == ["code", "type", "message", "step", "file", "line", "attempts"]
    assert (error["type"], error["step"], error["file"], error["line"]) == (
        "pay.declined",
        "pay",
        "broken.yaml",
        3,
    )
    text = rune("run", "broken.yaml", "--output", "text")
    assert (text.code, text.out) == (1, "")
    assert "pay.declined: no\ufffd[31m money" in text.err
    assert "in step pay (broken.yaml:3)" in text.err
    assert 'data: {"left": 3}' in text.err


def test_a_document_with_errors_exits_with_2_and_shows_it(rune: Rune, tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("skript: bad\ndo:\n  - retrun: 1\n  - return: ${nothing}\n")
    done = rune("run", "bad.yaml")
    assert done.code == 2
    assert "did you mean `return`?" in done.err
    assert "3 |   - retrun: 1" in done.err
    assert "nothing" in done.err
    result = done.json
    assert (result["job"], result["state"], result["output"]) == (None, None, None)
    assert list(result["error"]) == ["code", "type", "message", "step", "file", "line", "attempts"]
    assert (result["error"]["type"], result["error"]["line"]) == ("document", 3)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["none.yaml"], "RUNE-8003"),
        (["."], "RUNE-8003"),
        (["hello.yaml", "--input", "oops"], "RUNE-8004"),
        (["hello.yaml", "--input", "name=5"], "RUNE-6001"),
        (["hello.yaml", "--store", "sqlite:x.db"], "RUNE-7001"),
        (["hello.yaml", "--handlers", "none.py"], "RUNE-8006"),
        (["hello.yaml", "--handlers", "no_such_module_here"], "RUNE-8006"),
        (["hello.yaml", "--allow", "everything"], "RUNE-6009"),
        (["hello.yaml", "--allow-host", "http://x/"], "RUNE-6009"),
        (["hello.yaml", "--label", "oops"], "RUNE-8002"),
        (["hello.yaml", "--nonsense"], "RUNE-8002"),
    ],
)
def test_what_is_wrong_with_the_command_is_json_too(
    rune: Rune, words: list[str], code: str
) -> None:
    done = rune("run", *words)
    assert done.code == 2
    assert f"rune: {code}: " in done.err
    assert done.json["job"] is None
    assert done.json["error"]["code"] == code


def test_handlers_from_a_file_and_what_they_log(rune: Rune) -> None:
    words = ("run", "calls.yaml", "--handlers", "mine.py")
    done = rune(*words)
    assert (done.code, done.json["output"]) == (0, 42)
    assert "warning  /do/0: doubling" in done.err
    assert "doubling" not in rune(*words, "--log", "error").err
    assert rune("run", "calls.yaml", "--handlers", "mine").json["output"] == 42


def test_a_handler_file_that_fails_names_its_line(rune: Rune, tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_text("x = 1\ny = undefined_name\n")
    done = rune("run", "hello.yaml", "--handlers", "bad.py")
    assert done.code == 2
    assert "NameError" in done.err
    assert "bad.py, line 2)" in done.err
    (tmp_path / "worse.py").write_text("def f(:\n")
    assert "SyntaxError" in rune("run", "hello.yaml", "--handlers", "worse.py").err
    (tmp_path / "none.py").write_text("x = 1\n")
    assert "has no handlers" in rune("run", "hello.yaml", "--handlers", "none.py").err
    (tmp_path / "exits.py").write_text("raise SystemExit(0)\n")
    assert rune("run", "hello.yaml", "--handlers", "exits.py").code == 2


def test_the_project_names_handlers_and_a_file_beside_the_document_is_not_imported(
    rune: Rune, tmp_path: Path
) -> None:
    done = rune("run", "calls.yaml")
    assert done.code == 2  # mine.py lies there, and stays unread
    assert "handlers come from --handlers" in done.err
    (tmp_path / "pyproject.toml").write_text('[tool.runeskript]\nhandlers = ["mine.py"]\n')
    assert rune("run", "calls.yaml").json["output"] == 42


def test_the_settings_beside_a_document_elsewhere_are_not_read(rune: Rune, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "calls.yaml").write_text(CALLS)
    (other / "mine.py").write_text(HANDLERS)
    (other / "pyproject.toml").write_text('[tool.runeskript]\nhandlers = ["mine.py"]\n')
    done = rune("run", "other/calls.yaml")
    assert done.code == 2
    assert "mine.double" in done.err


def test_input_from_standard_input(rune: Rune, monkeypatch: pytest.MonkeyPatch) -> None:
    import io

    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b'{"name": "Thor"}')))
    assert rune("run", "hello.yaml", "--input", "-").json["output"] == {"hello": "Thor"}


def test_a_document_from_standard_input(rune: Rune, monkeypatch: pytest.MonkeyPatch) -> None:
    import io

    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(BROKEN.encode())))
    done = rune("run", "-")
    assert (done.code, done.json["error"]["file"]) == (1, "-")


def test_key_and_labels_reach_the_skript(rune: Rune, tmp_path: Path) -> None:
    (tmp_path / "job.yaml").write_text(
        'skript: job\nlabels: {team: shop}\ndo:\n  - return: ["${job.key}", "${job.labels}"]\n'
    )
    done = rune("run", "job.yaml", "--key", "k1", "--label", "tier=gold")
    assert done.json["output"] == ["k1", {"team": "shop", "tier": "gold"}]


def test_exec_is_off_unless_allowed(rune: Rune, tmp_path: Path) -> None:
    (tmp_path / "exec.yaml").write_text(
        textwrap.dedent("""\
        skript: exec
        do:
          - call: exec
            with: {command: [echo, hello]}
            into: done
          - return: ${done.stdout}
        """)
    )
    done = rune("run", "exec.yaml")
    assert (done.code, done.json["error"]["type"]) == (1, "exec.denied")
    assert rune("run", "exec.yaml", "--allow", "exec").json["output"] == "hello\n"


def test_a_skript_may_run_another_file_and_itself(rune: Rune, tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "down.yaml").write_text(
        textwrap.dedent("""\
        skript: down
        input: {type: object, required: [n], properties: {n: {type: integer}}}
        do:
          - if: input.n == 0
            then:
              - return: []
          - run: down
            with: {n: "${input.n - 1}"}
            into: rest
          - return: "${[input.n] + rest}"
        """)
    )
    assert rune("run", "sub/down.yaml", "--input", "n=3").json["output"] == [3, 2, 1]
    (tmp_path / "sub" / "up.yaml").write_text(
        "skript: up\ndo:\n  - run: ../hello.yaml\n    into: x\n  - return: ${x}\n"
    )
    assert rune("run", "sub/up.yaml").json["output"] == {"hello": "world"}
    made = rune("compile", "sub/up.yaml", "-o", "out/up.blueprint")
    assert made.code == 2  # the folder is not there
    made = rune("compile", "sub/up.yaml", "-o", "up.blueprint")
    assert (made.code, len(made.json["children"])) == (0, 1)
    assert rune("run", "up.blueprint").json["output"] == {"hello": "world"}
    child = tmp_path / made.json["children"][0]
    child.write_bytes((tmp_path / "up.blueprint").read_bytes())
    assert "holds another Blueprint" in rune("run", "up.blueprint").err
    child.unlink()
    assert "RUNE-8003" in rune("run", "up.blueprint").err


def test_a_damaged_blueprint_is_refused(rune: Rune, tmp_path: Path) -> None:
    assert rune("compile", "hello.yaml").json["out"] == "hello.blueprint"
    file = tmp_path / "hello.blueprint"
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 0xFF
    file.write_bytes(data)
    done = rune("run", "hello.blueprint")
    assert done.code == 2
    assert done.json["error"]["code"].startswith("RUNE-4")


# --- the store ------------------------------------------------------------------------------------
def test_jobs_are_kept_unless_memory_is_asked_for(rune: Rune, tmp_path: Path) -> None:
    assert rune("run", "hello.yaml", "--store", "memory://").code == 0
    assert not (tmp_path / ".rune").exists()
    job = rune("run", "hello.yaml").json["job"]
    assert job in rune("jobs", "list").out
    assert (tmp_path / ".rune" / ".gitignore").read_text() == "*\n"


def test_a_key_is_run_once(rune: Rune) -> None:
    first = rune("run", "hello.yaml", "--key", "one", "--input", "name=Sif")
    assert rune("run", "hello.yaml", "--key", "one", "--input", "name=Ran").json == first.json


def test_where_nothing_can_be_kept_that_is_said(rune: Rune, tmp_path: Path) -> None:
    (tmp_path / ".rune").write_text("a file")
    done = rune("run", "hello.yaml")
    assert done.code == 2
    assert "`--store memory://` keeps nothing" in done.err


def test_another_content_of_a_version_is_run_and_not_deployed(rune: Rune, tmp_path: Path) -> None:
    text = "skript: v\nversion: 3\ndo:\n  - return: %d\n"
    for number in (1, 2):
        (tmp_path / "v.yaml").write_text(text % number)
        done = rune("run", "v.yaml")
        assert (done.code, done.json["output"]) == (0, number)
    assert "v@3 is deployed with another content" in done.err
    (tmp_path / "v.yaml").write_text(
        "skript: v\nversion: 3\ndo:\n  - if: has(input, 'a')\n    then: [{run: v}]\n  - return: 3\n"
    )
    assert "RUNE-6007" in rune("run", "v.yaml").err
