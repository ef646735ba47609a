"""The judge of a cluster sees who tells of failures, and who tells of none."""

from __future__ import annotations

from typing import Any

import pytest
from tests.engine.conftest import Lasting
from tests.support import any_handlers

from runeskript.compiler.pipeline import Compiled, compile_text
from runeskript.engine.handlers import handler
from runeskript.engine.runtime import Runtime
from runeskript.stores.memory import MemoryStore
from runeskript.testing.cluster.judge import judge
from runeskript.testing.cluster.ledger import Ledger

TEXT = "skript: s\ndo:\n  - call: work\non_failure:\n  call: pager\n"


@pytest.fixture
def made() -> Compiled:
    return compile_text(TEXT, "s.yaml", any_handlers("work", "pager"))


@pytest.fixture
def store() -> Any:
    return Lasting(MemoryStore(lambda: 1_700_000_000_000))


def runtime(store: Any, fails: int = 0) -> Runtime:
    left = [True] * fails

    @handler("work")
    async def work(params: Any, ctx: Any) -> None:
        if left:
            left.pop()
            raise ValueError("bad")

    @handler("pager")
    async def pager(params: Any, ctx: Any) -> None:
        pass

    return Runtime(handlers=[work, pager], store=store, discover_handlers=False, env={})


def told_of_none(store: Any) -> list[str]:
    """The jobs that tell of a failure that was none."""
    ledger = Ledger()
    judge(store.inner, ledger, {})
    return [one.text.split()[1] for one in ledger.findings if "that was none" in one.text]


async def test_of_a_job_that_did_not_fail(store: Any, made: Compiled) -> None:
    async with runtime(store) as rt:
        done = await rt.run_job(made)
        (notice,) = made.children.values()
        about = {"job": {"id": done.id}, "input": None, "error": None}
        forged = await rt.run_job(notice, about)
        assert (done.status, forged.status) == ("Completed", "Completed")
    assert told_of_none(store) == [forged.id]


@pytest.mark.parametrize("fails", [1, 2])
async def test_of_one_that_was_retried(store: Any, made: Compiled, fails: int) -> None:
    """It had failed: each of its notices was due then, and another one was not."""
    async with runtime(store, fails) as rt:
        first = await rt.run_job(made)
        earlier = await rt.notice(first.id)
        assert earlier is not None
        await rt.retry_job(first.id)
        await rt.work(until_idle=True)
        assert (await rt.get_job(first.id)).status == ("Completed" if fails == 1 else "Failed")
        assert told_of_none(store) == []
        (notice,) = made.children.values()
        forged = await rt.run_job(notice, {"job": {"id": first.id}, "input": None, "error": None})
    assert told_of_none(store) == [forged.id]
