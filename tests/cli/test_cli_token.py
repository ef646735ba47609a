"""The command that makes, lists and revokes tokens."""

from __future__ import annotations

import json
from pathlib import Path

import apsw
import pytest
from tests.cli.conftest import Rune

CREATE = ("token", "create", "--name", "till")


def test_from_one_to_the_last(rune: Rune) -> None:
    made = rune(*CREATE, "--scope", "read", "--scope", "operate", "--role", "clerk",
                "--tenant", "shop", "--expires", "90d").json  # fmt: skip
    assert made["token"].startswith(f"rune_{made['id']}_")
    assert (made["name"], made["scopes"], made["roles"]) == ("till", ["read", "operate"], ["clerk"])
    assert made["expires"] - made["created"] == 90 * 86_400_000
    hook = rune(*CREATE, "--hook", "parcels", "--output", "text")
    assert hook.out.startswith("rune_") and hook.out.count("\n") == 1
    listed = rune("token", "list")
    rows = {one["id"]: one for one in map(json.loads, listed.out.splitlines())}
    assert set(rows) == {made["id"], hook.out.split("_")[1]}
    assert {one["state"] for one in rows.values()} == {"valid"}
    for secret in (made["token"].split("_")[2], hook.out.strip().split("_")[2]):
        assert secret not in listed.out
        assert secret.encode() not in Path(".rune/jobs.db").read_bytes()
    assert rune("token", "revoke", made["id"]).json["state"] == "revoked"
    text = rune("token", "list", "--output", "text").out
    assert "revoked  till" in text and "read,operate  roles clerk  tenant shop" in text
    assert "hook:parcels" in text and "expires never" in text


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (CREATE, "RUNE-6502"),
        ((*CREATE, "--scope", "reed"), "RUNE-6502"),
        ((*CREATE, "--scope", "read", "--expires", "soon"), "RUNE-6502"),
        ((*CREATE, "--scope", "read", "--expires", "2001-01-01"), "RUNE-6502"),
        ((*CREATE, "--scope", "read", "--tenant", "Shop"), "RUNE-6502"),
        ((*CREATE, "--scope", "read", "--hook", "t"), "RUNE-6502"),
        (("token", "create", "--scope", "read"), "RUNE-8002"),
        ((*CREATE, "--scope", "read", "word"), "RUNE-8002"),
        ((*CREATE, "--scope", "read", "--store", "memory://"), "RUNE-8002"),
        (("token", "revoke"), "RUNE-8002"),
        (("token", "list", "--name", "x"), "RUNE-8002"),
        (("token", "revoke", "0" * 16), "RUNE-6503"),
        (("token", "revoke", "\udcff"), "RUNE-6503"),
    ],
)
def test_what_cannot_be(rune: Rune, words: tuple[str, ...], code: str) -> None:
    done = rune(*words)
    assert done.code == 2
    assert code in done.err
    assert "rune_" not in done.out


def test_one_that_is_damaged_is_shown_and_can_be_revoked(rune: Rune) -> None:
    made = rune(*CREATE, "--scope", "admin").json
    connection = apsw.Connection(".rune/jobs.db")
    connection.execute("UPDATE record SET value = x'00'")
    connection.close()
    assert "damaged" in rune("token", "list").json
    assert "damaged" in rune("token", "list", "--output", "text").out
    assert rune("token", "revoke", made["id"]).json["state"] == "revoked"
