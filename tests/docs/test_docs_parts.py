"""The generated parts of the documentation are those the present tables give."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from runeskript.compiler.tables import VERBS
from runeskript.model.codes import TYPE_CODES

from .markdown import ROOT, pages, regions, replace_regions
from .parts import parts

UPDATE = os.environ.get("RUNE_UPDATE") == "1"
LANGUAGE = ROOT / "docs" / "reference" / "language.md"
PAGES = [page for page in pages() if list(regions(page.read_text(encoding="utf-8")))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_generated_parts_are_up_to_date(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    new = replace_regions(text, parts())
    if UPDATE and new != text:
        page.write_text(new, encoding="utf-8")
    else:
        assert new == text, f"{page.name} is out of date; RUNE_UPDATE=1 rewrites it"


def test_every_part_is_on_a_page() -> None:
    used = {name for page in PAGES for name, _ in regions(page.read_text(encoding="utf-8"))}
    assert used == set(parts())


def test_the_reference_has_a_section_for_every_verb_and_error_type() -> None:
    text = LANGUAGE.read_text(encoding="utf-8")
    for verb in VERBS:
        assert f"\n### {verb.name}\n" in text
    for type_ in TYPE_CODES:
        assert re.search(rf"`{type_}[`.]", text), f"the error type {type_} is not in the table"
