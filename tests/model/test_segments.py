"""Segments and payloads: what comes back is what was written, or it is refused.

The vectors of a released format are never rewritten: RUNE_UPDATE=1 only writes missing ones.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runeskript.errors import DamagedError, FormatVersionError, RuneskriptError, SealedError
from runeskript.model import limits, versions
from runeskript.model.batches import unfold_events, weight
from runeskript.model.events import (
    EVENT_KINDS,
    CallDone,
    CallFailed,
    CallPending,
    CallsDone,
    CancelRequested,
    ChildDone,
    Event,
    Finished,
    Forked,
    GraceGiven,
    MessageIn,
    Moved,
    MoveFailed,
    Refused,
    Retried,
    Sent,
    SentIf,
    Started,
    TimerFired,
)
from runeskript.model.payloads import Payloads
from runeskript.model.segments import HEADER, genesis, pack, unpack
from runeskript.stores import fastcodec

VECTORS = Path(__file__).parent / "vectors"
MESSAGE: dict[str, Any] = {"id": "m", "topic": "t", "key": 1, "data": {"x": [1.5]}}
EVENTS: list[Event] = [
    Started(1, "b" * 64, {"id": "job", "labels": {"a": "b"}}, {"n": -1}, {"E": None}, "0f" * 16),
    CallDone(2, (1, 300), 2, "/do/0", 1, {"ok": True, "at": 1.25, "text": "\u00e9\U0001f600"}),
    CallFailed(3, (), 2, "step", 3, {"type": "http.503", "data": None, "retryable": True}),
    TimerFired(4, (1, 0, 2, -1), 7),
    TimerFired(5, (), 8, ((1, 0), 40_001)),
    MessageIn(6, (1,), 9, MESSAGE),
    ChildDone(7, (), 3, "run", "Failed", None, {"type": "x"}),
    CancelRequested(8, "why"),
    CallsDone(9, (1, 2), 1, "all", (0, 1, 70_000), [None, [1], {"k": "v"}]),
    Finished(10, "Completed", {"total": 2**53 + 1}, None),
]
#: Kinds that came later: they are not in the vector of version 1.
LATER: list[Event] = [
    Retried(11, (1, 300), 2, "/do/0", 3, 4, 1 << 20),
    Forked(12, "job-1", 4, "0f" * 16, {"a": [1, None]}),
    CallPending(13, (2,), 1, "/do/1", 2),
    GraceGiven(14, 30_000, True),
    TimerFired(15, (), -1),
    Sent(16, "e", "pay", {"n": [1]}, {"id": "ada", "roles": ["clerk"]}, "late"),
    Moved(17, "draft", "paid", "pay", "e", {"id": "ada", "roles": []}, None),
    SentIf(16, "e", "pay", {"n": [1]}, {"id": "ada", "roles": []}, None, 3, "paid", 3),
    SentIf(16, "e", "pay", None, {"id": "ada", "roles": []}, "late", None, None, -1),
    Refused(18, "paid", "pay", "f", {"id": "ada"}, "conflict", {"type": "x", "message": ""}),
    MoveFailed(19, "draft", "paid", "pay", "g", {}, {"type": "x", "data": None}),
]


def payloads(**options: Any) -> Payloads:
    blobs: dict[str, bytes] = {}
    return Payloads(blobs.__setitem__, blobs.get, **options)


class Cover:
    """A codec that depends on the place, as a real one has to."""

    name = "cover"

    def encode(self, data: bytes, place: str) -> bytes:
        return place.encode() + b"|" + bytes(byte ^ 0x5A for byte in data)

    def decode(self, data: bytes, place: str) -> bytes:
        head, _, body = data.partition(b"|")
        if head != place.encode():
            raise ValueError("it was sealed for another place")
        return bytes(byte ^ 0x5A for byte in body)


def read(p: Payloads, job: str, packed: Any) -> list[Event]:
    """All events of the segments, following the chain."""
    chain, found = genesis(job), []
    for segment in packed:
        events, head = unpack(p, job, segment.first, segment.data, chain)
        assert (head.held, head.chain) == (segment.held, segment.chain)
        chain = head.chain
        found += events
    return found


@pytest.mark.parametrize("codec", [None, Cover()])
@pytest.mark.parametrize("fast", [False, True])
def test_events_of_every_kind_come_back(codec: Any, fast: bool) -> None:
    assert {type(event) for event in EVENTS + LATER} == set(EVENT_KINDS.values())
    quick = {"dumps": fastcodec.dumps, "loads": fastcodec.loads} if fast else {}
    p = payloads(codec=codec, **quick)
    packed = pack(p, "job", 0, genesis("job"), EVENTS + LATER)
    assert read(p, "job", packed) == EVENTS + LATER
    assert sum(segment.held for segment in packed) == sum(map(weight, EVENTS + LATER))


def test_both_encoders_write_the_same() -> None:
    slow = payloads()
    fast = payloads(dumps=fastcodec.dumps, loads=fastcodec.loads)
    ours, theirs = (pack(p, "job", 0, genesis("job"), EVENTS) for p in (slow, fast))
    assert ours == theirs


#: Sizes of results around every bound there is.
_SIZES = [
    1,
    1_000,
    limits.PAYLOAD_BYTES - 60,
    limits.PAYLOAD_BYTES + 1,
    limits.SEGMENT_BYTES,
    10**6,
]


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(
    st.lists(st.sampled_from(_SIZES), max_size=8),
    st.sampled_from([0, 1, 900, 2_500]),
    st.integers(0, 2_500),
    st.booleans(),
)
def test_segments_keep_within_their_bounds(
    sizes: list[int], small: int, batch: int, sealed: bool
) -> None:
    events: list[Event] = [CallDone(1, (), n, "s", 1, n) for n in range(small)]
    events += [CallDone(1, (), n, "s", 1, "x" * size) for n, size in enumerate(sizes)]
    results: list[Any] = [n if n % 9 else "y" * 2_000 for n in range(batch)]
    if batch:
        events.append(CallsDone(1, (1,), 1, "s", tuple(range(batch)), results))
    if not events:
        return
    p = payloads(dumps=fastcodec.dumps, loads=fastcodec.loads, codec=Cover() if sealed else None)
    packed = pack(p, "job", 7, genesis("job"), events)
    at = 7
    for segment in packed:
        assert segment.first == at
        assert 1 <= segment.held <= limits.SEGMENT_EVENTS
        assert len(segment.data) <= limits.SEGMENT_BYTES + HEADER.size + 100
        at += segment.held
    assert list(unfold_events(read(p, "job", packed))) == list(unfold_events(events))
    assert pack(p, "job", 7, genesis("job"), events) == packed


def test_every_bit_counts() -> None:
    p = payloads()
    before = genesis("job")
    (segment,) = pack(p, "job", 0, before, EVENTS[1:3])
    for at in range(len(segment.data)):
        for bit in range(8):
            data = bytearray(segment.data)
            data[at] ^= 1 << bit
            with pytest.raises((DamagedError, FormatVersionError)):
                unpack(p, "job", 0, bytes(data), before)
    for end in range(len(segment.data)):
        with pytest.raises(DamagedError):
            unpack(p, "job", 0, segment.data[:end], before)
    with pytest.raises(DamagedError):
        unpack(p, "job", 0, segment.data + b"\0", before)


def test_a_segment_stands_where_it_was_written() -> None:
    """Of another job, at another place, behind other events, or once more: refused."""
    p = payloads()
    (first,) = pack(p, "job", 0, genesis("job"), EVENTS[:2])
    (second,) = pack(p, "job", 2, first.chain, EVENTS[2:4])
    unpack(p, "job", 2, second.data, first.chain)
    for job, at, data, before in (
        ("other", 0, first.data, genesis("other")),
        ("job", 2, first.data, first.chain),
        ("job", 0, second.data, genesis("job")),
        ("job", 3, second.data, first.chain),
        ("job", 2, second.data, second.chain),
    ):
        with pytest.raises(DamagedError, match="does not follow"):
            unpack(p, job, at, data, before)


def test_what_is_kept_apart_is_checked() -> None:
    blobs: dict[str, bytes] = {}
    p = Payloads(blobs.__setitem__, blobs.get)
    (segment,) = pack(p, "job", 0, genesis("job"), [EVENTS[1]._replace(result="x" * 10**6)])  # type: ignore[call-arg]
    assert len(segment.data) < 200
    ((name, data),) = blobs.items()
    blobs[name] = data[:-1] + b"y"
    with pytest.raises(DamagedError, match="checksum"):
        unpack(p, "job", 0, segment.data, None)
    blobs[name] = p.inline("x" * 10**6, name)
    unpack(p, "job", 0, segment.data, None)
    blobs[name] = p.inline("y" * 10**6, name)
    with pytest.raises(DamagedError, match="something else"):
        unpack(p, "job", 0, segment.data, None)
    blobs.clear()
    with pytest.raises(DamagedError, match="is missing"):
        unpack(p, "job", 0, segment.data, None)


def test_unknown_versions_are_not_guessed(monkeypatch: pytest.MonkeyPatch) -> None:
    p = payloads()
    with monkeypatch.context() as patch:
        patch.setattr(versions, "JOURNAL", 200)
        (segment,) = pack(p, "job", 0, genesis("job"), EVENTS)
        value = p.pack(1, "place")
    with pytest.raises(FormatVersionError, match="journal version 200"):
        unpack(p, "job", 0, segment.data, None)
    with pytest.raises(FormatVersionError, match="payload version 200"):
        p.unpack(value, "place")


class TestSealed:
    def test_only_the_codec_opens_it(self) -> None:
        sealed, plain = payloads(codec=Cover()), payloads()
        (segment,) = pack(sealed, "job", 0, genesis("job"), EVENTS)
        assert b"http.503" not in segment.data
        with pytest.raises(SealedError, match="without its codec"):
            unpack(plain, "job", 0, segment.data, None)
        with pytest.raises(SealedError, match="without its codec"):
            plain.unpack(sealed.pack("secret", "a/input"), "a/input")

    def test_only_at_its_place(self) -> None:
        p = payloads(codec=Cover())
        (segment,) = pack(p, "job", 0, genesis("job"), EVENTS)
        with pytest.raises(SealedError, match="cannot open it"):
            unpack(p, "job", 5, segment.data, None)
        with pytest.raises(SealedError, match="another place"):
            p.unpack(p.pack(1, "a/input"), "b/input")
        assert p.unpack(p.pack("x" * 10**6, "a/input"), "b/input") == "x" * 10**6

    def test_the_chain_is_that_of_what_is_inside(self) -> None:
        sealed, plain = payloads(codec=Cover()), payloads()
        ours, theirs = (pack(p, "job", 0, genesis("job"), EVENTS) for p in (sealed, plain))
        assert [one.chain for one in ours] == [one.chain for one in theirs]


class TestPayloads:
    @pytest.mark.parametrize(
        "value", [None, 0, "", [1, {"a": [2.5]}], "x" * 10**6, {"k": [None] * 10**5}]
    )
    def test_values_come_back(self, value: Any) -> None:
        p = payloads()
        assert p.unpack(p.pack(value, "place"), "place") == value
        assert p.unpack(p.inline(value, "place"), "place") == value
        assert (len(p.pack(value, "place")) < 100) or len(repr(value)) < limits.PAYLOAD_BYTES

    def test_every_bit_counts(self) -> None:
        p = payloads()
        for data in (p.pack({"a": [1, "two"]}, "place"), p.pack("x" * 10**6, "place")):
            for at in range(len(data)):
                for bit in range(8):
                    broken = bytearray(data)
                    broken[at] ^= 1 << bit
                    with pytest.raises(RuneskriptError):
                        p.unpack(bytes(broken), "place")
            for end in range(len(data)):
                with pytest.raises(DamagedError):
                    p.unpack(data[:end], "place")

    def test_bytes_come_back(self) -> None:
        for p in (payloads(), payloads(codec=Cover())):
            data = bytes(range(256)) * 1_000
            assert p.bytes_out(p.bytes_in(data, "place"), "place") == data
        reference = payloads().pack("x" * 10**6, "place")
        with pytest.raises(DamagedError, match="flags"):
            payloads().bytes_out(reference, "place")


def test_released_formats_are_read_for_ever() -> None:
    p = payloads()
    path = VECTORS / f"journal-{versions.JOURNAL}.segment.hex"
    (segment,) = pack(p, "job", 0, genesis("job"), EVENTS)
    if os.environ.get("RUNE_UPDATE") == "1" and not path.exists():
        path.write_text(segment.data.hex() + "\n", "utf-8")
    for version in range(1, versions.JOURNAL + 1):
        text = (VECTORS / f"journal-{version}.segment.hex").read_text("utf-8")
        events, _ = unpack(p, "job", 0, bytes.fromhex(text), genesis("job"))
        assert events == EVENTS
    assert segment.data.hex() == path.read_text("utf-8").strip()
