"""``rune verify``: what a Blueprint is, or what is wrong with it; nothing of it is run."""

from __future__ import annotations

import base64
import gzip
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from blueprints import sample, sample_values, seal, with_code
from runeskript.model.blueprint_codec import digest, encode
from runeskript.model.isa import Op
from runeskript.model.limits import BLUEPRINT_BYTES

from .conftest import Rune

GOOD = encode(sample())


def write(tmp_path: Path, data: bytes) -> str:
    (tmp_path / "x.blueprint").write_bytes(data)
    return "x.blueprint"


def problems(rune: Rune, *files: str) -> list[dict[str, Any]]:
    done = rune("verify", *files, "--output", "json")
    assert done.code == 2
    return [problem for row in done.json["files"] for problem in row["problems"]]


def test_a_sound_blueprint_says_what_it_is(rune: Rune, tmp_path: Path) -> None:
    done = rune("verify", write(tmp_path, GOOD), "--output", "json")
    assert done.code == 0
    (row,) = done.json["files"]
    assert (row["ok"], row["name"], row["version"]) == (True, "everything", 3)
    assert row["digest"] == digest(sample())
    assert row["bytes"] == {"file": len(GOOD), "program": row["bytes"]["program"]}
    assert 0 < row["bytes"]["program"] < len(GOOD)
    assert row["sizes"]["instructions"] == 45
    assert row["handlers"][0] == {"name": "http.get", "pure": True, "idempotent": True}
    assert row["handlers"][2] == {"name": "ledger.remove", "pure": False, "idempotent": False}
    assert row["skripts"] == [{"name": "audit", "version": 2, "digest": "cd" * 32}]
    assert (row["env"], row["problems"]) == (["PRICING"], [])
    text = rune("verify", "x.blueprint", "--output", "text")
    assert text.code == 0
    for words in ("everything version 3", digest(sample()), "http.get (pure, idempotent)"):
        assert words in text.out


def test_what_rune_compile_writes_is_sound(rune: Rune, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("skript: a\ndo:\n  - return: 1\n")
    assert rune("compile", "a.yaml").code == 0
    assert rune("verify", "a.blueprint", "--output", "text").code == 0


@pytest.mark.parametrize(
    ("data", "code", "says"),
    [
        (b"", "RUNE-4005", "empty"),
        (b"RUN", "RUNE-4004", "header"),
        (GOOD[:60], "RUNE-4004", "header"),
        (GOOD[:-1], "RUNE-4004", "not as long"),
        (GOOD + b"x", "RUNE-4004", "not as long"),
        (GOOD[:200] + b"?" + GOOD[201:], "RUNE-4004", "digest"),
        (GOOD.replace(b"RUNEBP\0\1", b"RUNEBP\0\0"), "RUNE-4003", "format 0"),
        (GOOD.replace(b"RUNEBP\0\1", b"RUNEBP\0\7"), "RUNE-4003", "format 7"),
        (GOOD.replace(b"RUNEBP\0\1\0\1", b"RUNEBP\0\1\0\2"), "RUNE-4003", "semantics 2"),
        (GOOD.hex().encode(), "RUNE-4005", "hex"),
        (GOOD.hex().upper().encode(), "RUNE-4005", "hex"),
        (base64.b64encode(GOOD), "RUNE-4005", "Base64"),
        (gzip.compress(GOOD), "RUNE-4005", "gzip"),
        (b"\x7fELF" * 10, "RUNE-4005", "7f 45 4c 46"),
        (b"skript: a\ndo: []\n", "RUNE-4005", "a document"),
        (json.dumps({"skript": "a", "do": []}).encode(), "RUNE-4005", "a document"),
        (seal(b"\xdd\x7f\xff\xff\xff"), "RUNE-4001", "longer than the data"),
        (seal(b"\x91" * 5_000), "RUNE-4006", "nested deeper"),
        (seal([1, 2]), "RUNE-4002", "sections"),
    ],
)
def test_other_files_are_refused(
    rune: Rune, tmp_path: Path, data: bytes, code: str, says: str
) -> None:
    (problem,) = problems(rune, write(tmp_path, data))
    assert problem["code"] == code
    assert says in problem["message"]
    text = rune("verify", "x.blueprint", "--output", "text")
    assert text.code == 2
    assert f"x.blueprint: error[{code}]: " in text.out


def test_a_copy_as_text_is_recognised(rune: Rune, tmp_path: Path) -> None:
    spoilt = GOOD.decode("utf-8", "replace").encode()
    (problem,) = problems(rune, write(tmp_path, spoilt))
    assert (problem["code"], problem["hint"]) == (
        "RUNE-4004",
        "it was copied as text; copy it again as a binary file",
    )


def test_problems_name_the_instruction(rune: Rune, tmp_path: Path) -> None:
    bad = encode(with_code(sample(), 17, Op.RERAISE, 99))
    (problem,) = problems(rune, write(tmp_path, bad))
    assert (problem["code"], problem["section"], problem["index"]) == ("RUNE-4021", "code", 17)
    assert problem["instruction"].startswith("17  RERAISE")
    text = rune("verify", "x.blueprint", "--output", "text").out
    assert "in section code, address 17\n" in text
    assert "RERAISE" in text
    run = rune("run", "x.blueprint")
    assert run.code == 2
    assert "RUNE-4002" in run.err or "RUNE-8003" in run.err


def test_running_one_that_is_refused_runs_nothing(rune: Rune, tmp_path: Path) -> None:
    bad = replace(
        sample(), code=((Op.LOG, 9, "info"), (Op.LEAVE,), (Op.RETURN, None)), sites=(0,) * 3,
        bodies=(replace(sample().bodies[0], end=3),), exceptions=(), skripts=(),
        debug=replace(sample().debug, spans=(), slot_names=()),
    )  # fmt: skip
    assert problems(rune, write(tmp_path, encode(bad)))[0]["code"] == "RUNE-4023"
    done = rune("run", "x.blueprint")
    assert done.code == 2
    assert done.json["error"]["code"] == "RUNE-4002"
    assert (done.json["job"], "done" in done.err) == (None, False)


def test_nothing_in_it_steers_the_terminal(rune: Rune, tmp_path: Path) -> None:
    program, _ = sample_values()
    program[0] = "evil\x1b[2J"
    done = rune("verify", write(tmp_path, seal(program)), "--output", "text")
    assert done.code == 2
    assert "\x1b" not in done.out


def test_a_file_past_the_bound_is_not_read_to_its_end(rune: Rune, tmp_path: Path) -> None:
    with (tmp_path / "x.blueprint").open("wb") as file:
        file.write(GOOD)
        file.truncate(BLUEPRINT_BYTES * 1000)
    (problem,) = problems(rune, "x.blueprint")
    assert problem["code"] == "RUNE-4006"


def test_several_files_and_one_that_is_not_there(rune: Rune, tmp_path: Path) -> None:
    write(tmp_path, GOOD)
    done = rune("verify", "x.blueprint", "none.blueprint", "--output", "json")
    assert done.code == 2
    first, second = done.json["files"]
    assert (first["ok"], second["ok"]) == (True, False)
    assert second["problems"][0]["code"] == "RUNE-8003"
    usage = rune("verify", "--output", "json")
    assert (usage.code, usage.json["files"][0]["ok"]) == (2, False)
