"""check, compile, explain, graph, handlers, fmt, init, bench: their results and exit codes."""

from __future__ import annotations

import gc
import json
import os
import stat
import sys
from pathlib import Path

import pytest
import yaml

from runeskript.cli import bench_document, bench_startup
from runeskript.cli import bench_scenarios as bench
from runeskript.cli.documents import store
from runeskript.compiler.explain import STAGES
from runeskript.compiler.pipeline import compile_text
from runeskript.compiler.validate.facts import collect_facts
from runeskript.model import blueprint_codec
from runeskript.model.catalog import PlainHandler, StaticCatalog

from .conftest import Rune

GOOD = """\
# a comment
skript: good
do:
  - set: {a: 1}
  - return: ${a}
"""
BAD = "skript: bad\ndo:\n  - retrun: 1\n"
WARNS = "skript: warns\ndo:\n  - set: {a: 1, b: a + 1}\n  - return: ${[a, b]}\n"
KEYS = ["code", "severity", "message", "file", "line", "column", "pointer", "hint"]


@pytest.fixture(autouse=True)
def _files(tmp_path: Path) -> None:
    for name, text in {"good.yaml": GOOD, "bad.yaml": BAD, "warns.yaml": WARNS}.items():
        (tmp_path / name).write_text(text)


# --- check ----------------------------------------------------------------------------------------
def test_check_lists_findings_of_all_files(rune: Rune) -> None:
    done = rune("check", "good.yaml", "bad.yaml", "none.yaml")
    assert done.code == 2
    assert [list(row) for row in done.json] == [KEYS, KEYS]
    first, second = done.json
    assert (first["file"], first["line"], first["column"]) == ("bad.yaml", 3, 5)
    assert first["hint"] == "did you mean `return`?"
    assert (second["file"], second["code"]) == ("none.yaml", "RUNE-8003")


def test_check_exits_with_0_for_warnings_unless_strict(rune: Rune) -> None:
    assert (rune("check", "good.yaml").code, rune("check", "good.yaml").json) == (0, [])
    done = rune("check", "warns.yaml")
    assert (done.code, [row["severity"] for row in done.json]) == (0, ["warning"])
    assert rune("check", "warns.yaml", "--strict").code == 2
    assert rune("check", "good.yaml", "--strict").code == 0


def test_check_as_text_points_at_the_place(rune: Rune) -> None:
    done = rune("check", "bad.yaml", "--output", "text")
    assert done.code == 2
    assert "bad.yaml:3:5" in done.out
    assert "3 |   - retrun: 1" in done.out
    assert "^" in done.out
    assert done.out.rstrip().endswith("1 error")
    assert rune("check", "good.yaml", "--output", "text").out == "1 file checked: no findings\n"


UNUSED = "skript: unused\ndo:\n  - set: {a: 1}\n  - return: done\n"


def test_lints_are_said_by_check_and_compile_and_not_by_run(rune: Rune, tmp_path: Path) -> None:
    (tmp_path / "unused.yaml").write_text(UNUSED)
    assert [row["code"] for row in rune("check", "unused.yaml").json] == ["RUNE-3110"]
    assert "RUNE-3110" in rune("compile", "unused.yaml").err
    done = rune("run", "unused.yaml")
    assert (done.code, done.json["output"], done.err) == (0, "done", "")


def test_check_tells_how_many_calls_a_job_can_make(rune: Rune, tmp_path: Path) -> None:
    text = (
        "skript: calls\ndo:\n  - for: i\n    in: range(3)\n    do:\n"
        "      - {call: http.get, with: {url: 'https://example.com/'}}\n"
    )
    (tmp_path / "calls.yaml").write_text(text)
    done = rune("check", "calls.yaml", "--strict", "--output", "text")
    assert done.code == 0
    said = "1 file checked: no findings\ncalls.yaml: a job makes at most 3 calls\n"
    assert done.out == said
    (row,) = rune("check", "calls.yaml").json
    assert (row["code"], row["severity"], row["line"]) == ("RUNE-3140", "info", 1)
    assert rune("compile", "calls.yaml").err == ""
    project = tmp_path / "pyproject.toml"
    project.write_text("[tool.runeskript]\nmax_calls = 2\n")
    assert [row["code"] for row in rune("check", "calls.yaml").json] == ["RUNE-3140", "RUNE-3141"]
    project.write_text("[tool.runeskript.severity]\nmost-calls = 'off'\n")
    assert rune("check", "calls.yaml").json == []


@pytest.mark.parametrize("verb", ["check", "compile", "explain", "graph", "run"])
def test_a_project_may_count_a_lint_as_an_error(rune: Rune, tmp_path: Path, verb: str) -> None:
    (tmp_path / "unused.yaml").write_text(UNUSED + "input: {properties: {a: {}}}\n")
    project = tmp_path / "pyproject.toml"
    project.write_text('[tool.runeskript]\nseverity = {unused-variable = "error"}\n')
    done = rune(verb, "unused.yaml")
    assert done.code == 2
    assert "RUNE-3110" in done.out
    project.write_text('[tool.runeskript]\nseverity = {"RUNE-3xxx" = "off"}\n')
    done = rune(verb, "unused.yaml")
    assert done.code == 0
    assert "RUNE-" not in done.out + done.err


def test_check_refuses_a_wrong_command_as_a_list(rune: Rune) -> None:
    done = rune("check", "--stritc")
    assert done.code == 2
    assert [row["code"] for row in done.json] == ["RUNE-8002"]
    assert [list(row) for row in done.json] == [KEYS]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xfe\x00",
        b"\x00",
        b"a: \xe9",
        b"- " * 50_000,
        b"[" * 100_000,
        b"skript: x\ndo: !!python/object/apply:os.system ['echo hacked']\n",
        b"&a [*a, *a]",
        b"skript: x\n\tdo: []\n",
        b"skript: x\n---\nskript: y\n",
        b"skript: x\ndo:\n - return: ${" + b"9" * 100_000 + b"}\n",
        b"skript: x\ndo:\n - return: ${().__class__}\n",
        b"skript: x\ndo: {a: 1}\n",
        b"NaN",
        b'{"skript": "x", "skript": "y", "do": []}',
    ],
)
def test_bad_input_is_findings_and_nothing_else(rune: Rune, tmp_path: Path, data: bytes) -> None:
    (tmp_path / "x.yaml").write_bytes(data)
    done = rune("check", "x.yaml")
    assert done.code == 2
    assert done.err == ""
    assert all(row["code"].startswith("RUNE-") and row["line"] >= 1 for row in done.json)
    assert rune("run", "x.yaml").code == 2
    assert rune("fmt", "x.yaml").code == 2


# --- compile, explain, graph ----------------------------------------------------------------------
def test_compile_writes_a_blueprint(rune: Rune, tmp_path: Path) -> None:
    done = rune("compile", "good.yaml", "-o", "x.blueprint")
    data = (tmp_path / "x.blueprint").read_bytes()
    blueprint = blueprint_codec.decode(data)
    assert done.json == {
        "file": "good.yaml",
        "out": "x.blueprint",
        "digest": blueprint_codec.digest(blueprint),
        "bytes": len(data),
        "instructions": len(blueprint.code),
        "children": [],
    }
    assert rune("compile", "bad.yaml").code == 2
    assert not (tmp_path / "bad.blueprint").exists()
    assert rune("compile", "good.yaml", "-o", "no/such/folder").json["error"]["code"] == "RUNE-8003"


def test_explain_shows_every_stage(rune: Rune) -> None:
    done = rune("explain", "good.yaml")
    assert [row["stage"] for row in done.json["stages"]] == list(STAGES)
    text = rune("explain", "good.yaml", "--output", "text").out
    assert all(f"=== {name}: " in text for name in STAGES)
    one = rune("explain", "good.yaml", "--stage", "assemble", "--output", "text").out
    assert "RETURN" in one
    assert "4 |" in one or "set: {a: 1}" in one
    assert rune("explain", "bad.yaml").code == 2


def test_passes_are_picked_or_left_out(rune: Rune) -> None:
    for verb in (["explain"], ["compile", "-o", "x.blueprint"], ["run"]):
        assert rune(*verb, "good.yaml", "--no-opt").code == 0
        assert rune(*verb, "good.yaml", "--passes", "join_pure,").code == 0
        done = rune(*verb, "good.yaml", "--passes", "jion_pure")
        assert (done.code, done.json["error"]["code"]) == (2, "RUNE-8010")
        assert "did you mean `join_pure`?" in done.err
        assert rune(*verb, "good.yaml", "--passes", "join_pure", "--no-opt").code == 2
    assert rune("run", "x.blueprint").json["output"] == 1
    assert rune("run", "x.blueprint", "--no-opt").code == 2


def test_graph_prints_what_was_named(rune: Rune) -> None:
    assert rune("graph", "good.yaml", "--format", "dot").out.startswith("digraph")
    assert rune("graph", "good.yaml", "--format", "mermaid").out.startswith("flowchart")
    done = rune("graph", "good.yaml")
    assert (done.json["format"], done.json["graph"][:7]) == ("dot", "digraph")
    done = rune("graph", "good.yaml", "--format", "mermaid", "--output", "json")
    assert done.json["graph"].startswith("flowchart")


# --- handlers -------------------------------------------------------------------------------------
def test_handlers_lists_what_can_be_called(rune: Rune, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "from dataclasses import dataclass\n"
        "from runeskript.engine.handlers.decorator import handler\n"
        "@dataclass\nclass P:\n    a: int\n    b: str = ''\n"
        "@handler('mine.twice', pure=True, mode='thread', limit=3)\n"
        "def twice(params: P, ctx):\n    'Twice.'\n"
    )
    rows = {row["name"]: row for row in rune("handlers", "--handlers", "mine.py").json}
    assert {"http.get", "exec", "mine.twice"} <= set(rows)
    mine = rows["mine.twice"]
    assert (mine["mode"], mine["pure"], mine["limit"], mine["doc"]) == ("thread", True, 3, "Twice.")
    assert mine["params"]["required"] == ["a"]
    text = rune("handlers", "--handlers", "mine.py", "--output", "text").out
    assert "mine.twice(a, b?)  thread, pure, at most 3 at once\n    Twice." in text


# --- fmt ------------------------------------------------------------------------------------------
UGLY = "skript:   ugly   # why\ndo:\n    - set:   {a:   1}\n    - return: ${a}\n"


def test_fmt_rewrites_and_then_has_nothing_to_do(rune: Rune, tmp_path: Path) -> None:
    file = tmp_path / "ugly.yaml"
    file.write_text(UGLY)
    file.chmod(0o640)
    assert rune("fmt", "--check", "ugly.yaml", "good.yaml").code == 1
    assert file.read_text() == UGLY
    done = rune("fmt", "ugly.yaml", "good.yaml")
    assert (done.code, [row["changed"] for row in done.json["files"]]) == (0, [True, False])
    assert "# why" in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert rune("fmt", "--check", "ugly.yaml", "good.yaml").code == 0
    assert rune("fmt", "ugly.yaml", "--output", "text").out == ""


def test_fmt_leaves_what_it_cannot_read(rune: Rune, tmp_path: Path) -> None:
    (tmp_path / "ugly.yaml").write_text(UGLY)
    (tmp_path / "tab.yaml").write_text("skript: x\n\tdo: []\n")
    done = rune("fmt", "tab.yaml", "ugly.yaml")
    assert done.code == 2
    assert [row["changed"] for row in done.json["files"]] == [None, True]
    assert (tmp_path / "tab.yaml").read_text() == "skript: x\n\tdo: []\n"


def test_fmt_of_standard_input(rune: Rune, monkeypatch: pytest.MonkeyPatch) -> None:
    import io

    for mode in ("text", "json"):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(UGLY.encode())))
        done = rune("fmt", "-", "--output", mode)
        text = done.out if mode == "text" else done.json["files"][0]["text"]
        assert text.startswith("skript: ugly")
    assert rune("fmt", "-", "good.yaml").code == 2


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    real = tmp_path / "real.txt"
    real.write_text("old")
    link = tmp_path / "link.txt"
    link.symlink_to(real)
    store(str(link), b"new")
    assert link.is_symlink()
    assert real.read_text() == "new"
    assert sorted(p.name for p in tmp_path.iterdir() if p.name.startswith(".")) == []


# --- init -----------------------------------------------------------------------------------------
def test_init_writes_a_project_that_runs(
    rune: Rune, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = rune("init", "new/project")
    assert done.code == 0
    folder = tmp_path / "new" / "project"
    assert {p.name for p in folder.iterdir()} == {
        "greet.yaml",
        "handlers.py",
        "test_greet.py",
        "pyproject.toml",
    }
    assert done.json["next"] == "cd new/project && rune run greet.yaml --input name=Sif"
    monkeypatch.chdir(folder)
    ran = rune("run", "greet.yaml", "--input", "name=Sif")
    assert (ran.code, ran.json["output"]["text"]) == (0, "Halló, Sif!")
    checked = rune("check", "greet.yaml", "--strict")
    assert (checked.code, [row["severity"] for row in checked.json]) == (0, ["info"])
    assert rune("fmt", "--check", "greet.yaml").code == 0
    scope: dict[str, object] = {"__file__": str(folder / "test_greet.py")}
    exec((folder / "test_greet.py").read_text(), scope)
    scope["test_greet"]()  # type: ignore[operator]


def test_init_overwrites_nothing(rune: Rune, tmp_path: Path) -> None:
    (tmp_path / "handlers.py").write_text("mine")
    done = rune("init")
    assert (done.code, done.json["error"]["code"]) == (2, "RUNE-8008")
    assert (tmp_path / "handlers.py").read_text() == "mine"
    assert not (tmp_path / "greet.yaml").exists()


def test_init_in_a_project_leaves_its_settings_alone(rune: Rune, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[project]\n")
    done = rune("init", "--output", "text")
    assert "[tool.runeskript]" in done.out
    assert "next: rune run greet.yaml --input name=Sif --handlers handlers.py" in done.out
    assert (tmp_path / "pyproject.toml").read_text() == "[project]\n"


def test_init_where_nothing_can_be_written(rune: Rune, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert rune("init", "file/inside").json["error"]["code"] == "RUNE-8003"


# --- bench ----------------------------------------------------------------------------------------
def test_bench_knows_its_scenarios(rune: Rune) -> None:
    done = rune("bench", "--scenario", "fanuot", "--json")
    assert done.code == 2
    assert "did you mean `fanout`?" in done.err
    assert "RUNE-8009" in done.err


def test_a_figure_is_the_median_of_the_pairs() -> None:
    figure = bench.pair("s", "things", 10, "floor", [1.0, 2.0, 8.0], [2.0, 2.0, 4.0])
    assert (figure.rate, figure.floor_rate, figure.ratio) == (5.0, 5.0, 1.0)
    body = figure.to_dict()
    assert list(body)[:6] == ["scenario", "rate", "floor", "floor_rate", "ratio", "rss_mb"]
    assert (body["n"], body["rounds"], json.loads(json.dumps(body))) == (10, 3, body)
    assert body["rss_mb"] > 1


async def test_pairs_alternate_and_the_first_is_left_out() -> None:
    order: list[str] = []

    async def ours() -> float:
        order.append("ours")
        return float(len(order))

    async def floor() -> float:
        order.append("floor")
        return float(len(order))

    timings = await bench.alternate(3, ours, floor)
    assert order == ["floor", "ours", "ours", "floor", "floor", "ours", "ours", "floor"]
    assert timings == ([3.0, 6.0, 7.0], [4.0, 5.0, 8.0])


@pytest.mark.parametrize("steps", [1, 40, 333])
def test_the_document_that_is_compiled_is_valid_and_as_long_as_asked(steps: int) -> None:
    text = bench_document.document(steps)
    assert text == bench_document.document(steps)
    catalog = StaticCatalog({name: PlainHandler(name) for name in bench_document.HANDLERS})
    compiled = compile_text(text, "bench.yaml", catalog)
    assert compiled.diagnostics == ()
    assert len(collect_facts(compiled.document).steps) == steps
    assert yaml.safe_load(text)["skript"] == "order-book"


def test_the_collector_is_off_while_either_side_runs() -> None:
    order: list[tuple[str, bool]] = []

    def side(name: str) -> float:
        order.append((name, gc.isenabled()))
        return float(len(order))

    timings = bench._in_turns(2, lambda: side("ours"), lambda: side("floor"))
    assert [name for name, _ in order] == ["floor", "ours", "ours", "floor", "floor", "ours"]
    assert not any(enabled for _, enabled in order)
    assert gc.isenabled()
    assert timings == ([3.0, 6.0], [4.0, 5.0])
    order.clear()
    bench._in_turns(1, lambda: side("ours"), lambda: side("floor"), off=False)
    assert all(enabled for _, enabled in order) and len(order) == 4


@pytest.mark.skipif(sys.platform == "win32", reason="needs getrusage")
def test_the_start_up_scenario_measures_cpu(tmp_path: Path) -> None:
    figure = bench_startup._startup("startup.help", ["--help"], os.fspath(tmp_path), 1)
    assert figure.extra["cpu_ms"] > 0
    assert figure.floor == "python -c pass"
    with pytest.raises(Exception, match="exited with 2"):
        bench_startup._startup("x", ["no-such-verb"], os.fspath(tmp_path), 1)
