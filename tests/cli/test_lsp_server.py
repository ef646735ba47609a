"""``rune lsp`` as an editor meets it: a process of its own, messages over its pipes."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from runeskript.cli.lsp import session
from runeskript.compiler.pipeline import DEFAULTS
from runeskript.model.catalog import EMPTY

from .conftest import Rune, environment
from .lsp_client import PATIENCE, Client

pytest.importorskip("pygls", reason="the extra `lsp` is not installed")

PROJECT = """\
[tool.runeskript]
handlers = ["own.py"]
"""
HANDLERS = """\
from runeskript import handler

print("a handler's module may print")


@handler("own.work", idempotent=True)
def work(params, ctx):
    \"\"\"Does the work.\"\"\"
    return params
"""
TEXT = """\
skript: a
input: {type: object, properties: {user: {type: object, properties: {name: {type: string}}}}}
vars: {total: 0}
functions:
  net(price, qty): price * qty
do:
  - call: own.work
    with: {n: "${total}"}
    into: page
  - log: é😀 ${input.user.name}
  - run: ./b.yaml
  - return: {net: "${net(total, 2)}", page: "${page}"}
"""
CALLED = TEXT.splitlines()[11].index("net(")
OTHER = "skript: b\ndo:\n  - return: 1\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "pyproject.toml").write_text(PROJECT)
    (tmp_path / "own.py").write_text(HANDLERS)
    (tmp_path / "b.yaml").write_text(OTHER)
    return tmp_path


def labels(answer: Any) -> list[str]:
    return [item["label"] for item in answer["items"]]


def test_a_session(project: Path) -> None:
    with Client(project) as client:
        assert client.capabilities["textDocumentSync"]["change"] == 1
        assert client.open("a.yaml", TEXT) == []

        # Diagnostics follow what is typed; the last version has the say.
        for n in range(5):
            client.change("a.yaml", TEXT.replace("return", "retur"[: n + 1] + "x"))
        client.change("a.yaml", TEXT.replace("- return", "- retrun"))
        (found,) = client.diagnostics("a.yaml")
        assert (found["code"], found["severity"], found["source"]) == ("RUNE-1103", 1, "rune")
        assert found["range"]["start"] == {"line": 11, "character": 4}
        assert "did you mean `return`?" in found["message"]
        assert found["codeDescription"]["href"].endswith("RUNE-1103.md")

        # The hint can be taken up.
        where = {"textDocument": {"uri": client.uri("a.yaml")}, "range": found["range"]}
        (action,) = client.ask(
            "textDocument/codeAction", {**where, "context": {"diagnostics": [found]}}
        )
        (edit,) = action["edit"]["changes"][client.uri("a.yaml")]
        assert (action["kind"], edit["newText"]) == ("quickfix", "return")
        assert edit["range"]["end"] == {"line": 11, "character": 10}

        client.change("a.yaml", TEXT)
        assert client.diagnostics("a.yaml") == []

        # Completion: handlers of the project, while the text is broken.
        broken = TEXT.replace("  - call: own.work\n", "  - call: \n")
        client.change("a.yaml", broken)
        offered = client.ask("textDocument/completion", client.at("a.yaml", 6, 10))
        assert {"own.work", "http.get"} <= set(labels(offered))
        (item,) = [i for i in offered["items"] if i["label"] == "own.work"]
        assert item["textEdit"]["range"]["start"] == {"line": 6, "character": 10}
        assert "Does the work" in item["documentation"]["value"]
        client.change("a.yaml", TEXT.replace("${input.user.name}", "${input.user."))
        offered = client.ask("textDocument/completion", client.at("a.yaml", 9, 26))
        assert labels(offered) == ["name"]

        # Hover, definition, outline, the standard form.
        client.change("a.yaml", TEXT)
        assert client.diagnostics("a.yaml") == []
        about = client.ask("textDocument/hover", client.at("a.yaml", 11, CALLED))
        assert "price * qty" in about["contents"]["value"]
        about = client.ask("textDocument/hover", client.at("a.yaml", 6, 12))
        assert "Does the work" in about["contents"]["value"]
        assert client.ask("textDocument/hover", client.at("a.yaml", 500, 1)) is None
        (place,) = client.ask("textDocument/definition", client.at("a.yaml", 11, CALLED + 1))
        assert place["range"]["start"]["line"] == 4
        (place,) = client.ask("textDocument/definition", client.at("a.yaml", 10, 12))
        assert place["uri"] == client.uri("b.yaml")
        (place,) = client.ask("textDocument/definition", client.at("a.yaml", 6, 12))
        assert (place["uri"], place["range"]["start"]["line"]) == (client.uri("own.py"), 5)
        document = {"textDocument": {"uri": client.uri("a.yaml")}}
        outline = client.ask("textDocument/documentSymbol", document)
        assert [s["name"] for s in outline][:3] == ["total", "net(price, qty)", "call own.work"]
        options = {"options": {"tabSize": 2, "insertSpaces": True}}
        assert client.ask("textDocument/formatting", {**document, **options}) == []
        client.change("a.yaml", TEXT.replace("skript: a\n", 'skript:   "a"\n'))
        (edit,) = client.ask("textDocument/formatting", {**document, **options})
        assert edit["newText"] == TEXT
        assert edit["range"]["end"] == {"line": 12, "character": 0}

        client.tell("textDocument/didClose", document)
        assert client.note("textDocument/publishDiagnostics")["diagnostics"] == []
        assert "a handler's module may print" in client.leave()


def test_columns_are_counted_as_the_client_does(project: Path) -> None:
    text = 'skript: a\ndo:\n  - log: "é😀 ${totl}"\n'
    for encodings, start in ((None, 16), (["utf-32"], 15), (["utf-8"], 19)):
        with Client(project, encodings=encodings) as client:
            (found,) = client.open("a.yaml", text)
            assert found["code"] == "RUNE-3001"
            line, character = found["range"]["start"].values()
            assert (line, character) == (2, start), encodings
            # The same position asked about.
            offered = client.ask("textDocument/completion", client.at("a.yaml", 2, start + 4))
            assert offered["items"][0]["textEdit"]["range"]["start"]["character"] == start


def test_a_file_it_runs_may_be_open_and_changed(project: Path) -> None:
    with Client(project) as client:
        assert client.open("a.yaml", TEXT) == []
        assert client.open("b.yaml", OTHER) == []
        client.change("b.yaml", "skript: b\ndo: 3\n")
        assert client.diagnostics("b.yaml")
        client.tell("textDocument/didSave", {"textDocument": {"uri": client.uri("b.yaml")}})
        (found,) = client.diagnostics("a.yaml")
        assert found["code"] == "RUNE-3032"


def test_what_is_no_file_has_answers_too(project: Path) -> None:
    with Client(project) as client:
        item = {"uri": "untitled:one", "languageId": "yaml", "version": 1, "text": TEXT}
        client.tell("textDocument/didOpen", {"textDocument": item})
        params = client.note("textDocument/publishDiagnostics")
        assert [d["code"] for d in params["diagnostics"]] == ["RUNE-3030"]
        where = {"textDocument": {"uri": "untitled:one"}, "position": {"line": 2, "character": 1}}
        assert "vars" in client.ask("textDocument/hover", where)["contents"]["value"]
        where["textDocument"]["uri"] = "untitled:never-opened"
        assert client.ask("textDocument/completion", where) is None
        assert client.ask("textDocument/definition", where) == []


def test_a_project_that_cannot_be_loaded(project: Path) -> None:
    (project / "own.py").write_text("raise RuntimeError('broken')\n")
    with Client(project) as client:
        found = client.open("a.yaml", TEXT)
        assert "RUNE-3007" in [d["code"] for d in found]
        message = client.notes.queue[0] if client.notes.queue else None
        assert message is None or message["method"] != "window/showMessage"
        offered = client.ask("textDocument/completion", client.at("a.yaml", 6, 10))
        assert "http.get" in labels(offered)


def test_the_reason_is_said_once(project: Path) -> None:
    (project / "own.py").write_text("raise RuntimeError('broken')\n")
    with Client(project) as client:
        client.tell(
            "textDocument/didOpen",
            {"textDocument": {"uri": client.uri("a.yaml"), "languageId": "yaml", "version": 1,
                              "text": TEXT}},
        )  # fmt: skip
        message = client.note("window/showMessage")
        assert message["type"] == 2
        assert "RUNE-8006" in message["message"] and "broken" in message["message"]


def test_without_the_project_its_handlers_are_not_imported(project: Path) -> None:
    (project / "own.py").write_text("import pathlib; pathlib.Path('imported').touch()\n")
    with Client(project, "--no-project") as client:
        found = client.open("a.yaml", TEXT)
        assert [d["code"] for d in found] == ["RUNE-3007"]
        client.leave()
    assert not (project / "imported").exists()


def test_it_ends_when_the_editor_is_gone(project: Path) -> None:
    with Client(project) as client:
        client.open("a.yaml", TEXT)
        assert client.process.stdin is not None
        client.process.stdin.close()
        client.process.wait(PATIENCE)


def test_a_large_document_does_not_hold_up_questions(project: Path) -> None:
    """While a look takes long, what is asked is answered, and only the last text is looked at."""
    steps = "".join(f'  - set: {{v{i}: "${{total + {i}}}"}}\n' for i in range(3_000))
    large = TEXT.replace("do:\n", "do:\n" + steps)
    with Client(project) as client:
        client.open("a.yaml", TEXT)
        client.change("a.yaml", large)
        offered = client.ask("textDocument/completion", client.at("a.yaml", 6, 4))
        assert "call" in labels(offered)
        client.change("a.yaml", large + "  - log: ${totl}\n")
        codes = [d["code"] for d in client.diagnostics("a.yaml")]
        assert "RUNE-3001" in codes


def test_nothing_that_is_opened_ends_it(project: Path) -> None:
    hostile = [
        "[" * 100_000, "\x00\ud800", "skript: &a [*a, *a]", "do: " + "- " * 50_000,
        '{"skript": ' * 5_000, "\t",
    ]  # fmt: skip
    with Client(project) as client:
        for number, text in enumerate(hostile):
            name = f"{number}.yaml"
            codes = [d["code"] for d in client.open(name, text)]
            assert codes and "RUNE-9000" not in codes
            for place in ((0, 0), (0, 10**9), (10**6, 3)):
                for question in ("completion", "hover", "definition"):
                    client.ask(f"textDocument/{question}", client.at(name, *place))
            document = {"textDocument": {"uri": client.uri(name)}}
            client.ask("textDocument/documentSymbol", document)
            options = {"options": {"tabSize": 2, "insertSpaces": True}}
            client.ask("textDocument/formatting", {**document, **options})
        assert client.open("last.yaml", OTHER) == []
        client.leave()


def test_other_yaml_files_are_left_alone(project: Path) -> None:
    with Client(project) as client:
        assert client.open("compose.yaml", "services:\n  web: {image: nginx}\n") == []
        for question in ("completion", "hover"):
            assert client.ask(f"textDocument/{question}", client.at("compose.yaml", 1, 3)) is None
        document = {"textDocument": {"uri": client.uri("compose.yaml")}}
        options = {"options": {"tabSize": 2, "insertSpaces": True}}
        assert client.ask("textDocument/formatting", {**document, **options}) is None
        client.change("compose.yaml", "skript: web\n")
        assert [d["code"] for d in client.diagnostics("compose.yaml")] == ["RUNE-1101"]


def test_a_handlers_module_that_ends_the_process_does_not(project: Path) -> None:
    (project / "own.py").write_text("raise SystemExit(3)\n")
    with Client(project) as client:
        assert "RUNE-3007" in [d["code"] for d in client.open("a.yaml", TEXT)]
        offered = client.ask("textDocument/completion", client.at("a.yaml", 6, 10))
        assert "http.get" in labels(offered)


def test_a_defect_is_shown_and_the_server_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[list[str]] = []

    def publish(document: session.OpenDocument) -> None:
        shown.append([f"{d.code}: {d.message}" for d in document.known.diagnostics])

    def broken(*_: object) -> None:
        raise LookupError("boom")

    async def looked_at(documents: session.Session) -> None:
        task = documents.documents["untitled:a"].task
        assert task is not None
        await task

    async def edit() -> None:
        documents = session.Session(EMPTY, lambda: DEFAULTS, publish)
        with monkeypatch.context() as patched:
            patched.setattr(session, "analyse", broken)
            documents.open("untitled:a", OTHER, 1)
            await looked_at(documents)
        documents.look_again()
        await looked_at(documents)

    asyncio.run(edit())
    assert shown == [["RUNE-9000: LookupError: boom"], []]


FLOW = """\
id: flow
nodes:
  - {id: start, type: Start, next: check}
  - {id: check, type: If, branches: [{condition: "${level} == 'VIP'", next: vip}], else: end}
  - {id: vip, type: Function, name: own.work, params: {n: 1}, output: page, next: end}
  - {id: end, type: End, output: page}
"""


NEXT = FLOW.splitlines()[3].index("vip}")


def test_the_graph_form(project: Path) -> None:
    with Client(project) as client:
        assert client.open("flow.yaml", FLOW) == []
        (place,) = client.ask("textDocument/definition", client.at("flow.yaml", 2, 37))
        assert place["range"]["start"] == {"line": 3, "character": 9}
        about = client.ask("textDocument/hover", client.at("flow.yaml", 4, 42))
        assert "Does the work" in about["contents"]["value"]
        outline = client.ask(
            "textDocument/documentSymbol", {"textDocument": {"uri": client.uri("flow.yaml")}}
        )
        assert [s["name"] for s in outline] == ["start", "check", "vip", "end"]
        client.change("flow.yaml", FLOW.replace("next: vip", "next: vpi"))
        assert "RUNE-1201" in [d["code"] for d in client.diagnostics("flow.yaml")]
        offered = client.ask("textDocument/completion", client.at("flow.yaml", 3, NEXT))
        assert {"start", "vip", "end"} <= set(labels(offered))


def test_without_pygls_there_is_a_clear_message(tmp_path: Path) -> None:
    (tmp_path / "pygls").mkdir()
    (tmp_path / "pygls" / "__init__.py").write_text("raise ImportError('no', name='pygls')\n")
    env = environment()
    env["PYTHONPATH"] = f"{tmp_path}:{env['PYTHONPATH']}"
    done = subprocess.run(
        [sys.executable, "-m", "runeskript", "lsp"], env=env, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "RUNE-8011" in done.stderr
    assert "pip install 'runeskript[lsp]'" in done.stderr


def test_its_options(rune: Rune) -> None:
    assert rune("lsp", "--port", "80").code == 2
