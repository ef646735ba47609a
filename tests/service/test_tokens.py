"""Tokens: made once, checked without telling why not, revoked for good, damaged ones let nobody in."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runeskript.errors import (
    StoreDamagedError,
    StoreUnavailableError,
    TokenError,
    TokenNotFoundError,
    UnauthorizedError,
)
from runeskript.service import tokens
from runeskript.service.access import OPEN, SCOPES
from runeskript.service.gate import Gate
from runeskript.service.tokens import DamagedToken, Token
from runeskript.stores import open_store
from runeskript.stores.memory import MemoryStore

NOW = 1_800_000_000_000


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore(lambda: NOW)


async def make(store: Any, **more: Any) -> str:
    given: dict[str, Any] = {"name": "till", "scopes": ["read"], "now": NOW}
    return await tokens.create(store, **{**given, **more})


async def test_what_is_made_is_what_is_found(store: MemoryStore) -> None:
    text = await make(
        store,
        tenant="shop",
        scopes=["operate", "read"],
        roles=["clerk", "clerk"],
        expires_at=NOW + 5,
    )
    token = await tokens.check(store, text, NOW)
    assert token is not None
    assert (token.name, token.tenant, token.scopes) == ("till", "shop", ("read", "operate"))
    assert (token.roles, token.expires, token.hook) == (("clerk",), NOW + 5, None)
    caller = token.caller()
    assert caller == ("till", "shop", frozenset(("read", "operate")), ("clerk",), token.id)
    assert text == f"rune_{token.id}_{text[-64:]}"


async def test_the_store_holds_the_hash_alone(store: MemoryStore) -> None:
    text = await make(store)
    (found,) = await store.list_records("tokens")
    secret = text.rpartition("_")[2]
    assert secret not in repr(found)
    value: Any = found.value
    assert value["hash"] == hashlib.sha256(secret.encode()).hexdigest()
    assert secret not in repr(await tokens.list_tokens(store))


async def test_two_are_never_alike(store: MemoryStore) -> None:
    made = {await make(store) for _ in range(50)}
    assert len({text.split("_")[1] for text in made}) == 50
    assert len({text.split("_")[2] for text in made}) == 50


async def test_an_id_that_is_taken_is_not_written_over(store: MemoryStore) -> None:
    drawn = iter([b"a" * 8, b"1" * 32, b"a" * 8, b"2" * 32, b"b" * 8, b"3" * 32])
    first = await make(store, random=lambda n: next(drawn))
    second = await make(store, name="other", random=lambda n: next(drawn))
    assert first.split("_")[1] == (b"a" * 8).hex() and second.split("_")[1] == (b"b" * 8).hex()
    found = await tokens.check(store, first, NOW)
    assert found is not None and found.name == "till"


async def test_what_lets_nobody_in(store: MemoryStore) -> None:
    text = await make(store, expires_at=NOW + 10)
    other = await make(store)
    _, id_, secret = text.split("_")
    changed = "0" if secret[-1] != "0" else "1"
    assert await tokens.check(store, text, NOW + 9) is not None
    for wrong in (
        f"rune_{id_}_{secret[:-1]}{changed}",
        f"rune_{id_}_{other.split('_')[2]}",
        f"rune_{'0' * 16}_{secret}",
        f"rune_{id_}_{'0' * 64}",
        f"rune_{id_.upper()}_{secret}" if id_.upper() != id_ else "rune_",
        f"rune_{id_}_{secret} ",
        f"rune_{id_}_{secret}\n",
        f"Rune_{id_}_{secret}",
        f"rune_{id_}_{secret[:-1]}_",
        f"rune_{id_[:-1]}_{secret}_",
        f"rune__{id_}{secret}",
        f"rune_{id_}_{secret[:-1]}\0",
        f"rune_{id_}_{secret[:-1]}٣",
        f"rune_{id_}_{secret[:-1]}\ud800",
        "x" * 10_000_000,
        "",
        "rune_",
        id_,
        secret,
        None,
        7,
        text.encode(),
    ):
        assert await tokens.check(store, wrong, NOW) is None, wrong
    assert await tokens.check(store, text, NOW + 10) is None


async def test_the_same_work_whether_the_id_is_there_or_not(
    store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = await make(store)
    asked: list[str] = []
    compared: list[tuple[str, str]] = []
    get = store.get_record

    async def counted(table: Any, name: str) -> Any:
        asked.append(name)
        return await get(table, name)

    def compare(a: str, b: str) -> bool:
        compared.append((a, b))
        return a == b

    monkeypatch.setattr(store, "get_record", counted)
    monkeypatch.setattr(hmac, "compare_digest", compare)
    wrong = text[:-64] + "0" * 64
    missing = f"rune_{'0' * 16}_{'0' * 64}"
    for one in (wrong, missing):
        assert await tokens.check(store, one, NOW) is None
    assert len(asked) == 2
    assert [len(a) for a, _ in compared] == [64, 64]
    assert compared[0][1] == compared[1][1]
    assert compared[0][0] != compared[1][0] == "0" * 64


async def test_revoked_is_for_good(store: MemoryStore) -> None:
    text = await make(store)
    id_ = text.split("_")[1]
    assert (await tokens.revoke(store, id_, NOW + 1)).revoked == NOW + 1
    assert await tokens.check(store, text, NOW + 2) is None
    assert (await tokens.revoke(store, text, NOW + 9)).revoked == NOW + 1  # its whole text will do
    assert await tokens.any_token(store)
    for none in ("", "0" * 16, "x", "\0", "\udcff", "a" * 100_000, "../tokens"):
        with pytest.raises(TokenNotFoundError):
            await tokens.revoke(store, none, NOW)


@pytest.mark.parametrize(
    "more",
    [
        {"name": ""}, {"name": "a\nb"}, {"name": "x" * 129}, {"name": "\ud800"}, {"name": "system"},
        {"name": None}, {"tenant": "Shop"}, {"tenant": "-a"}, {"tenant": "a/b"}, {"tenant": "a\n"},
        {"tenant": "a" * 65}, {"scopes": []}, {"scopes": ["reed"]}, {"scopes": ["hook"]},
        {"scopes": ["public"]}, {"scopes": ["read", "hook:x"]}, {"roles": [""]},
        {"roles": ["a"] * 51}, {"roles": ["a\0"]}, {"expires_at": NOW}, {"expires_at": 0},
        {"hook": "t"}, {"hook": "", "scopes": []}, {"hook": "t", "scopes": [], "roles": ["r"]},
        {"hook": "x" * 513, "scopes": []},
    ],
)  # fmt: skip
async def test_what_no_token_can_be(store: MemoryStore, more: dict[str, Any]) -> None:
    with pytest.raises(TokenError):
        await make(store, **more)
    assert not await tokens.any_token(store)


async def test_a_token_of_a_hook(store: MemoryStore) -> None:
    text = await make(store, scopes=[], hook="parcel.scanned", tenant="shop")
    token = await tokens.check(store, text, NOW)
    assert token is not None
    assert token.caller().scopes == {"hook:parcel.scanned"}


@pytest.mark.parametrize(
    ("text", "ends"),
    [
        ("never", None),
        ("90d", NOW + 90 * 86_400_000),
        (" 1500ms ", NOW + 1_500),
        ("2027-01-15T08:00:00Z", 1_800_000_000_000),
        ("2027-01-15T09:00:00.250+01:00", 1_800_000_000_250),
    ],
)
def test_when_a_token_ends(text: str, ends: int | None) -> None:
    assert tokens.expiry(text, NOW) == ends


@pytest.mark.parametrize("text", ["", "soon", "90", "1y", "-1d", "2027-13-01", "9" * 1_000, "\0"])
def test_what_is_no_end(text: str) -> None:
    with pytest.raises(TokenError):
        tokens.expiry(text, NOW)


# --- damage -----------------------------------------------------------------------------------
ODD: list[Any] = [
    None, [], "x", {}, {"hash": "0" * 64}, {"hash": None}, {"scopes": ["admin"]},
]  # fmt: skip


@pytest.mark.parametrize("value", ODD)
async def test_a_record_that_is_of_no_token_lets_nobody_in(store: MemoryStore, value: Any) -> None:
    id_ = "a" * 16
    await store.put_record("tokens", id_, value, 0)
    assert await tokens.check(store, f"rune_{id_}_{'0' * 64}", NOW) is None
    assert await tokens.any_token(store)
    (found,) = await tokens.list_tokens(store)
    assert isinstance(found, DamagedToken) and found.id == id_
    assert (await tokens.revoke(store, id_, NOW)).state(NOW) == "revoked"
    (found,) = await tokens.list_tokens(store)
    assert isinstance(found, Token)


async def test_a_field_of_another_type_lets_nobody_in(store: MemoryStore) -> None:
    text = await make(store)
    id_ = text.split("_")[1]
    found = await store.get_record("tokens", id_)
    assert found is not None
    good: Any = found.value
    version = found.version
    for key, bad in (
        ("expires", "never"), ("expires", True), ("revoked", False), ("scopes", "admin"),
        ("scopes", [1]), ("roles", [None]), ("tenant", "A/B"), ("tenant", None), ("hook", 1),
        ("name", None), ("created", None), ("hash", good["hash"].upper()), ("hash", [good["hash"]]),
    ):  # fmt: skip
        changed = await store.put_record("tokens", id_, {**good, key: bad}, version)
        assert changed is not None
        version = changed.version
        assert await tokens.check(store, text, NOW) is None, (key, bad)
    await store.put_record("tokens", id_, good, version)
    assert await tokens.check(store, text, NOW) is not None


async def test_damage_on_disk(tmp_path: Path) -> None:
    import apsw

    store = open_store(f"sqlite:///{tmp_path}/jobs.db", lambda: NOW)
    texts = [await make(store, name=f"n{i}") for i in range(3)]
    bad = texts[1].split("_")[1]
    connection = apsw.Connection(f"{tmp_path}/jobs.db")
    connection.execute("UPDATE record SET value = x'00' WHERE name = ?", (bad,))
    connection.close()
    assert [await tokens.check(store, text, NOW) is not None for text in texts] == [
        True, False, True,
    ]  # fmt: skip
    *sound, damaged = await tokens.list_tokens(store)
    assert {one.id for one in sound} == {texts[0].split("_")[1], texts[2].split("_")[1]}
    assert damaged.id == bad and isinstance(damaged, DamagedToken)
    assert (await tokens.revoke(store, bad, NOW)).name == "(damaged)"
    assert await tokens.check(store, texts[1], NOW) is None
    await store.close()


class Damaged(MemoryStore):
    """A store all of whose records are damaged."""

    async def get_record(self, table: Any, name: str) -> Any:
        raise StoreDamagedError("all is lost", record=name, version=1)

    async def list_records(self, *args: Any, **more: Any) -> Any:
        raise StoreDamagedError("all is lost")


class Away(MemoryStore):
    """A store that cannot be asked."""

    async def get_record(self, table: Any, name: str) -> Any:
        raise StoreUnavailableError("away")

    async def list_records(self, *args: Any, **more: Any) -> Any:
        raise StoreUnavailableError("away")


# --- the gate ---------------------------------------------------------------------------------
async def test_a_store_without_a_token_is_open_until_there_is_one(store: MemoryStore) -> None:
    gate = Gate(store)
    assert await gate.is_open()
    assert await gate.caller([]) == OPEN
    assert OPEN.scopes == frozenset(SCOPES) and OPEN.actor is None
    text = await make(store)
    assert await gate.caller([]) is None
    found = await gate.caller([f"Bearer {text}".encode()])
    assert found is not None and found.actor == "till"
    (record,) = await store.list_records("tokens")
    await tokens.revoke(store, record.name, NOW)
    assert not await gate.is_open()
    await store.drop_record("tokens", record.name, 2)  # not even then does it open again
    assert await gate.caller([]) is None


async def test_one_that_is_reached_by_others_is_never_open(store: MemoryStore) -> None:
    gate = Gate(store, may_be_open=False)
    assert not await gate.is_open()
    assert await gate.caller([]) is None


async def test_headers_that_are_no_token(store: MemoryStore) -> None:
    text = await make(store)
    gate = Gate(store)
    assert await gate.caller([f"bearer {text}"]) is not None  # schemes have no case
    for headers in (
        ["Bearer"], ["Bearer "], [""], [text], [f"Basic {text}"], [f"Bearer {text}", f"Bearer {text}"],
        [f"Bearer {text} x"], [f"Bearer {text},Bearer {text}"], ["Bearer " + "x" * 10_000_000],
        ["Bearer rune_\0"], ["Bearer \xff\xfe".encode("latin-1")], [f"Bearer\t{text}"],
    ):  # fmt: skip
        with pytest.raises(UnauthorizedError):
            await gate.caller(headers)


async def test_a_wrong_token_is_refused_where_none_is_needed(store: MemoryStore) -> None:
    with pytest.raises(UnauthorizedError):
        await Gate(store).caller(["Bearer rune_x_y"])


async def test_a_damaged_store_denies(store: MemoryStore) -> None:
    gate = Gate(Damaged(lambda: NOW))
    assert await gate.caller([]) is None
    with pytest.raises(UnauthorizedError):
        await gate.caller([f"Bearer {await make(store)}"])


async def test_a_store_that_is_away_is_an_error_and_opens_nothing(store: MemoryStore) -> None:
    gate = Gate(Away(lambda: NOW))
    for headers in ([], [f"Bearer {await make(store)}"]):
        with pytest.raises(StoreUnavailableError):
            await gate.caller(headers)


# --- any order of things ----------------------------------------------------------------------
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("create"), st.sampled_from([None, 1, 5, 50])),
        st.tuples(st.just("revoke"), st.integers(0, 5)),
        st.tuples(st.just("damage"), st.integers(0, 5)),
        st.tuples(st.just("time"), st.integers(0, 20)),
    ),
    max_size=25,
)


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
@settings(
    deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=STEPS)
def test_whoever_is_let_in_is_let_in_by_the_rules(
    kind: str, steps: list[tuple[str, Any]], tmp_path: Path
) -> None:
    async def run() -> None:
        now = [NOW]
        place = Path(tempfile.mkdtemp(dir=tmp_path)) / "jobs.db"
        url = "memory://" if kind == "memory" else f"sqlite:///{place}?sync=normal"
        store = open_store(url, lambda: now[0])
        made: list[list[Any]] = []  # text, expires, revoked, damaged
        for what, value in steps:
            if what == "create":
                expires = None if value is None else now[0] + value
                text = await tokens.create(
                    store, name=f"n{len(made)}", scopes=["read"], expires_at=expires, now=now[0]
                )
                made.append([text, expires, False, False])
            elif what == "time":
                now[0] += value
            elif value < len(made):
                one = made[value]
                if what == "revoke":
                    await tokens.revoke(store, one[0], now[0])
                    one[2] = True
                else:
                    id_ = one[0].split("_")[1]
                    found = await store.get_record("tokens", id_)
                    assert found is not None
                    await store.put_record("tokens", id_, {"hash": "x"}, found.version)
                    one[3] = True
            gate = Gate(store)
            assert (await gate.caller([]) is None) is bool(made)
            for number, (text, expires, revoked, damaged) in enumerate(made):
                valid = not revoked and not damaged and (expires is None or now[0] < expires)
                found_one = await tokens.check(store, text, now[0])
                assert (found_one is not None) is valid
                assert await tokens.is_valid(store, text.split("_")[1], now[0]) is valid
                assert found_one is None or found_one.name == f"n{number}"
        listed = await tokens.list_tokens(store)
        assert {one.id for one in listed} == {one[0].split("_")[1] for one in made}
        await store.close()

    asyncio.run(run())
