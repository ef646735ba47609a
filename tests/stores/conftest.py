"""What the tests of the stores share: places where files cost little."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

#: Files that need not outlive a test are made where syncing them costs least.
QUICK = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


@pytest.fixture
def place() -> Iterator[Path]:
    """An empty folder."""
    folder = Path(tempfile.mkdtemp(prefix="rune-store-", dir=QUICK))
    yield folder
    shutil.rmtree(folder)
