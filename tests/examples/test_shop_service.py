"""The bundled shop service: real HTTP, deterministic, idempotent."""

from __future__ import annotations

import importlib.util
import json
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


def _import(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"example_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[module.__name__] = module
    spec.loader.exec_module(module)
    return module


service = _import(EXAMPLES / "shop" / "service.py")


@pytest.fixture
def base() -> Iterator[str]:
    with service.running(seed=7) as (url, _):
        yield url


def ask(url: str, body: Any = None) -> tuple[int, Any]:
    data = None if body is None else json.dumps(body).encode()
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data), timeout=10) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def test_the_catalogue_is_busy_now_and_then_and_always_in_the_same_way(base: str) -> None:
    def statuses(sku: str) -> list[int]:
        return [ask(f"{base}/sku/{sku}")[0] for _ in range(3)]

    seen = {sku: statuses(sku) for sku in service.CATALOGUE}
    assert all(answers[2] == 200 for answers in seen.values())
    assert any(answers[0] == 503 for answers in seen.values())
    shop = service.Shop(seed=7)
    again = {sku: [shop.sku(sku)[0] for _ in range(3)] for sku in service.CATALOGUE}
    assert seen == again
    assert ask(f"{base}/sku/anvil")[0] == 404


def test_a_key_is_charged_once_and_refunded_once(base: str) -> None:
    first = ask(f"{base}/charges", {"amount": 10.5, "key": "j1"})
    assert first == (201, {"id": "ch_0001", "amount": 10.5, "key": "j1"})
    assert ask(f"{base}/charges", {"amount": 10.5, "key": "j1"}) == (200, first[1])
    assert ask(f"{base}/refunds", {"id": "ch_0001"})[0] == 200
    assert ask(f"{base}/refunds", {"id": "ch_0001"})[0] == 200
    ledger = ask(f"{base}/ledger")[1]
    assert (len(ledger["charges"]), len(ledger["refunds"])) == (1, 1)
    assert ask(f"{base}/charges", {"amount": 10**6, "key": "j2"})[0] == 402


def test_a_reservation_is_all_or_nothing(base: str) -> None:
    body = {"items": [{"sku": "press", "qty": 3}, {"sku": "runestone", "qty": 1}], "key": "j1"}
    status, answer = ask(f"{base}/reservations", body)
    assert (status, answer["sku"]) == (409, "runestone")
    body["items"] = [{"sku": "press", "qty": 4}]
    assert ask(f"{base}/reservations", body)[0] == 201
    assert ask(f"{base}/reservations", body)[0] == 200
    body["key"] = "j2"
    assert ask(f"{base}/reservations", body)[0] == 409


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/charges", [], 400),
        ("/charges", {"amount": True, "key": "k"}, 422),
        ("/charges", {"amount": 1}, 422),
        ("/refunds", {"id": 1}, 404),
        ("/reservations", {"items": [1], "key": "k"}, 422),
        ("/elsewhere", {}, 404),
    ],
)
def test_what_makes_no_sense_is_refused(base: str, path: str, body: Any, status: int) -> None:
    assert ask(base + path, body)[0] == status


def test_the_shipped_log_is_what_its_generator_writes() -> None:
    generate = _import(EXAMPLES / "access-log" / "generate.py")
    shipped = (EXAMPLES / "access-log" / "access.log").read_text(encoding="ascii")
    assert shipped.count("\n") >= 10_000
    assert generate.generate(12_000, 20240229) == shipped
