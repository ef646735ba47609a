"""The pytest plugin: the fixture ``rune``, and the trace of each run where a test has failed.

Loaded by pytest in every project that has Runeskript installed, so nothing of it is imported before
a test asks for the fixture.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from .trials import Trials

#: Lines of a trace that are shown where a test has failed.
SHOWN: Final = 200
_KEY: Final = pytest.StashKey["Trials"]()


@pytest.fixture
def rune(request: pytest.FixtureRequest) -> Trials:
    """Runs skripts with mocks under a virtual clock; paths are relative to the test's folder."""
    from .trials import Trials

    trials = request.node.stash[_KEY] = Trials(request.path.parent)
    return trials


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[Any]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test that has failed shows what its runs did."""
    report = yield
    trials = item.stash.get(_KEY, None)
    if call.when == "call" and report.failed and trials is not None:
        for number, (name, simulation) in enumerate(trials.begun, 1):
            lines = simulation.trace
            shown = lines[:SHOWN] + ([f"... {len(lines) - SHOWN} more"] * (len(lines) > SHOWN))
            report.sections.append((f"rune: run {number}, {name}", "\n".join(shown)))
    return report
