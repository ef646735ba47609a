"""The page on editors: each of its configurations starts the server there is."""

from __future__ import annotations

import json
import tomllib
from typing import Any

from docs.markdown import ROOT, blocks
from runeskript.cli.main import VERBS, load_verb
from runeskript.cli.options import Parser

PAGE = ROOT / "docs" / "howto" / "editor.md"
BLOCKS = {block.language: [] for block in blocks(PAGE)}
for _block in blocks(PAGE):
    BLOCKS[_block.language].append(_block.text)


def texts(language: str, *needles: str) -> str:
    (found,) = [text for text in BLOCKS[language] if all(needle in text for needle in needles)]
    return found


def starts(*words: str) -> None:
    """The words are a command of ours, with options that it takes."""
    rune, verb, *rest = words
    assert rune == "rune" and verb in VERBS
    parser = Parser(verb, "")
    load_verb(verb).configure(parser)
    parser.read(list(rest))


def test_vs_code() -> None:
    settings: Any = json.loads(texts("json", "glspc"))
    starts(settings["glspc.server.command"], *settings["glspc.server.commandArguments"])
    assert settings["glspc.server.languageId"] == ["yaml"]


def test_helix() -> None:
    settings = tomllib.loads(texts("toml", "language-server"))
    (language,) = settings["language"]
    (name,) = language["language-servers"]
    server = settings["language-server"][name]
    starts(server["command"], *server["args"])


def test_zed() -> None:
    settings = json.loads(texts("json", "binary"))
    binary = settings["lsp"]["yaml-language-server"]["binary"]
    starts(binary["path"], *binary["arguments"])


def test_neovim_and_emacs() -> None:
    assert "cmd = { 'rune', 'lsp' }" in texts("text", "vim.lsp.config")
    assert "vim.lsp.enable('rune')" in texts("text", "vim.lsp.config['rune']")
    assert '("rune" "lsp")' in texts("text", "eglot-server-programs")


def test_the_schema_it_names_is_there() -> None:
    settings = json.loads(texts("json", "yaml.schemas"))
    (path,) = settings["yaml.schemas"]
    assert (ROOT / path).is_file()


def test_the_extra_is_declared() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert any(line.startswith("pygls") for line in project["optional-dependencies"]["lsp"])
    assert "runeskript[lsp]" in texts("console")
