"""Compiling the ```yaml blocks of the documentation: whole skripts and pieces of them."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path
from typing import Any

import yaml

from runeskript.compiler.pipeline import Options, check_text
from runeskript.engine.builtin import builtins
from runeskript.engine.handlers.loading import collect
from runeskript.model.catalog import HandlerCatalog, HandlerInfo, PlainHandler
from runeskript.model.diagnostics import Diagnostic

_PIECE = "skript: piece\n{vars}do:\n{steps}"
_CHILD = b"skript: part\ndo:\n  - return: {status: done}\n"


class Catalog:
    """The built-in handlers and those of a page's files; unless strict, every other name too:
    ``idempotent`` or not."""

    def __init__(
        self, files: Collection[Path] = (), *, strict: bool = False, idempotent: bool = True
    ) -> None:
        known: dict[str, HandlerInfo] = {item.name: item for item in collect(builtins())}
        known.update((item.name, item) for file in files for item in collect(file))
        self._known = known
        self._strict = strict
        self._idempotent = idempotent

    def names(self) -> Collection[str]:
        return self._known.keys()

    def get(self, name: str) -> HandlerInfo | None:
        known = self._known.get(name)
        if known is not None or self._strict:
            return known
        return PlainHandler(name, idempotent=self._idempotent)


def is_whole(text: str) -> bool:
    """Whether the block is a document of its own, in any form, or at least means to be one."""
    return re.match(r"(#.*\n|\s*\n)*- ", text) is None


def findings(
    text: str, catalog: HandlerCatalog, folder: Path, *, strict: bool = False
) -> tuple[Diagnostic, ...]:
    """What the compiler finds in a block. A piece (a list of steps) becomes a skript first; names
    that it uses and does not set are taken from the input. Unless strict, a skript that the block
    runs and the page has not shown is there."""

    def resolve(path: str, _: str) -> bytes:
        file = folder / path
        return file.read_bytes() if strict or file.exists() else _CHILD

    if is_whole(text):
        return check_text(text, "page.yaml", catalog, Options(resolve=resolve, lint=True))
    options = Options(resolve=resolve)  # of a piece, much is not used in it
    names: list[str] = []
    while True:
        found = check_text(_piece(text, names), "piece.yaml", catalog, options)
        missing = {
            re.findall(r"`(\w+)`", d.message)[0]: None
            for d in found
            if d.code in ("RUNE-3001", "RUNE-3010")
        }
        if not missing or set(missing) <= set(names):
            return found
        names += missing


def _piece(text: str, names: list[str]) -> str:
    steps = "".join(f"  {line}\n" for line in text.splitlines())
    declared = "".join(f'  {name}: "${{input.{name}}}"\n' for name in names)
    return _PIECE.format(vars=f"vars:\n{declared}" if names else "", steps=steps)


def parse(text: str) -> Any:
    """A part of a document, as data."""
    return yaml.safe_load(text)
