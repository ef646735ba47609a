"""Every example runs, and its result is what its text says."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import mean
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

import pytest

import runeskript
from runeskript import JobResult, Runtime
from runeskript.cli.main import main
from runeskript.engine.watch import JobEvent

EXAMPLES = Path(__file__).parents[2] / "examples"
DOCUMENTS = sorted(
    str(p.relative_to(EXAMPLES)) for p in EXAMPLES.rglob("*.yaml") if ".rune" not in p.parts
)
HANDLERS = [EXAMPLES / "handlers.py", *sorted(EXAMPLES.glob("*/handlers.py"))]


def run(name: str, /, **given: Any) -> JobResult:
    return runeskript.run(EXAMPLES / name, given, handlers=HANDLERS)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_an_example_has_no_findings(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    handlers = [word for file in HANDLERS for word in ("--handlers", str(file))]
    assert main(["check", "--strict", str(EXAMPLES / name), *handlers]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [finding for finding in told if finding["severity"] != "info"] == []


@pytest.mark.parametrize("name", [n for n in DOCUMENTS if n != "order-fulfilment.yaml"])
def test_an_example_is_in_the_standard_form(name: str) -> None:
    assert main(["fmt", "--check", str(EXAMPLES / name)]) == 0


def test_in_the_checkout_the_handlers_of_the_examples_are_known(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`[tool.runeskript]` of the project names them."""
    monkeypatch.chdir(EXAMPLES.parent)
    for name in DOCUMENTS:
        assert main(["check", f"examples/{name}"]) == 0, capsys.readouterr().out
        assert main(["explain", f"examples/{name}"]) == 0


def test_hello() -> None:
    assert run("hello.yaml", name="Sif").output == {"greeting": "Hello, Sif!", "letters": 3}
    assert run("hello.yaml").output == {"greeting": "Hello, world!", "letters": 5}


def test_retry() -> None:
    assert run("retry.yaml").output == {"answer": "at last", "attempts": 3}
    assert run("retry.yaml", failures=9).output == {"answer": "none", "attempts": 4}


def test_saga(caplog: pytest.LogCaptureFixture) -> None:
    booked = run("saga.yaml").output
    assert booked["booked"] is True
    assert [name.partition("-")[0] for name in booked["bookings"]] == ["flight", "hotel", "car"]
    with caplog.at_level("INFO", "runeskript"):
        assert run("saga.yaml", full="car").output == {
            "booked": False,
            "reason": "no car is left",
        }
    gave_back = [r.getMessage() for r in caplog.records if "gave back" in r.getMessage()]
    assert [re.sub("-.*", "", text) for text in gave_back] == [
        "gave back hotel",
        "gave back flight",
    ]


def test_approvals() -> None:
    assert run("approvals.yaml").output == {"approved": True, "by": "manager"}
    assert run("approvals.yaml", amount=5000).output == {"approved": False, "by": "manager"}
    assert run("approvals.yaml", amount=20).output == {"approved": True, "by": "nobody"}


@pytest.mark.parametrize(
    ("level", "message"),
    [("VIP", "Total is: 164.0"), ("Member", "Total is: 184.5"), ("Guest", "Total is: 205.0")],
)
def test_level_discount(level: str, message: str) -> None:
    basket = json.loads((EXAMPLES / "basket.json").read_text("utf-8"))
    basket["user"]["level"] = level
    assert run("level-discount.yaml", **basket).output == message


def test_fan_out() -> None:
    lucky = [i for i in range(500) if i % 100 != 13]
    assert run("fan-out.yaml", branches=500).output == {
        "branches": 500,
        "sum": sum(i * i for i in lucky),
        "failures": 5,
    }


def test_the_report_agrees_with_a_plain_count() -> None:
    line = re.compile(
        r'\S+ - - \[\d+/Feb/2024:(\d\d):\S+ \S+\] "\w+ ([^ ?"]+)\S* HTTP/1.1" (\d+) (\S+) '
        r'"[^"]*" "[^"]*" (\S+)'
    )
    lines = (EXAMPLES / "access-log" / "access.log").read_text().splitlines()
    found = [m.groups() for m in map(line.fullmatch, lines) if m]
    paths = Counter(path for _, path, *_ in found)
    hours: dict[str, list[int]] = defaultdict(list)
    for hour, *_, seconds in found:
        hours[hour].append(round(float(seconds) * 1000))
    slowest = sorted(((round(mean(ms), 1), hour) for hour, ms in hours.items()), reverse=True)

    for pieces in (1, 7):
        report = run("access-log/report.yaml", pieces=pieces).output
        assert report["lines"] == len(lines) >= 10_000
        assert report["malformed"] == len(lines) - len(found)
        assert report["status"] == dict(sorted(Counter(s for _, _, s, *_ in found).items()))
        assert report["top_paths"] == [
            {"path": path, "requests": n} for path, n in paths.most_common(5)
        ]
        assert report["slowest_hours"] == [
            {"hour": hour, "mean_ms": ms} for ms, hour in slowest[:3]
        ]


def test_a_log_that_is_not_there() -> None:
    failed = run("access-log/report.yaml", path="none.log")
    assert (failed.status, failed.error["type"]) == ("Failed", "logs.missing")


# --- the order ------------------------------------------------------------------------------------
def test_the_demo_prints_the_result_of_the_order(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / "demo.py")],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert '"total": 598.0' in done.stdout
    assert '"carrier": "Longship Express"' in done.stdout
    assert "1 charge, 0 refunds, 1 reservation" in done.stdout
    assert "12/12 done" in done.stderr
    assert "listen parcel.scanned" in done.stderr


@pytest.fixture
def service() -> Iterator[ModuleType]:
    sys.path.append(str(EXAMPLES / "shop"))
    try:
        import service

        yield service
    finally:
        sys.path.remove(str(EXAMPLES / "shop"))


async def order(
    service: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    *items: Any,
    seen: Callable[[JobEvent], None] = lambda record: None,
) -> Any:
    """The job of an order for these items, and the shop's ledger after it."""
    with service.running() as (url, shop):
        monkeypatch.setenv("SHOP_URL", url)
        runtime = Runtime(
            handlers=HANDLERS, allow_hosts=[urlsplit(url).netloc], env={"PRICING": url}
        )
        async with runtime:
            job = await runtime.submit_job(
                EXAMPLES / "order-fulfilment.yaml", {"user": {"level": "new"}, "items": list(items)}
            )
            await runtime.signal("parcel.scanned", key=job.id, data={"carrier": "post"}, keep="1h")
            async for record in runtime.events(job.id):
                seen(record)
            job = await runtime.get_job(job.id)
        return job, shop.ledger()[1]


async def test_an_order_is_charged_and_reserved_once(
    service: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    job, ledger = await order(
        service, monkeypatch, {"sku": "ink", "qty": 2}, {"sku": "linen", "qty": 4}
    )
    assert (job.status, job.output) == ("Completed", {"total": 25.0, "carrier": "post"})
    assert [charge["key"] for charge in ledger["charges"]] == [job.id]
    assert (len(ledger["refunds"]), len(ledger["reservations"])) == (0, 1)


@pytest.mark.parametrize("first", ["charge", "reserve"])
async def test_what_is_out_of_stock_is_not_paid_for(
    service: ModuleType, monkeypatch: pytest.MonkeyPatch, first: str
) -> None:
    """Charged before the shop refuses: undone. Refused while being charged: voided."""
    later = "reserve" if first == "charge" else "charge"
    ended = threading.Event()
    wait_for = {"charge": "call.done", "reserve": "call.failed"}[first]
    plain = getattr(service.Shop, later)

    def held(shop: Any, body: dict[str, Any]) -> Any:
        assert ended.wait(30)
        return plain(shop, body)

    def seen(record: JobEvent) -> None:
        if record.kind == wait_for and str(record.step).startswith(
            f"/do/2/parallel/{WHERE[first]}"
        ):
            ended.set()

    monkeypatch.setattr(service.Shop, later, held)
    items = ({"sku": "ink", "qty": 2}, {"sku": "runestone", "qty": 1})
    job, ledger = await order(service, monkeypatch, *items, seen=seen)
    assert (job.status, job.error["type"]) == ("Failed", "inventory.short")
    assert job.error["message"] == "runestone: 0 left"
    assert len(ledger["charges"]) == len(ledger["refunds"])
    assert len(ledger["charges"]) == 1 or first == "reserve"
    assert ledger["reservations"] == []


WHERE = {"charge": "charge", "reserve": "stock"}


async def test_a_declined_card_and_an_unknown_item_fail_the_order(
    service: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    job, ledger = await order(service, monkeypatch, {"sku": "vellum", "qty": 200})
    assert job.status == "Failed"
    assert job.error["type"] in ("payments.declined", "inventory.short")
    assert ledger["charges"] == []
    job, _ = await order(service, monkeypatch, {"sku": "anvil", "qty": 1})
    assert (job.status, job.error["type"]) == ("Failed", "http.404")
