"""The policy of whoever goes on with a job that was begun elsewhere: claimed, forked, retried."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.engine.conftest import Lasting

from runeskript import Runtime, handler
from runeskript.engine import policy
from runeskript.errors import NotAllowedError, StepError
from runeskript.stores.base import Store

POLICY = """
[default]
handlers = ["log.*"]
[skripts.settle]
handlers = ["bank.*"]
secrets = ["BANK_KEY"]
"""


class Bank:
    """``bank.pay``; it notes what it was asked for, and ``fails`` at first."""

    def __init__(self) -> None:
        self.paid: list[Any] = []
        self.fails = 0

    def runtime(self, store: Store, *, bound: bool = True, **options: Any) -> Runtime:
        """``bound``: by the policy."""

        @handler("bank.pay")
        async def pay(params: Any, ctx: Any) -> Any:
            if self.fails:
                self.fails -= 1
                raise StepError("bank.closed")
            self.paid.append(params.get("for"))
            return "paid"

        rules = policy.read(POLICY) if bound else None
        options = {"discover_handlers": False, "secrets": {"BANK_KEY": "hush"}, **options}
        return Runtime(store=Lasting(store), handlers=[pay], policy=rules, **options)


@pytest.fixture
def bank() -> Bank:
    return Bank()


PAY = "  - call: bank.pay\n    with: {for: NAME}\n"
SECRET = "  - call: bank.pay\n    with: {for: '${secrets.BANK_KEY}'}\n    queue: bank\n"


def document(name: str, steps: str = PAY, more: str = "") -> str:
    return f"skript: {name}\ndo:\n{steps.replace('NAME', name)}{more}"


async def work(runtime: Runtime) -> None:
    async with runtime as rt:
        await rt.work(until_idle=True)


async def test_a_worker_parks_what_its_policy_does_not_allow(bank: Bank, store: Store) -> None:
    async with bank.runtime(store, bound=False) as rt:
        await rt.deploy(document("settle"))
        mine = await rt.submit_job(document("mine"), start=False)
        await rt.submit_job(document("settle"), start=False)
        await rt.submit_job(document("settle", PAY.replace("NAME", "other")), start=False)
    await work(bank.runtime(store))
    assert bank.paid == ["settle"]
    async with bank.runtime(store, bound=False) as rt:
        job = await rt.get_job(mine.id)
        assert (job.status, job.reason) == (
            "Suspended", "RUNE-6508: mine may not use these handlers: `bank.pay`",
        )  # fmt: skip
        await rt.resume_job(mine.id)
        await rt.work(until_idle=True)
        assert (await rt.get_job(mine.id)).status == "Completed"
    assert bank.paid == ["settle", "mine"]


async def test_a_call_on_a_queue_goes_by_the_document_that_makes_it(
    bank: Bank, store: Store
) -> None:
    async with bank.runtime(store, bound=False, queues=("",)) as rt:
        await rt.deploy(document("settle", SECRET))
        jobs = [await rt.submit_job(document(name, SECRET)) for name in ("mine", "settle")]
        await rt.work(until_idle=True)
    await work(bank.runtime(store, queues=("bank",)))
    assert bank.paid == ["hush"]
    async with bank.runtime(store, bound=False, queues=("",)) as rt:
        await rt.work(until_idle=True)
        found = [(await rt.get_job(job.id)).status for job in jobs]
        assert found == ["Running", "Completed"]


async def test_what_a_document_pins_goes_with_it(bank: Bank, store: Store, tmp_path: Path) -> None:
    """Also where nothing but its digest says whose part it is."""
    (tmp_path / "part.yaml").write_text(document("part"))
    parts = "  - run: ./part.yaml\n    detach: true\n  - run: ./part.yaml\n"
    notice = "  - raise: {type: oh.no}\non_failure:\n  call: bank.pay\n  with: {for: notice}\n"
    for name in ("settle", "mine"):
        (tmp_path / f"{name}.yaml").write_text(document(name, parts, notice))
    async with bank.runtime(store, bound=False) as rt:
        await rt.deploy(tmp_path / "settle.yaml")
        for name in ("settle", "mine"):
            await rt.submit_job(tmp_path / f"{name}.yaml", start=False)
    # One place: what a job creates is for others to claim.
    await work(bank.runtime(store, max_jobs=1))
    assert sorted(bank.paid) == ["notice", "part", "part"]
    async with bank.runtime(store, bound=False) as rt:
        jobs = (await rt.find_jobs()).jobs
        assert [one.skript for one in jobs if one.status == "Suspended"] == ["mine"]


async def test_forks_and_retries_are_refused_like_submissions(bank: Bank, store: Store) -> None:
    bank.fails = 2
    async with bank.runtime(store, bound=False) as rt:
        await rt.deploy(document("settle"))
        names = ("settle", "mine")
        jobs = {name: (await rt.run_job(document(name))).id for name in names}
        bare = await rt.create_job({})
    async with bank.runtime(store) as rt:
        with pytest.raises(NotAllowedError):
            await rt.retry_job(jobs["mine"])
        with pytest.raises(NotAllowedError):
            await rt.fork_job(jobs["mine"], at=1)
        assert len((await rt.find_jobs()).jobs) == 3 and bank.paid == []
        await rt.retry_job(jobs["settle"])
        await rt.fork_job(jobs["settle"], at=1)
        await rt.set_state(bare.id, "Running")
        await rt.work(until_idle=True)
    assert bank.paid == ["settle", "settle"]
