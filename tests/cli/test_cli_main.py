"""Finding the verb, refusing what is wrong, importing no more than the verb needs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from runeskript.cli.main import VERBS, load_verb, main
from runeskript.cli.options import Parser

from .conftest import Rune, environment


def test_help_lists_every_verb(rune: Rune) -> None:
    for words in (["--help"], ["-h"], ["help"]):
        done = rune(*words)
        assert done.code == 0
        assert all(f"  {name} " in done.out for name in VERBS)
    done = rune()
    assert (done.code, done.out) == (2, "")
    assert "usage: rune VERB" in done.err


@pytest.mark.parametrize("name", VERBS)
def test_every_verb_has_help_and_takes_output(rune: Rune, name: str) -> None:
    done = rune(name, "--help")
    assert done.code == 0
    assert f"usage: rune {name}" in done.out
    assert "--output" in done.out
    assert rune("help", name).out == done.out


def test_an_unknown_verb_gets_the_nearest(rune: Rune) -> None:
    done = rune("comple", "x.yaml")
    assert (done.code, done.out) == (2, "")
    assert done.err == ("rune: RUNE-8001: unknown verb `comple`\n  hint: did you mean `compile`?\n")
    assert "unknown option `--hepl`" in rune("--hepl").err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["run"], "required: FILE"),
        (["run", "x.yaml", "--inptu", "a=1"], "unknown option `--inptu`"),
        (["run", "x.yaml", "y.yaml"], "unknown argument `y.yaml`"),
        (["run", "x.yaml", "--input"], "expected one argument"),
        (["check", "x.yaml", "--output", "xml"], "invalid choice"),
        (["bench", "--rounds", "many"], "invalid int"),
        (["bench", "--rounds", "3"], "at least 9 rounds"),
        (["explain", "x.yaml", "--stage", "pasre"], "unknown stage `pasre`"),
        (["compile", "-"], "needs -o OUT"),
    ],
)
def test_wrong_options_are_refused(rune: Rune, words: list[str], message: str) -> None:
    done = rune(*words)
    assert done.code == 2
    assert "RUNE-8002" in done.err
    assert message in done.err


def test_a_misspelt_option_gets_the_nearest(rune: Rune) -> None:
    assert "did you mean `--input`?" in rune("run", "x.yaml", "--inptu", "a=1").err


def test_options_and_files_may_be_mixed() -> None:
    parser = Parser("check", "")
    load_verb("check").configure(parser)
    args = parser.read(["a.yaml", "--strict", "b.yaml"])
    assert (args.files, args.strict) == (["a.yaml", "b.yaml"], True)


def test_a_refusal_is_json_where_json_is_asked_for(rune: Rune) -> None:
    done = rune("graph", "none.yaml", "--output=json")
    assert done.code == 2
    assert done.json["error"]["code"] == "RUNE-8003"
    assert rune("graph", "none.yaml", "--output", "text").out == ""


def test_version(rune: Rune) -> None:
    assert rune("version").json["semantics"] == 1
    assert rune("--version").json == rune("version", "--output", "json").json
    assert rune("version", "--output", "text").out.startswith("runeskript ")


def test_a_defect_is_one_line_and_a_traceback_only_on_demand(
    rune: Rune, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object) -> None:
        raise LookupError("boom \x1b[2J")

    monkeypatch.setattr("runeskript.cli.verbs.version.version", broken)
    done = rune("version")
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("rune: RUNE-9000: LookupError: boom \ufffd[2J\n")
    monkeypatch.setenv("RUNE_TRACEBACK", "1")
    assert main(["version"]) == 1
    assert "Traceback" in capfd.readouterr().err


def test_no_memory_left_is_no_defect(rune: Rune, monkeypatch: pytest.MonkeyPatch) -> None:
    def greedy(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr("runeskript.cli.verbs.version.version", greedy)
    done = rune("version")
    assert (done.code, done.out) == (1, "")
    assert "no memory left" in done.err
    assert "defect" not in done.err


_PROBE = """
import json, sys
from runeskript.cli.main import main
code = main(sys.argv[1:])
print(json.dumps([code, sorted(sys.modules)]))
"""


def _modules(cwd: Path, *words: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", _PROBE, *words],
        cwd=cwd,
        env=environment(),
        capture_output=True,
        check=True,
        stdin=subprocess.DEVNULL,
    )
    code, modules = json.loads(done.stdout.splitlines()[-1])
    assert code == 0
    return set(modules)


def test_help_imports_next_to_nothing(tmp_path: Path) -> None:
    heavy = {"asyncio", "argparse", "rich", "aiohttp", "yaml", "msgspec", "dataclasses"}
    assert not heavy & _modules(tmp_path, "--help")


def test_run_imports_nothing_it_does_not_need(tmp_path: Path) -> None:
    (tmp_path / "three.yaml").write_text(
        "skript: three\ndo:\n  - set: {a: 1}\n  - log: hello\n  - return: ${a}\n"
    )
    (tmp_path / "pyproject.toml").write_text("[tool.runeskript]\nhandlers = ['own.py']\n")
    (tmp_path / "own.py").write_text("raise RuntimeError('nobody calls a handler')\n")
    heavy = {"rich", "aiohttp", "typer", "tomllib", "hypothesis", "msgspec", "typing_extensions"}
    heavy |= {"yaml", "runeskript.compiler.read_yaml"}
    heavy |= {"difflib", "shutil", "uuid", "decimal", "random", "unicodedata", "urllib.request"}
    heavy |= {"runeskript.engine.builtin.http", "runeskript.engine.executors.processes"}
    assert not heavy & _modules(tmp_path, "run", "three.yaml")


def test_a_projects_handlers_are_imported_once_one_is_called(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.runeskript]\nhandlers = ['own.py']\n")
    (tmp_path / "own.py").write_text(
        "from runeskript import handler\n\n\n"
        "def up(resources):\n    resources['at'] = 'hand'\n\n\n"
        "@handler('own.reach', setup=up)\n"
        "async def reach(params, ctx):\n    return ctx.resources['at']\n"
    )
    (tmp_path / "one.yaml").write_text(
        "skript: one\ndo:\n  - {call: own.reach, into: a}\n  - return: ${a}\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "runeskript", "run", "one.yaml"],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        check=True,
        stdin=subprocess.DEVNULL,
    )
    assert json.loads(done.stdout.splitlines()[-1])["output"] == "hand"
