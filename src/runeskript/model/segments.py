"""Segments: a journal as stores keep it, in stretches that are written once.

=======  =====  ==============================================================================
offset   bytes  content
=======  =====  ==============================================================================
0        4      CRC-32 of all that follows, big-endian
4        1      version (``versions.JOURNAL``)
5        1      flags: 1 sealed
6        2      how many single events it holds (a batch counts as those it stands for)
8        16     chain: BLAKE2b of (chain of the segment before, sequence number of the first
                event in 8 bytes, body); before the first segment stands the hash of the job's id
24       -      body: a list of journal records in the encoding of ``codec.py``, sealed where the
                flag says so (the chain is that of the body before)
=======  =====  ==============================================================================

The chain makes a segment of another job, of another place or of another history one that does not
fit. A field of an event that would make its record too large is kept as a blob: then the record is
(minus its kind, the numbers of such fields, the fields), with the blob's digest in their place.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b
from struct import Struct
from typing import Any, Final
from zlib import crc32

from ..errors import CodecError, DamagedError, FormatVersionError
from . import limits, versions
from .batches import split, weight, weights
from .events import KIND_OF, CallsDone, Event
from .journal import from_record
from .payloads import SEALED, Payloads
from .rows import NamedTuple

HEADER: Final = Struct(">IBBH16s")
_TAIL: Final = Struct(">BBH16s").pack
_AT: Final = Struct(">Q").pack
_CHECK: Final = Struct(">I").pack
#: What stands before the chain where there is one event, not sealed.
_ONE: Final = _TAIL(versions.JOURNAL, 0, 1, bytes(16))[:4]
#: To be copied, at half the cost of making one.
_LINK: Final = blake2b(digest_size=16)
_new = tuple.__new__  # one of these for each small unit: half the cost of making one
#: Fields of an event that are never kept apart: they are small and say where it belongs.
_PLACES: Final = frozenset(("path", "stop", "step", "indexes"))


class Segment(NamedTuple):
    """A stretch of a journal: sequence number of its first event, how many, and its bytes."""

    first: int
    held: int
    data: bytes
    chain: bytes


class Head(NamedTuple):
    """What the first bytes of a segment say."""

    check: int
    version: int
    flags: int
    held: int
    chain: bytes


def genesis(job: str) -> bytes:
    """The chain before a job's first segment."""
    return blake2b(job.encode(), digest_size=16, person=b"rune.journal").digest()


def head_of(data: bytes, place: str) -> Head:
    """The header of a segment. Raises DamagedError where there is none."""
    if len(data) < HEADER.size:
        raise DamagedError(f"{place}: {len(data)} bytes are no segment")
    return Head(*HEADER.unpack_from(data))


def held_in(data: bytes, place: str) -> int:
    """How many single events a segment holds, by its header. Raises DamagedError."""
    if len(data) < HEADER.size:
        raise DamagedError(f"{place}: {len(data)} bytes are no segment")
    return int.from_bytes(data[6:8], "big")


# --- writing ------------------------------------------------------------------------------------
def pack(
    payloads: Payloads, job: str, first: int, before: bytes, events: Sequence[Event]
) -> list[Segment]:
    """The segments of some events, of which the first has sequence number ``first``.

    ``before``: the chain so far. Large fields become blobs.
    """
    if len(events) == 1 and type(event := events[0]) is not CallsDone:
        held, body = 1, payloads.dumps([(KIND_OF[type(event)], *event)])
    else:
        held = weights(events)
        if held <= limits.SEGMENT_EVENTS:
            body = payloads.dumps([(KIND_OF[type(event)], *event) for event in events])
    if held <= limits.SEGMENT_EVENTS and len(body) <= limits.PAYLOAD_BYTES:
        return [_segment(payloads, job, first, before, held, body)]
    segments: list[Segment] = []
    for held, body in _bodies(payloads, events):
        segments.append(_segment(payloads, job, first, before, held, body))
        first, before = first + held, segments[-1].chain
    return segments


def pack_one(
    payloads: Payloads, first: int, before: bytes, event: Event
) -> tuple[bytes, bytes] | None:
    """What ``pack`` makes of one event: the segment's bytes and its chain.

    None where it takes more: the event is a batch, too large for a segment, or to be sealed.
    """
    kind = type(event)
    if kind is CallsDone or payloads.codec is not None:
        return None
    body = payloads.dumps(((KIND_OF[kind], *event),))
    if len(body) > limits.PAYLOAD_BYTES:
        return None
    link = _LINK.copy()
    link.update(before + _AT(first) + body)
    chain = link.digest()
    rest = _ONE + chain + body
    return _CHECK(crc32(rest)) + rest, chain


def _segment(
    payloads: Payloads, job: str, first: int, before: bytes, held: int, body: bytes
) -> Segment:
    chain = blake2b(before + _AT(first) + body, digest_size=16).digest()
    flags = 0
    if payloads.codec is not None:
        flags, body = SEALED, payloads.codec.encode(body, _place(job, first))
    rest = _TAIL(versions.JOURNAL, flags, held, chain) + body
    return _new(Segment, (first, held, crc32(rest).to_bytes(4, "big") + rest, chain))


def _place(job: str, first: int) -> str:
    return f"{job}/journal/{first}"


def _bodies(payloads: Payloads, events: Iterable[Event]) -> Iterator[tuple[int, bytes]]:
    """How many events, and their encoded list, each within the bounds of a segment."""
    parts: list[bytes] = []
    count = size = 0
    for event in _pieces(events):
        part = _record(payloads, event)
        more = weight(event)
        if parts and (
            count + more > limits.SEGMENT_EVENTS or size + len(part) > limits.SEGMENT_BYTES
        ):
            yield count, _list(parts)
            parts, count, size = [], 0, 0
        parts.append(part)
        count += more
        size += len(part)
    yield count, _list(parts)


def _pieces(events: Iterable[Event]) -> Iterator[Event]:
    for event in events:
        if type(event) is CallsDone:
            yield from split(event)
        else:
            yield event


def _record(payloads: Payloads, event: Event) -> bytes:
    """One record; its large fields go to blobs."""
    kind, dumps = KIND_OF[type(event)], payloads.dumps
    data = dumps((kind, *event))
    whole = type(event) is CallsDone and len(event.indexes) > 1  # cut small enough already
    if whole or len(data) <= limits.PAYLOAD_BYTES:
        return data
    fields: list[Any] = list(event)
    apart: list[int] = []
    for number, name in enumerate(type(event)._fields):
        if name not in _PLACES and type(fields[number]) in (str, list, dict):
            encoded = dumps(fields[number])
            if len(encoded) > limits.PAYLOAD_BYTES // 8:
                fields[number] = payloads.put(encoded).hex()
                apart.append(number)
    return dumps((-kind, apart, *fields)) if apart else data


def _list(parts: list[bytes]) -> bytes:
    """The encoding of a list of items that are encoded already."""
    n = len(parts)
    head = bytes((0x90 | n,)) if n < 16 else b"\xdc" + n.to_bytes(2, "big")
    return head + b"".join(parts)


# --- reading ------------------------------------------------------------------------------------
def whole(job: str, first: int, data: bytes) -> Head:
    """The header of a segment whose bytes are as they were written; what they say is not looked at.

    Raises DamagedError, FormatVersionError.
    """
    if len(data) < HEADER.size:
        return head_of(data, _place(job, first))  # which refuses it
    head = _new(Head, HEADER.unpack_from(data))
    check, version, _, _, _ = head
    if crc32(memoryview(data)[4:]) != check:
        raise DamagedError(f"{_place(job, first)}: its checksum is wrong")
    if version != versions.JOURNAL:
        text = f"{_place(job, first)}: journal version {version} is unknown here"
        raise FormatVersionError(text)
    return head


def unpack(
    payloads: Payloads, job: str, first: int, data: bytes, before: bytes | None
) -> tuple[list[Event], Head]:
    """The events of a segment and its header.

    ``before`` None: the chain is taken as it is. Raises DamagedError where the bytes are not what
    was written here, FormatVersionError, SealedError.
    """
    place = _place(job, first)
    head = whole(job, first, data)
    body = data[HEADER.size :]
    if head.flags == SEALED:
        body = payloads.unseal(body, place)
    elif head.flags:
        raise DamagedError(f"{place}: its flags are unknown")
    if before is not None:
        chain = blake2b(before + _AT(first) + body, digest_size=16).digest()
        if chain != head.chain:
            raise DamagedError(f"{place}: it does not follow what stands before it")
    try:
        records = payloads.loads(body)
        if type(records) is not list:
            raise CodecError("a segment holds a list of records")
        events = [_event(payloads, record, place) for record in records]
    except (CodecError, ValueError) as exc:
        raise DamagedError(f"{place}: {exc}") from None
    if sum(map(weight, events)) != head.held:
        raise DamagedError(f"{place}: it does not hold the {head.held} events it should")
    return events, head


def _event(payloads: Payloads, record: Any, place: str) -> Event:
    if type(record) is list and record and type(record[0]) is int and record[0] < 0:
        kind, apart, *fields = record
        try:
            for number in apart:
                digest = bytes.fromhex(fields[number])
                fields[number] = payloads.loads(payloads.fetch(digest, place))
        except (TypeError, IndexError):
            raise CodecError("journal record: it does not say what is kept apart") from None
        record = [-kind, *fields]
    return from_record(record)
