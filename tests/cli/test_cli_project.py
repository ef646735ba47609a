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
