"""docs/reference/cli.md is what the parsers say; RUNE_UPDATE=1 rewrites it."""

from __future__ import annotations

import os

from runeskript.cli.reference import page

from .conftest import ROOT


def test_the_reference_page_is_up_to_date() -> None:
    file = ROOT / "docs" / "reference" / "cli.md"
    if os.environ.get("RUNE_UPDATE") == "1":
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(page(), encoding="utf-8")
    assert file.read_text(encoding="utf-8") == page()
