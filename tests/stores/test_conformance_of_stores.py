"""Every store we ship does what every store has to do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from runeskript.model.payloads import PayloadCodec
from runeskript.stores.base import Store
from runeskript.stores.memory import MemoryStore
from runeskript.stores.sqlite import SqliteStore
from runeskript.testing.conformance import StoreConformance


class TestMemory(StoreConformance):
    durable = False

    def open_store(self, now: Callable[[], int]) -> Store:
        return MemoryStore(now)


class TestSqlite(StoreConformance):
    codec: PayloadCodec | None = None

    @pytest.fixture(autouse=True)
    def place(self, tmp_path: Path) -> None:
        self.path = str(tmp_path / "jobs.db")

    def open_store(self, now: Callable[[], int]) -> Store:
        return SqliteStore(self.path, now, sync="normal", codec=self.codec)
