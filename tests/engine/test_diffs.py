"""Deployed versions: listed by tenant and kind, and what differs between two of them."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable

import pytest

from runeskript.compiler.frontends.builder import Skript
from runeskript.engine.handlers import handler
from runeskript.engine.runtime import Runtime
from runeskript.errors import UnknownSkriptError
from runeskript.stores.base import Store

Start = Callable[..., Awaitable[Runtime]]


@handler("work")
async def work(params: object, ctx: object) -> None:
    """Nothing."""


ONE = """
skript: order
vars: {discount: 1}
do:
  - call: work
    with: {n: 1}
  - id: look
    if: discount > 1
    then:
      - call: work
        with: {n: 2}
  - wait: 1s
  - return: ${discount}
"""
TWO = """
skript: order
vars: {discount: 1.0, more: 2}
do:
  - log: "new, and in front"
  - call: work
    with: {n: 1}
  - id: look
    if: discount > 1
    then:
      - call: work
        with: {n: 3}
        timeout: 5s
  - return: ${discount}
"""
MACHINE = """
machine: ticket
initial: open
states: {open: {}, closed: {final: true}}
transitions: [{from: open, event: close, to: closed}]
"""


async def test_what_differs(runtime: Start, store: Store) -> None:
    rt = await runtime(work, store=store)
    await rt.deploy(ONE)
    await rt.deploy(TWO)
    diff = await rt.diff("order", 1, 2)
    found = {
        (one.change, one.step, one.pointer): (one.before, one.after) for one in diff.differences
    }
    assert found == {
        ("changed", None, "/vars/discount"): (1, 1.0),
        ("added", None, "/vars/more"): (None, 2),
        ("added", "/do/0", "/do/0"): (None, {"log": "new, and in front"}),
        ("changed", "/do/2/then/0", "/do/2/then/0/with/n"): (2, 3),
        ("added", "/do/2/then/0", "/do/2/then/0/timeout"): (None, "5s"),
        ("removed", "/do/2", "/do/2"): ({"wait": "1s"}, None),
    }
    assert not diff.same and diff.more == 0
    assert diff.text is not None
    assert diff.text.startswith("--- order@1\n+++ order@2\n@@") and "\n-  - wait: 1s\n" in diff.text
    json.dumps(diff.shown())
    back = await rt.diff("order", 2, 1)
    assert len(back.differences) == len(found)
    none = await rt.diff("order", 2, 2)
    assert none.same and none.differences == () and none.text == ""
    assert await rt.source("order") == TWO
    assert await rt.source("order", 1) == ONE


async def test_one_that_was_built_is_compared_by_its_steps(runtime: Start, store: Store) -> None:
    rt = await runtime(work, store=store)
    for ids in (("a", "b"), ("a", "c")):
        built = Skript("order")
        for id_ in ids:
            built.call("work", id=id_)
        await rt.deploy(built.document())
    diff = await rt.diff("order", 1, 2)
    assert diff.text is None
    assert {(one.change, one.step) for one in diff.differences} == {
        ("removed", "b"),
        ("added", "c"),
    }
    assert await rt.source("order") is None


async def test_pages_of_what_is_deployed(runtime: Start, store: Store) -> None:
    rt = await runtime(work, store=store)
    for tenant in ("", "a", "b"):
        await rt.deploy(ONE, tenant=tenant)
        await rt.deploy(TWO, tenant=tenant)
        await rt.deploy(MACHINE, tenant=tenant)
    for tenant in ("", "a", "b"):
        seen = []
        after: str | None = ""
        while after is not None:
            page, after = await rt.deployed(tenant=tenant, limit=1, after=after)
            seen += [(one.name, one.version, one.kind) for one in page]
        assert seen == [("order", 1, "skript"), ("order", 2, "skript"), ("ticket", 1, "machine")]
        page, after = await rt.deployed(tenant=tenant, kind="machine")
        assert ([one.name for one in page], after) == (["ticket"], None)
    assert [one.version for one in await rt.versions("order", tenant="a")] == [1, 2]
    for asked in (
        rt.versions("nobody"),
        rt.diff("order", 1, 3),
        rt.diff("nobody", 1, 2),
        rt.source("order", 7),
    ):
        with pytest.raises(UnknownSkriptError):
            await asked
