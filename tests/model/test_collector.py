"""The garbage collector is paused for a block, and on again behind it if it was on before."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from runeskript.model.collector import LARGE, YOUNG, loaded_to_stay, paused_collector, unpaused


@pytest.fixture(autouse=True)
def left_on() -> Iterator[None]:
    yield
    gc.enable()


def test_it_is_off_inside_and_on_behind() -> None:
    with pytest.raises(ValueError, match="wrong"), paused_collector():
        with paused_collector():
            assert not gc.isenabled()
        assert not gc.isenabled()
        raise ValueError("wrong")
    assert gc.isenabled()


def test_whoever_had_it_off_finds_it_off() -> None:
    gc.disable()
    with paused_collector():
        assert not gc.isenabled()
    assert not gc.isenabled()


def test_a_small_text_does_not_pause_it() -> None:
    with paused_collector(LARGE - 1):
        assert gc.isenabled()
    with paused_collector(LARGE):
        assert not gc.isenabled()


def test_nothing_pauses_it_while_that_is_measured() -> None:
    with unpaused(), paused_collector():
        assert gc.isenabled()
    with paused_collector():
        assert not gc.isenabled()


def test_what_is_loaded_is_not_looked_at_again() -> None:
    before, frozen = gc.get_threshold(), gc.get_freeze_count()
    try:
        loaded_to_stay()
        assert gc.get_freeze_count() > frozen
        assert gc.get_threshold() == (YOUNG, *before[1:])
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)
