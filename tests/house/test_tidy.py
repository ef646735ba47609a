"""Tidiness that a linter does not look at: docstrings, sizes, codes, the public API."""

from __future__ import annotations

import ast
import importlib
import inspect
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import runeskript
from runeskript import errors
from runeskript.model.codes import CODES, TYPE_CODES

ROOT = Path(__file__).parents[2]
UPDATE = os.environ.get("RUNE_UPDATE") == "1"
CODE_FOLDERS = ("src", "tests", "scripts", "examples", "benchmarks")
#: Lines of one module.
LINES = 400
#: Pages in docs/errors that are no code's.
NO_CODE = frozenset(("README.md",))

PYTHON = sorted(path for folder in CODE_FOLDERS for path in (ROOT / folder).rglob("*.py"))
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


# --- modules ----------------------------------------------------------------------------------


def test_every_module_says_what_it_is_for() -> None:
    silent = [
        name(path)
        for path in PYTHON
        if len((ast.get_docstring(ast.parse(path.read_text("utf-8"))) or "").split()) < 3
    ]
    assert not silent, f"no docstring of three words or more: {silent}"


def test_no_module_is_long() -> None:
    sources = [path for path in PYTHON if name(path).startswith(("src/", "scripts/"))]
    lengths = {name(path): len(path.read_text("utf-8").splitlines()) for path in sources}
    long = {path: lines for path, lines in lengths.items() if lines > LINES}
    assert not long, f"over {LINES} lines, split by concept: {long}"


#: Spelt so that this file does not find itself.
LEFTOVERS = re.compile("|".join(("TO" + "DO", "FIX" + "ME", r"\bXX" + r"X\b")))
BARE_IGNORE = re.compile(r"#\s*type:\s*ignore(?!\[)|#\s*noqa(?!:)")
SWALLOWED = re.compile(r"except (Base)?Exception:\s*\n?\s*pass\b")


def offences(text: str) -> Iterator[str]:
    for pattern in (LEFTOVERS, BARE_IGNORE, SWALLOWED):
        for match in pattern.finditer(text):
            yield f"{text.count(chr(10), 0, match.start()) + 1}: {match.group()}"


def test_nothing_is_left_over() -> None:
    mine = Path(__file__)
    found = [
        f"{name(path)}:{offence}"
        for path in [*PYTHON, *PAGES]
        if path != mine
        for offence in offences(path.read_text("utf-8"))
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "text",
    [
        "x  # TO" + "DO later",
        "x  # type:" + " ignore",
        "x  # no" + "qa",
        "try:\n    f()\nexcept Exception:\n    pass\n",
    ],
)
def test_an_offence_is_found(text: str) -> None:
    assert list(offences(text))
    assert not list(offences("x  # type: ignore[arg-type]  # noqa: S101\n# our XXXL shirts"))


# --- codes ------------------------------------------------------------------------------------

ERROR_PAGES = {path.stem: path for path in (ROOT / "docs" / "errors").glob("*.md")}


def test_every_code_has_a_page_and_every_page_a_code() -> None:
    pages = {stem for stem, path in ERROR_PAGES.items() if path.name not in NO_CODE}
    assert not set(CODES) - pages, f"codes without a page: {sorted(set(CODES) - pages)}"
    assert not pages - set(CODES), f"pages without a code: {sorted(pages - set(CODES))}"


def test_a_page_begins_with_its_code_and_says_how_to_go_on() -> None:
    wrong = []
    for code in sorted(set(CODES) & set(ERROR_PAGES)):
        text = ERROR_PAGES[code].read_text("utf-8")
        if not text.startswith(f"# {code}: {CODES[code].name}\n") or "\n## " not in text:
            wrong.append(code)
    assert not wrong, f"the form is in docs/errors/README.md: {wrong}"


def test_codes_and_their_names_are_one_to_one() -> None:
    names = [row.name for row in CODES.values()]
    assert len(names) == len(set(names))
    assert list(CODES) == sorted(CODES)
    assert all(re.fullmatch(r"RUNE-[1-9]\d{3}", code) for code in CODES)
    assert all(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name) for name in names)


def test_codes_in_use_are_in_the_table() -> None:
    tree = [c for _, c in inspect.getmembers(errors, inspect.isclass) if hasattr(c, "code")]
    used = {c.code for c in tree} | set(TYPE_CODES.values())
    written = re.compile(r"RUNE-\d{4}")
    for path in [p for p in PYTHON if name(p).startswith("src/")]:
        used.update(written.findall(path.read_text("utf-8")))
    assert not used - set(CODES), f"used, but not in model/codes.py: {sorted(used - set(CODES))}"


# --- the public API ---------------------------------------------------------------------------


def public_api() -> str:
    """One line per public name: what it is and, for functions, how it is called."""
    lines = ["# The names `runeskript` offers; RUNE_UPDATE=1 rewrites this list."]
    for public in sorted(getattr(runeskript, "__all__", ())):
        thing = getattr(runeskript, public)
        if inspect.isclass(thing):
            lines.append(f"class {public}")
        elif callable(thing):
            lines.append(f"def {public}{inspect.signature(thing)}")
        else:
            lines.append(f"{public}: {type(thing).__name__}")
    return "\n".join(lines) + "\n"


def test_the_public_api_is_what_it_was() -> None:
    pinned = Path(__file__).parent / "api.txt"
    if UPDATE:
        pinned.write_text(public_api(), "utf-8")
    assert public_api() == pinned.read_text("utf-8"), "a public name changed; is that meant?"


def test_public_names_are_there_and_documented() -> None:
    package = importlib.import_module("runeskript")
    for public in getattr(package, "__all__", ()):
        thing = getattr(package, public)
        if callable(thing):
            assert inspect.getdoc(thing), f"{public} has no docstring"
