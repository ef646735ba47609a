"""Every fenced block of the documentation is run, compiled or at least read.

```console            commands after `$ `, run in a folder of the page; the output must fit
                      (`...` stands for what varies); `exit=1`: how the last command ends
```console setup      not run: sets up a machine (git clone, pip install, make ...)
```yaml               a skript, or a list of steps: compiles without a finding
```yaml bad CODE      must be refused with this code
```yaml warn CODE     compiles with this warning
```yaml part          a part of a document: is read, no more
```python             runs, in order, the page's blocks in one namespace
```text output        what the Python block before it prints
... file=NAME         the block is also a file in the page's folder (Python is not run then)
```json, ```toml      is read
```text, ```mermaid, ```markdown   shows something; not checked
"""

from __future__ import annotations

import io
import json
import os
import re
import tomllib
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import pytest

from .console import SETUP, SHOP, Terminal, check_block, chunks, fits, renewed
from .markdown import ROOT, Block, blocks, pages, rewrite
from .skripts import Catalog, findings, parse

UPDATE = os.environ.get("RUNE_UPDATE") == "1"
PAGES = [page for page in pages() if blocks(page)]
#: The pages of error codes: their blocks are bad ones and good ones, the others show a detail.
ERRORS = ROOT / "docs" / "errors"
#: What the examples of those pages find in their folder.
ERROR_FILES = {
    "order.yaml": "skript: order\ndo:\n" + "  - log: done\n" * 100,
    "broken.yaml": "skript: broken\ndo:\n  - lgo: done\n",
    "ship.yaml": "skript: ship\ninput: {type: object, properties: {items: {type: array}, "
    "express: {type: boolean}}}\ndo:\n  - log: '${input.items} ${input.express}'\n",
    "sound.yaml": "skript: sound\ndo:\n  - return: done\n",
    "example.yaml": "skript: example\ndo:\n  - run: ./example.yaml\n",
    "shop.py": "\n" * 11 + "handlers = [pymnts]\n",
}
#: Examples that need an interactive Python, a file of a later version, or a defect.
NOT_RUN = {"RUNE-4001", "RUNE-4002", "RUNE-4003", "RUNE-9000"}
SHOWN = {"text", "mermaid", "markdown", "dot", ""}


class Page:
    """One page being checked: its terminal, its Python names, the files it has written."""

    def __init__(self, path: Path, terminal: Terminal) -> None:
        self.path = path
        self.terminal = terminal
        self.names: dict[str, Any] = {"__name__": "__main__"}
        self.printed = ""
        self.handlers: list[Path] = []
        self.changed: list[tuple[Block, str]] = []
        #: A page about an error: its commands fail, and a file that is not there is not there.
        self.about_error = ERRORS in path.parents
        for name, text in ERROR_FILES.items() if self.about_error else ():
            (terminal.folder / name).write_text(text, encoding="utf-8")
        if path.stem == "RUNE-4004":
            terminal.run("rune compile order.yaml -o order.blueprint")

    def check(self, block: Block) -> None:
        self._save(block)
        check = getattr(self, f"_{block.language}", None)
        if check is None or (self.path.stem in NOT_RUN and block.language in ("console", "python")):
            assert check or block.language in SHOWN, f"a block of {block.language}"
        else:
            check(block)

    def _save(self, block: Block) -> None:
        name = block.option("file")
        if name is None:
            return
        file = self.terminal.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(self.terminal.real(block.text), encoding="utf-8")
        if block.language == "python":
            compile(block.text, name, "exec")
            if "@handler(" in block.text or "def execute(" in block.text:
                self.handlers.append(file)

    def _console(self, block: Block) -> None:
        if "setup" in block.flags:
            self._setup(block)
            return
        wanted = block.option("exit")
        code = None if wanted is None else int(wanted)
        update = UPDATE and not self.about_error
        text = check_block(self.terminal, block.text, code, update=update, failing=self.about_error)
        if text != block.text:
            self.changed.append((block, text))

    def _setup(self, block: Block) -> None:
        """Commands that set up a machine: the targets exist, and the demo prints what is shown."""
        makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
        text = ""
        for command, expected in chunks(block.text):
            assert command.startswith(SETUP), f"{command} must be run"
            for target in re.findall(r"\bmake ([a-z-]+)", command):
                assert re.search(rf"^{target}:", makefile, re.MULTILINE), f"no target {target}"
            if command == "make demo" and expected:
                actual = self.terminal.run("python examples/demo.py")
                if not fits(expected, actual):
                    assert UPDATE, f"`{command}` prints\n{actual}\ninstead of\n{expected}"
                    expected = renewed(expected, actual)
            text += f"$ {command}\n{expected}"
        if text != block.text:
            self.changed.append((block, text))

    def _yaml(self, block: Block) -> None:
        if "part" in block.flags or (self.about_error and not block.flags):
            parse(block.text)
            return
        bad, warned = self._codes(block, "bad"), self._codes(block, "warn")
        strict = "RUNE-3007" in bad
        catalog = Catalog(self.handlers, strict=strict, idempotent=not self.about_error)
        found = findings(block.text, catalog, self.terminal.folder, strict=self.about_error)
        shown = "\n".join(f"{d.span}: {d.code} {d.message}" for d in found)
        errors = {d.code for d in found if d.severity == "error"}
        warnings = {d.code for d in found if d.severity == "warning"}
        if "bad" in block.flags:
            assert bad <= {d.code for d in found}, f"expected {bad}, found\n{shown}"
        else:
            assert not errors, shown
            assert warnings == warned, shown

    def _codes(self, block: Block, flag: str) -> set[str]:
        if flag not in block.flags:
            return set()
        named = {word for word in block.flags if word.startswith("RUNE-")}
        return named or {self.path.stem}

    def _python(self, block: Block) -> None:
        if block.option("file") is not None:
            return
        out = io.StringIO()
        os.chdir(self.terminal.here)
        text = "\n" * block.line + self.terminal.real(block.text)
        with redirect_stdout(out):
            exec(compile(text, str(self.path), "exec"), self.names)
        self.printed = self.terminal.shown(out.getvalue())

    def _text(self, block: Block) -> None:
        if "output" not in block.flags or fits(block.text, self.printed):
            return
        assert UPDATE, f"prints\n{self.printed}\ninstead of\n{block.text}"
        self.changed.append((block, renewed(block.text, self.printed)))

    def _json(self, block: Block) -> None:
        json.loads(block.text)

    def _toml(self, block: Block) -> None:
        tomllib.loads(block.text)


@pytest.mark.parametrize("path", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_blocks(path: Path, tmp_path: Path) -> None:
    found = blocks(path)
    shop = any(SHOP in block.text for block in found if block.language == "console")
    with Terminal(tmp_path, shop=shop) as terminal:
        page = Page(path, terminal)
        try:
            for block in found:
                page.check(block)
        except Exception as error:
            raise AssertionError(f"{block}: {type(error).__name__}: {error}") from error
        finally:
            rewrite(path, page.changed)
