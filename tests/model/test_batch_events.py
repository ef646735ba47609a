"""Batches: what they stand for, how they are cut, stored and read."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runeskript.errors import CodecError
from runeskript.model.batches import (
    member,
    piece,
    size,
    split,
    unfold_effects,
    unfold_events,
    weight,
    within,
)
from runeskript.model.codec import encode
from runeskript.model.effects import CallDrop, CallOut, CallsDrop, CallsOut, LogOut
from runeskript.model.events import CallDone, CallsDone, CancelRequested, Event
from runeskript.model.history import History
from runeskript.model.journal import from_record, to_record

BATCH = CallsDone(7, (2, 1, 4), 1, "/step", (3, 0, 1), ["x", None, {"a": [1]}])
ALONE = CancelRequested(8, "enough")
SINGLES: list[Event] = [
    CallDone(7, (2, 1, 4, 3), 1, "/step", 1, "x"),
    CallDone(7, (2, 1, 4, 0), 1, "/step", 1, None),
    CallDone(7, (2, 1, 4, 1), 1, "/step", 1, {"a": [1]}),
]


def test_a_batch_of_results_unfolds_in_its_order() -> None:
    assert list(unfold_events([ALONE, BATCH])) == [ALONE, *SINGLES]
    assert [weight(event) for event in (BATCH, ALONE)] == [3, 1]


def test_a_batch_of_calls_unfolds() -> None:
    out = CallsOut((1,), 3, "/step", "h", [5, 8], [{"i": 5}, {"i": 8}], [10, 20], "q")
    expected = [
        CallOut((1, 5), 3, "/step", "h", {"i": 5}, 1, 10, "q"),
        CallOut((1, 8), 3, "/step", "h", {"i": 8}, 1, 20, "q"),
    ]
    log = LogOut("/log", "info", "text")
    assert list(unfold_effects([log, out])) == [log, *expected]
    bare = out._replace(params=None, timeouts=None, queue=None)
    assert member(bare, 1) == CallOut((1, 8), 3, "/step", "h", {}, 1, None, None)
    assert member(bare, 0).params is not member(bare, 0).params
    drop = CallsDrop((1,), 2, "/step", (4, 2))
    assert list(unfold_effects([drop])) == [
        CallDrop((1, 4), 2, "/step", 1),
        CallDrop((1, 2), 2, "/step", 1),
    ]


def test_a_piece_of_a_batch() -> None:
    assert piece(BATCH, 1, 3) == CallsDone(7, (2, 1, 4), 1, "/step", (0, 1), [None, {"a": [1]}])


def test_a_batch_is_split_by_number_and_by_size() -> None:
    texts = ["x" * n for n in (10, 10, 100, 10, 10, 10)]
    batch = CallsDone(1, (1,), 1, "/s", tuple(range(6)), list(texts))
    parts = list(split(batch, 2, 10**6))
    assert [part.indexes for part in parts] == [(0, 1), (2, 3), (4, 5)]
    parts = list(split(batch, 100, 40))
    assert [part.indexes for part in parts] == [(0, 1), (2,), (3, 4), (5,)]
    assert list(unfold_events(parts)) == list(unfold_events([batch]))
    assert list(split(batch)) == [batch]


@settings(max_examples=100, deadline=None, derandomize=True, database=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False,
        allow_infinity=False) | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=20,
    )
)  # fmt: skip
def test_the_size_of_a_value_is_no_less_than_what_it_takes(value: Any) -> None:
    assert size(value) >= len(encode(value))


def test_how_many_events_are_worth_a_bound() -> None:
    events: list[Event] = [ALONE, BATCH, BATCH, ALONE]
    assert [within(events, bound) for bound in (1, 2, 4, 5, 7, 8, 99)] == [1, 2, 2, 3, 3, 4, 4]


# --- records ----------------------------------------------------------------------------------
def test_the_record_of_a_batch() -> None:
    record = to_record(BATCH)
    assert record == [9, 7, [2, 1, 4], 1, "/step", [3, 0, 1], ["x", None, {"a": [1]}]]
    assert from_record(record) == BATCH


@pytest.mark.parametrize(
    ("position", "value"),
    [(1, None), (2, [1.5]), (2, "1"), (3, "1"), (3, True), (4, 4), (5, "x"), (5, [1, 2]),
     (5, [1, 2, True]), (6, {}), (6, ["x"])],
)  # fmt: skip
def test_a_malformed_record_is_refused(position: int, value: Any) -> None:
    record = to_record(BATCH)
    record[position] = value
    with pytest.raises(CodecError, match="journal record"):
        from_record(record)


# --- journals in memory -----------------------------------------------------------------------
def test_a_history_without_batches() -> None:
    history = History()
    history.extend(SINGLES)
    assert len(history) == 3
    assert history.read(1, 1) == SINGLES[1:2]
    assert history.read(1, 99) == SINGLES[1:]
    assert history.read(3, 5) == []


def test_sequence_numbers_count_what_batches_stand_for() -> None:
    history = History()
    events: list[Event] = [ALONE, ALONE, BATCH, ALONE, BATCH, BATCH]
    history.extend(events[:2])
    history.extend(events[2:4])
    history.extend(events[4:])
    whole = list(unfold_events(events))
    assert len(history) == len(whole) == 12
    assert history.read(0, 12) == events
    for start in range(13):
        for limit in range(13):
            found = history.read(start, limit)
            assert list(unfold_events(found)) == whole[start : start + limit]
