"""The map of the house shows rooms that are there, and leaves none out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "src" / "runeskript"
PAGE = (ROOT / "ARCHITECTURE.md").read_text("utf-8")
#: What is a path: a module, a folder or a page.
NAMED = re.compile(r"`([\w./]+(?:\.py|\.md|/))`")


def lost(text: str) -> Iterator[str]:
    """Paths that lead nowhere. They begin at the root or at the package; in a section on one room
    at that room; and behind another one of the same line where that one stands.
    """
    room = SOURCES
    for line in text.splitlines():
        if line.startswith("## "):
            of = SOURCES / line.split()[-1].lower()
            room = of if of.is_dir() else SOURCES
        starts = [ROOT, SOURCES, room]
        for name in NAMED.findall(line):
            found = next((start / name for start in starts if (start / name).exists()), None)
            if found is None:
                yield name
            else:
                starts = [ROOT, SOURCES, room, found, found.parent, found.parent.parent]


def test_every_path_leads_somewhere() -> None:
    assert not list(lost(PAGE))


def test_a_path_that_leads_nowhere_is_found() -> None:
    text = "## The kernel\n`vm.py`, `model/isa.py`, `ast.py`, `nobody.py`\n`ast.py`, `docs/errors/`"
    assert list(lost(text)) == ["nobody.py", "ast.py"]


def test_every_folder_is_named() -> None:
    folders = {
        path.parent.relative_to(SOURCES).as_posix() + "/"
        for pattern in ("*/__init__.py", "*/*/__init__.py")
        for path in SOURCES.glob(pattern)
    }
    named = set(NAMED.findall(PAGE))
    unnamed = sorted(
        folder
        for folder in folders
        # A module's name names its folder, too.
        if not any(one.startswith(folder) or one == folder.split("/", 1)[1] for one in named)
    )
    assert not unnamed, f"a newcomer looks for them in ARCHITECTURE.md: {unnamed}"
