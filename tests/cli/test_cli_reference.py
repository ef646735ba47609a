"""docs/reference/cli.md is what the parsers say; RUNE_UPDATE=1 rewrites it."""

from __future__ import annotations

import os

from runeskript.cli.reference import page

from .conftest import ROOT


def test_the_reference_page_is_up_to_date() -> None:
    file = ROOT / "docs" / "reference" / "cli.md"
    text = file.read_text(encoding="utf-8")
    note = text[: text.index("# The command line")]
    if os.environ.get("RUNE_UPDATE") == "1":
        text = note + page()
        file.write_text(text, encoding="utf-8")
    assert text == note + page()
