"""What hostile input is made from: every document of the tests and examples, and their Blueprints."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

from blueprints import sample
from hostile.world import Catalog
from runeskript.compiler.pipeline import Options, compile_text
from runeskript.errors import CompileError
from runeskript.model.blueprint import Blueprint

ROOT = Path(__file__).parents[2]
FOLDERS = ("tests/golden/cases", "tests/bad", "tests/compiler/golden", "examples")
#: A larger document is no better as a seed, and a mutation of it slower to look at.
LARGEST = 8_000


def files() -> Iterator[Path]:
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in (".yaml", ".yml", ".json") and path.stat().st_size <= LARGEST:
                yield path


@cache
def documents() -> tuple[tuple[str, bytes], ...]:
    """(name, bytes) of every document of the corpus, good and bad ones."""
    return tuple((path.name, path.read_bytes()) for path in files())


@cache
def blueprints() -> tuple[Blueprint, ...]:
    """The Blueprints of those that compile, and one with every opcode."""
    found = [sample()]
    for path in files():
        options = Options(lambda name, _file, folder=path.parent: (folder / name).read_bytes())
        try:
            found.append(compile_text(path.read_bytes(), path.name, Catalog(), options).blueprint)
        except CompileError:
            continue
    return tuple(found)
