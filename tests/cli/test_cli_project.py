"""``[tool.runeskript]``: found from the working directory, refused where it is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from runeskript.cli import project
from runeskript.cli.usage import UsageError


def test_the_nearest_file_above_the_working_directory_counts(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(
        '[project]\nname = "x"\n[tool.runeskript]\nhandlers = ["h.py", "pkg.mod"]\n'
    )
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    found = project.find(inner)
    assert found == project.Project(tmp_path.resolve(), ("h.py", "pkg.mod"))


def test_a_project_without_the_table_asks_for_nothing(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[project]\n")
    assert project.find(tmp_path) == project.Project(tmp_path.resolve())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[tool.runeskript\nx", "no TOML"),
        ("[tool.runeskript]\nhandlres = []", "no setting `handlres`"),
        ("[tool.runeskript]\nhandlers = 'h.py'", "list of texts"),
        ("[tool.runeskript]\nhandlers = [1]", "list of texts"),
        ("[tool.runeskript]\nseverity = 'off'", "must be a table"),
        ("[tool.runeskript.severity]\nRUNE-9999 = 'off'", "no finding `RUNE-9999`"),
        ("[tool.runeskript.severity]\nunused = 'off'", "no finding `unused`"),
        ("[tool.runeskript.severity]\nRUNE-3001 = 'warning'", "is an error and stays one"),
        ("[tool.runeskript.severity]\nRUNE-9xxx = 'off'", "holds no warning"),
        ("[tool.runeskript.severity]\nRUNE-31x = 'off'", "no finding `RUNE-31x`"),
        ("[tool.runeskript.severity]\nRUNE-3101 = 'eror'", "cannot be 'eror'"),
        ("[tool.runeskript.severity]\nRUNE-3101 = 1", "cannot be 1"),
        ("[tool.runeskript]\nmax_calls = 0", "whole number, at least 1"),
        ("[tool.runeskript]\nmax_calls = true", "whole number, at least 1"),
        ("[tool.runeskript]\nmax_calls = '5'", "whole number, at least 1"),
        ("[tool]\nrunescript = 1 # tool.runeskript\nruneskript = 2", "must be a table"),
    ],
)
def test_what_is_wrong_with_it_is_said(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "pyproject.toml").write_text(text)
    with pytest.raises(UsageError, match=words) as caught:
        project.find(tmp_path)
    assert caught.value.code == "RUNE-8007"


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match="cannot be read"):
        project.find(tmp_path)


def test_levels_by_code_name_and_range(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(
        "[tool.runeskript.severity]\n"
        'maybe-unset = "error"\nRUNE-31xx = "info"\nRUNE-3101 = "off"\nRUNE-3xxx = "warning"\n'
        'RUNE-310x = "error"\n'
    )
    found = project.find(tmp_path)
    assert found is not None
    wanted = {
        "RUNE-3011": "error",
        "RUNE-3013": "warning",
        "RUNE-3101": "off",
        "RUNE-3102": "error",
        "RUNE-3110": "info",
        "RUNE-3140": "info",
    }
    assert {code: found.levels[code] for code in wanted} == wanted
    assert "RUNE-3001" not in found.levels


def test_a_range_raises_no_infos(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.runeskript.severity]\nRUNE-31xx = "error"\n')
    found = project.find(tmp_path)
    assert found is not None
    assert found.levels["RUNE-3110"] == "error"
    assert "RUNE-3140" not in found.levels
    (tmp_path / "pyproject.toml").write_text(
        '[tool.runeskript.severity]\nRUNE-31xx = "off"\nunused-input = "error"\n'
    )
    found = project.find(tmp_path)
    assert found is not None
    assert (found.levels["RUNE-3140"], found.levels["RUNE-3113"]) == ("off", "error")


def test_a_misspelt_finding_is_answered_with_its_nearest_match(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.runeskript.severity]\nunused-varable = "off"\n')
    with pytest.raises(UsageError) as caught:
        project.find(tmp_path)
    assert caught.value.hint == "did you mean `unused-variable`?"
