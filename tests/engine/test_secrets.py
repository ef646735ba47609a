"""Secrets: resolved for the handler, scrubbed from everything that comes back."""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import quote

import pytest

from runeskript.engine.handlers import handler
from runeskript.engine.runtime import Runtime
from runeskript.engine.secrets import MASK, Vault, has_secret, open_params
from runeskript.errors import StepError
from runeskript.expr.runtime import SecretRef, SecretText

Start = Callable[..., Awaitable[Runtime]]

SECRET = 'p"w ü/+&'


def text(*parts: Any) -> SecretText:
    return SecretText(tuple(SecretRef(p[1:]) if p.startswith("$") else p for p in parts))


def test_resolving() -> None:
    vault = Vault({"db": SECRET, "n": "5"})
    assert vault.used is False
    shared = {"deep": [{"x": text("a ", "$db", "!")}], "plain": [1, "s", None]}
    found = open_params(shared, vault)
    assert found == {"deep": [{"x": f"a {SECRET}!"}], "plain": [1, "s", None]}
    assert vault.used is True
    found["plain"].append(2)
    assert shared["plain"] == [1, "s", None]
    assert has_secret(shared)
    assert not has_secret(found)


def test_sources(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNE_SECRET_DB", "from env")
    monkeypatch.setenv("RUNE_SECRET_exact", "as it is")
    assert Vault().get("db") == "from env"
    assert Vault().get("exact") == "as it is"
    assert Vault(lambda name: name * 2).get("ab") == "abab"
    with pytest.raises(StepError, match="RUNE_SECRET_NOTHING") as caught:
        Vault().get("nothing")
    assert caught.value.type == "secret.unknown"
    with pytest.raises(StepError, match="did you mean `token`"):
        Vault({"token": "x"}).get("tokn")
    with pytest.raises(StepError, match="no text"):
        Vault({"n": 5}).get("n")  # type: ignore[dict-item]


def test_scrubbing_every_form() -> None:
    vault = Vault({"a": SECRET})
    assert vault.scrub_text(SECRET) == SECRET  # nobody has asked for it yet
    vault.get("a")
    for shown in (
        SECRET,
        f"x{SECRET}y",
        json.dumps({"k": SECRET}),
        json.dumps(SECRET, ensure_ascii=False),
        quote(SECRET),
        quote(SECRET, safe=""),
        base64.b64encode(SECRET.encode()).decode(),
    ):
        assert MASK in vault.scrub_text(shown)
        assert SECRET not in vault.scrub_text(shown)
    assert vault.scrub({"k": [SECRET, 1, None], SECRET: "x"}) == {"k": [MASK, 1, None], MASK: "x"}


def test_longer_secrets_first_and_short_ones_whole() -> None:
    vault = Vault({"long": "abcdef", "part": "abcd", "short": "1", "empty": ""})
    for name in ("part", "long", "short", "empty"):
        vault.get(name)
    assert vault.scrub_text("abcdef") == MASK
    assert vault.scrub_text("abcdx") == f"{MASK}x"
    assert vault.scrub_text("1") == MASK
    assert vault.scrub_text("21") == "21"
    assert vault.scrub_text("") == ""


@pytest.mark.parametrize("mode", ["async", "thread"])
async def test_through_a_job(runtime: Start, mode: Any, caplog: pytest.LogCaptureFixture) -> None:
    seen: list[Any] = []

    @handler("use", mode="async" if mode == "async" else "thread")
    def use(params: Any, ctx: Any) -> Any:
        seen.append(params["token"])
        ctx.log.warning("using %s", params["token"])
        ctx.progress(0.5, message=f"with {params['token']}")
        if params["fail"]:
            raise StepError("shop.bad", f"bad {params['token']}", data={"t": params["token"]})
        return {"echo": f"<{params['token']}>", params["token"]: 1}

    doc = """
skript: s
input: {type: object}
do:
  - call: use
    with: {token: "key ${secrets.token}", fail: "${input.fail}"}
    into: r
  - return: ${r}
"""
    rt = await runtime(use, secrets={"token": "hunter22"})
    job = await rt.submit_job(doc, {"fail": False})
    records = [record async for record in rt.events(job.id)]
    assert seen == ["key hunter22"]
    assert (await rt.get_job(job.id)).output == {"echo": "<key ***>", "key ***": 1}
    assert [r.data["message"] for r in records if r.kind == "progress"] == ["with key ***"]
    failed = await rt.run_job(doc, {"fail": True})
    assert failed.error is not None
    assert (failed.error["message"], failed.error["data"]) == ("bad key ***", {"t": "key ***"})
    history = [record async for record in rt.events(failed.id)]
    assert "hunter22" not in repr((records, history, failed)) + caplog.text
    assert "using key ***" in caplog.text


async def test_a_handler_that_remembers(runtime: Start) -> None:
    """What one job was given does not come out of another."""
    kept: list[str] = []

    @handler("keep")
    async def keep(params: Any, ctx: Any) -> None:
        kept.append(params["token"])

    @handler("tell")
    async def tell(params: Any, ctx: Any) -> str:
        return kept[0]

    rt = await runtime(keep, tell, secrets={"token": "hunter22"})
    assert (
        await rt.run_job('skript: s\ndo:\n  - call: keep\n    with: {token: "${secrets.token}"}\n')
    ).ok
    told = await rt.run_job("skript: s\ndo:\n  - call: tell\n    into: r\n  - return: ${r}\n")
    assert told.output == MASK


async def test_a_secret_that_is_missing(runtime: Start) -> None:
    @handler("use")
    async def use(params: Any, ctx: Any) -> None: ...

    @handler("threaded")
    def threaded(params: Any, ctx: Any) -> None: ...

    rt = await runtime(use, threaded, secrets={})
    for name in ("use", "threaded"):
        doc = f'skript: s\ndo:\n  - call: {name}\n    with: {{t: "${{secrets.gone}}"}}\n'
        error = (await rt.run_job(doc)).error
        assert error is not None
        assert (error["type"], error["code"]) == ("secret.unknown", "RUNE-5070")


async def test_a_handler_keeps_its_own_logger_level(
    runtime: Start, caplog: pytest.LogCaptureFixture
) -> None:
    @handler("quiet")
    async def quiet(params: Any, ctx: Any) -> bool:
        ctx.log.debug("%d not even formatted", "x")
        ctx.log.info("100%")
        return bool(ctx.log.isEnabledFor(logging.DEBUG))

    rt = await runtime(quiet)
    with caplog.at_level(logging.INFO):
        doc = "skript: s\ndo:\n  - call: quiet\n    into: r\n  - return: ${r}\n"
        assert (await rt.run_job(doc)).output is False
    assert [r.getMessage() for r in caplog.records] == ["100%"]
    assert caplog.records[0].funcName == "quiet"
