"""``--input``: how words, files and standard input become a job's input."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from runeskript.cli import inputs
from runeskript.cli.usage import UsageError
from runeskript.errors import CompileError


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("a=5", 5),
        ("a=-1.5", -1.5),
        ("a=true", True),
        ("a=null", None),
        ("a=", ""),
        ("a=VIP", "VIP"),
        ("a=b=c", "b=c"),
        ('a="5"', "5"),
        ("a=[1, 2]", [1, 2]),
        ('a={"b": 1}', {"b": 1}),
        ("a=[draft] title", "[draft] title"),
        ("a=NaN", "NaN"),
        ("a=-Infinity", "-Infinity"),
        ("a=007", "007"),
        ("a=ᚱᚢᚾᛖ", "ᚱᚢᚾᛖ"),
    ],
)
def test_a_value_is_json_where_it_reads_as_json(word: str, value: object) -> None:
    got = inputs.parse([word])
    assert got == {"a": value}
    assert type(got["a"]) is type(value)


@pytest.mark.parametrize("word", ['a={"x": 1, "x": 2}', 'a=[{"b": {"x": 1, "y": 2, "x": 3}}]'])
def test_a_key_that_stands_twice_is_refused_as_in_a_file(word: str) -> None:
    with pytest.raises(UsageError, match="the key `x` stands twice") as caught:
        inputs.parse([word])
    assert caught.value.code == "RUNE-8004"


def test_dots_set_fields_and_later_words_win() -> None:
    words = ["user.level=VIP", "user.name=Sif", "user.level=plain", "n=1"]
    assert inputs.parse(words) == {"user": {"level": "plain", "name": "Sif"}, "n": 1}


def test_without_options_the_input_is_an_empty_object() -> None:
    assert inputs.parse([]) == {}


def test_files_are_merged_by_their_top_level_keys(tmp_path: Path) -> None:
    first, second = tmp_path / "a.json", tmp_path / "b.yaml"
    first.write_text('{"user": {"name": "Sif"}, "n": 1}')
    second.write_text("n: 2\non: yes\n")
    words = [f"@{first}", f"@{second}", "user.level=VIP"]
    assert inputs.parse(words) == {"user": {"name": "Sif", "level": "VIP"}, "n": 2, "on": "yes"}


def test_a_file_may_hold_any_value_if_it_is_alone(tmp_path: Path) -> None:
    file = tmp_path / "list.json"
    file.write_text("[1, 2]")
    assert inputs.parse([f"@{file}"]) == [1, 2]
    with pytest.raises(UsageError, match="only --input") as caught:
        inputs.parse([f"@{file}", "a=1"])
    assert caught.value.code == "RUNE-8004"


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    stdin = io.TextIOWrapper(io.BytesIO(b'{"a": [1, null]}'))
    monkeypatch.setattr("sys.stdin", stdin)
    assert inputs.parse(["-", "b=2"]) == {"a": [1, None], "b": 2}


@pytest.mark.parametrize(
    "word",
    ["novalue", "=1", "a..b=1", ".a=1", "a=1e999", "a=" + "9" * 100_000, "@", "a=" + str(2**63)],
)
def test_what_is_no_input_is_refused_with_its_code(word: str) -> None:
    with pytest.raises(UsageError) as caught:
        inputs.parse([word])
    assert caught.value.code == "RUNE-8004"
    assert len(caught.value.message) < 200


def test_a_field_of_something_that_is_no_object_is_refused() -> None:
    with pytest.raises(UsageError, match="already has a value"):
        inputs.parse(["a=1", "a.b=2"])


def test_deep_brackets_do_not_exhaust_the_stack() -> None:
    assert inputs.parse(["a=" + "[" * 100_000]) == {"a": "[" * 100_000}


@pytest.mark.parametrize("text", ['{"a": 1, "a": 2}', "{bad", '{"a": NaN}', ""])
def test_a_broken_file_is_a_document_error_with_its_place(tmp_path: Path, text: str) -> None:
    file = tmp_path / "in.json"
    file.write_text(text)
    with pytest.raises(CompileError) as caught:
        inputs.parse([f"@{file}"])
    assert all(d.span.file == str(file) for d in caught.value.diagnostics)
    assert json.dumps([d.to_dict() for d in caught.value.diagnostics])


def test_a_missing_file_names_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "order.json").write_text("{}")
    with pytest.raises(UsageError) as caught:
        inputs.parse([f"@{tmp_path / 'ordr.json'}"])
    assert caught.value.code == "RUNE-8003"
    assert caught.value.hint is not None
    assert "order.json" in caught.value.hint
