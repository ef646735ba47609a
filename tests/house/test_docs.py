"""Generated reference pages are what their tables say."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from support import check_golden

ROOT = Path(__file__).parents[2]


def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs", ROOT / "scripts" / "generate_docs.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


GENERATE = script()


@pytest.mark.parametrize("page", GENERATE.PAGES)
def test_page_is_up_to_date(page: str) -> None:
    check_golden(GENERATE.DOCS / page, GENERATE.PAGES[page]())


def test_check_says_what_is_out_of_date(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(GENERATE, "DOCS", tmp_path)
    assert GENERATE.main(["--check"]) == 1
    assert "instructions.md" in capsys.readouterr().out
    assert GENERATE.main([]) == 0
    assert GENERATE.main(["--check"]) == 0
