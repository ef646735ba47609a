"""The policy: what a document may name and where its calls may go, by the name it is deployed under."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runeskript import Runtime, handler
from runeskript.engine import policy
from runeskript.engine.policy import Grants
from runeskript.engine.submissions import Submission
from runeskript.errors import NotAllowedError, RuntimeOptionError

TEXT = """
[default]
handlers = ["http.*", "shop.price"]
hosts = ["api.shop.example", "*.parcels.example:8443", "127.0.0.1"]

[skripts.order]
secrets = ["SHOP_*"]
env = ["PRICING"]

[skripts."acme/import-*"]
hosts = ["*"]
handlers = ["*"]
secrets = ["*"]

[carried]
handlers = ["shop.price"]
hosts = []
"""


@handler("shop.price")
def price(params: Any, ctx: Any) -> Any:
    return 7


@handler("bank.pay")
def pay(params: Any, ctx: Any) -> Any:
    return "paid"


def skript(name: str, *steps: str, head: str = "") -> str:
    return f"skript: {name}\n{head}do:\n" + "".join(f"  - {step}\n" for step in steps)


PRICE = "call: shop.price"
PAY = "call: bank.pay"
SECRET = "{call: shop.price, with: {a: {b: ['x ${secrets.SHOP_KEY}']}}}"
OTHER = '{call: shop.price, with: {a: "${secrets.BANK_KEY}"}}'


def runtime(**more: Any) -> Runtime:
    return Runtime(handlers=[price, pay], discover_handlers=False, policy=policy.read(TEXT), **more)


# --- reading ----------------------------------------------------------------------------------
def test_the_first_table_that_fits_counts_and_says_what_it_says() -> None:
    found = policy.read(TEXT)
    default = found.deployed("any", "")
    assert default == Grants(
        ("http.*", "shop.price"), ("api.shop.example", "*.parcels.example:8443", "127.0.0.1")
    )
    assert found.deployed("order", "") == Grants(
        default.handlers, default.hosts, ("SHOP_*",), ("PRICING",)
    )
    assert found.deployed("order", "acme") == default  # another's order is another skript
    assert found.deployed("import-parcels", "acme").handlers == ("*",)
    assert found.deployed("import-parcels", "") == default
    assert found.carried() == Grants(("shop.price",), ())
    assert policy.read("").deployed("x", "") == Grants()  # what is not allowed is refused


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[", "no TOML"), ("x = 1", "no table `x`"), ("[defualt]", "did you mean `default`"),
        ("default = 1", "[default] is a table"), ("[default]\nhandler = []", "did you mean `handlers`"),
        ("[default]\nhosts = 'a'", "a list of texts"), ("[default]\nhosts = [1]", "a list of texts"),
        ("[default]\nhosts = ['a/b']", "no host"), ("[default]\nhosts = ['http://a']", "no host"),
        ("[default]\nhosts = ['a.*']", "no host"), ("[default]\nhosts = ['10.0.0.0/8']", "no host"),
        ("[default]\nsecrets = ['']", "no name"), ("[default]\nenv = ['a b']", "no name"),
        ("skripts = 1", "table of tables"), ("[skripts]\norder = 1", "is a table"),
        ("[skripts.'a/b/c']", "is no name"), ("[skripts.'A/b']", "is no name"), ("[skripts.'']", "is no name"),
        ("[skripts.'*/b']", "is no name"), ("a = " + "[" * 5_000, "no TOML"),
    ],
)  # fmt: skip
def test_what_is_no_policy(text: str, says: str) -> None:
    with pytest.raises(RuntimeOptionError) as caught:
        policy.read(text)
    assert says in caught.value.message
    assert caught.value.code == "RUNE-6509"


@pytest.mark.parametrize(
    ("allowed", "host", "port", "fits"),
    [
        ("api.shop.example", "api.shop.example", 443, True),
        ("api.shop.example", "API.shop.example.", 80, True),
        ("api.shop.example", "api.shop.example.evil.example", 443, False),
        ("api.shop.example", "xapi.shop.example", 443, False),
        ("*.shop.example", "a.b.shop.example", 443, True),
        ("*.shop.example", "shop.example", 443, False),
        ("*.shop.example", "evilshop.example", 443, False),
        ("shop.example:8443", "shop.example", 8443, True),
        ("shop.example:8443", "shop.example", 443, False),
        ("127.0.0.1", "127.0.0.1", 80, True),
        ("[::1]:80", "::1", 80, True),
        ("[::1]", "::1", 9, True),
        ("[::1]:80", "::1", 81, False),
        ("*", "anything", 1, True),
        ("*:443", "anything", 443, True),
        ("*:443", "anything", 80, False),
    ],
)
def test_hosts(allowed: str, host: str, port: int, fits: bool) -> None:
    (grants,) = [policy.read(f"[default]\nhosts = ['{allowed}']").deployed("x", "")]
    assert grants.reaches(host, port) is fits


def test_wildcards_take_no_time() -> None:
    grants = policy.read(f"[default]\nsecrets = ['{'a*' * 90}b']").deployed("x", "")
    assert policy._fits("a" * 200, grants.secrets[0]) is False


@settings(deadline=None, max_examples=300)
@given(st.text("ab*", max_size=8), st.text("ab", max_size=10))
def test_wildcards_mean_any_text(pattern: str, name: str) -> None:
    expected = re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), name) is not None
    assert policy._fits(name, pattern) is expected


# --- submit and deploy ------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("text", "refused"),
    [
        (skript("order", PRICE), None),
        (skript("order", SECRET), None),
        (skript("order", PRICE, head="env: [PRICING]\n"), None),
        (skript("other", SECRET), ("secrets", ("SHOP_KEY",))),
        (skript("order", OTHER), ("secrets", ("BANK_KEY",))),
        (skript("order", PAY), ("handlers", ("bank.pay",))),
        (skript("order", PRICE, f"if: input.x\n    then: [{{{PAY}}}]"), ("handlers", ("bank.pay",))),
        (skript("order", f"{{{PRICE}, undo: {{{PAY}}}}}"), ("handlers", ("bank.pay",))),
        (skript("order", PRICE, head="env: [HOME]\n"), ("env", ("HOME",))),
    ],
)  # fmt: skip
async def test_what_is_deployed_may_use_what_its_name_may(text: str, refused: Any) -> None:
    async with runtime() as rt:
        if refused is None:
            await rt.deploy(text)
            await rt.submit_job(text, start=False)  # the very same document
            return
        with pytest.raises(NotAllowedError) as caught:
            await rt.deploy(text)
        assert (caught.value.kind, caught.value.names) == refused
        assert await rt.skripts.versions("order") == []


async def test_a_document_that_comes_with_a_job_gains_nothing_by_its_name() -> None:
    text = skript("order", SECRET)
    async with runtime(secrets={"SHOP_KEY": "hush-hush"}) as rt:
        with pytest.raises(NotAllowedError) as caught:
            await rt.submit_job(text)
        assert caught.value.kind == "secrets"
        await rt.deploy(text)
        with pytest.raises(NotAllowedError):  # the name alone is nothing
            await rt.submit_job(skript("order", PRICE, SECRET))
        assert (await rt.run_job(text)).status == "Completed"
        with pytest.raises(NotAllowedError):
            await rt.submit_job(text, tenant="acme")
        assert (await rt.run_job(skript("mine", PRICE))).status == "Completed"


async def test_another_tenant_has_tables_of_its_own() -> None:
    async with runtime() as rt:
        await rt.deploy(skript("import-all", PAY), tenant="acme")
        for tenant in ("", "other", "acme2"):
            with pytest.raises(NotAllowedError):
                await rt.deploy(skript("import-all", PAY), tenant=tenant)


async def test_without_a_policy_all_is_as_it_was() -> None:
    async with Runtime(handlers=[pay], discover_handlers=False) as rt:
        assert (await rt.run_job(skript("x", PAY))).status == "Completed"


# --- hosts ------------------------------------------------------------------------------------
async def resolve(host: str, port: int) -> list[str]:
    return ["127.0.0.1"]


async def reach(rt: Runtime, url: str, name: str = "get", tenant: str = "") -> Any:
    text = skript(name, f"{{call: http.get, with: {{url: '{url}', timeout: 20s}}}}")
    await rt.deploy(text, tenant=tenant)
    done = await rt.run_job(text, tenant=tenant)
    error = done.error or {}
    return error.get("type"), error.get("message", "")


@pytest.mark.parametrize(
    "url",
    [
        "http://evil.example/", "http://parcels.example:8443/", "http://a.parcels.example/",
        "http://api.shop.example.evil.example/", "http://[::1]/", "http://10.0.0.1/",
        "http://api.shop.example@evil.example/", "http://xn--pi-7kc.shop.example/",
    ],
)  # fmt: skip
async def test_a_call_to_another_host_is_a_typed_error(url: str) -> None:
    async with runtime(resolver=resolve) as rt:
        type_, message = await reach(rt, url)
        assert (type_, "policy" in message) == ("http.denied", True)


async def test_a_host_that_is_allowed_may_be_asked(answering: int) -> None:
    async with runtime(resolver=resolve, allow_hosts=["127.0.0.1"]) as rt:
        for url in (f"http://127.0.0.1:{answering}/", f"http://api.shop.example:{answering}/"):
            assert await reach(rt, url) == (None, "")
        type_, message = await reach(rt, f"http://127.0.0.1:{answering}/away")
        assert (type_, "evil.example" in message) == ("http.denied", True)
        # For acme's imports any host is fine; those that are private were allowed above.
        url = f"http://evil.example:{answering}/"
        assert await reach(rt, url, "import-x", "acme") == (None, "")


async def test_the_policy_comes_before_what_is_private() -> None:
    async with runtime() as rt:
        type_, message = await reach(rt, "http://127.0.0.1:9/")
        assert (type_, "no public address" in message) == ("http.denied", True)


@pytest.fixture
async def answering() -> Any:
    """A server on loopback: its port. ``/away`` redirects to another host."""
    import asyncio

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        if head.startswith(b"GET /away"):
            writer.write(b"HTTP/1.1 302 Found\r\nLocation: http://evil.example/\r\n")
        else:
            writer.write(b"HTTP/1.1 200 OK\r\n")
        writer.write(b"Content-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]


# --- the environment --------------------------------------------------------------------------
async def test_no_secret_is_read_by_way_of_the_environment() -> None:
    env = {"RUNE_SECRET_SHOP_KEY": "hush-hush", "PRICING": "fast"}
    text = skript("x", "return: [\"${env.RUNE_SECRET_SHOP_KEY}\", \"${env.PRICING}\"]",
                  head="env: [RUNE_SECRET_SHOP_KEY, PRICING]\n")  # fmt: skip
    async with Runtime(env=env, discover_handlers=False) as rt:
        assert (await rt.run_job(text)).output == [None, "fast"]


async def test_of_many_each_is_looked_at() -> None:
    async with runtime() as rt:
        text, mine = skript("order", SECRET), skript("mine", PRICE)
        await rt.deploy(text)
        await rt.deploy(skript("import-x", PAY), tenant="acme")
        receipts = await rt.submit_many(
            [
                Submission(skript=text, start=False),
                Submission(skript=text, start=False, tenant="acme"),
                Submission(skript=mine, start=False),
                Submission(skript=skript("mine", PAY), start=False),
                Submission(deployed="import-x", start=False, tenant="acme"),
                Submission(deployed="import-x", start=False),
                Submission(skript=text, start=False),
            ]
        )
        assert [one.outcome for one in receipts] == [
            "created", "refused", "created", "refused", "created", "refused", "created",
        ]  # fmt: skip
        assert [type(one.error).__name__ for one in receipts if one.error] == [
            "NotAllowedError", "NotAllowedError", "UnknownSkriptError",
        ]  # fmt: skip
