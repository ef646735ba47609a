"""An exported job: one file with all that is needed to replay it, and nothing that runs.

=======  =====  ==============================================================================
offset   bytes  content
=======  =====  ==============================================================================
0        8      ``RUNEJOB`` and a newline
8        1      version (``versions.EXPORT``)
9        8      bytes of the sections, big-endian
17       32     SHA-256 of the sections
49       -      sections: a kind (4 bytes), a length (8 bytes, big-endian), that many bytes
=======  =====  ==============================================================================

One section ``JOB `` (an object that describes the job, in the encoding of ``codec.py``), one
``BLUE`` (its Blueprint; a bare job has none), any number of ``BLOB`` (the 32 bytes of its digest,
then a payload that the journal keeps apart), and any number of ``SEGM``: the segments
(``segments.py``) from the first event on, chained. What a store had sealed is in the open here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from struct import Struct
from typing import Any, Final

from ..errors import BlueprintError, CodecError, DamagedError, ExportError, FormatVersionError
from . import blueprint_codec, versions
from .batches import weight
from .blueprint import Blueprint
from .events import Event
from .payloads import Payloads, decode_deep, encode_deep
from .rows import NamedTuple
from .segments import genesis, pack, unpack

MAGIC: Final = b"RUNEJOB\n"
_HEADER: Final = Struct(">8sBQ32s")
_SECTION: Final = Struct(">4sQ")
_JOB, _BLUEPRINT, _BLOB, _SEGMENT = b"JOB ", b"BLUE", b"BLOB", b"SEGM"
_DIGEST: Final = 32


class Export(NamedTuple):
    """What a file holds. ``job``: its row in words, at least ``id``; ``events``: its journal.

    ``blueprint``: None of a bare job.
    """

    job: dict[str, Any]
    blueprint: Blueprint | None
    events: list[Event]


# --- writing ------------------------------------------------------------------------------------
def encode_export(
    job: Mapping[str, Any], blueprint: bytes | None, events: Sequence[Event]
) -> bytes:
    """The file of a job: its description, its encoded Blueprint, its journal from the start."""
    blobs: dict[str, bytes] = {}
    payloads = Payloads(blobs.__setitem__, blobs.get)
    id_ = str(job["id"])
    parts = [_section(_JOB, encode_deep(dict(job)))]
    if blueprint is not None:
        parts.append(_section(_BLUEPRINT, blueprint))
    segments = pack(payloads, id_, 0, genesis(id_), events) if events else []
    parts += [_section(_BLOB, bytes.fromhex(name) + data) for name, data in blobs.items()]
    parts += [_section(_SEGMENT, segment.data) for segment in segments]
    body = b"".join(parts)
    return _HEADER.pack(MAGIC, versions.EXPORT, len(body), sha256(body).digest()) + body


def _section(kind: bytes, data: bytes) -> bytes:
    return _SECTION.pack(kind, len(data)) + data


# --- reading ------------------------------------------------------------------------------------
def decode_export(data: bytes) -> Export:
    """What a file holds.

    Raises ExportError for what is no such file, FormatVersionError for one of another version,
    DamagedError for one that is not what was written, BlueprintError for its Blueprint.
    """
    body = _body(data)
    job: dict[str, Any] | None = None
    blueprint: Blueprint | None = None
    blobs: dict[str, bytes] = {}
    segments: list[bytes] = []
    for kind, part in _sections(body):
        if kind == _JOB and job is None:
            job = _job(part)
        elif kind == _BLUEPRINT and blueprint is None:
            blueprint = _blueprint(part)
        elif kind == _BLOB and len(part) > _DIGEST:
            blobs[part[:_DIGEST].hex()] = part[_DIGEST:]
        elif kind == _SEGMENT:
            segments.append(part)
        else:
            raise DamagedError(f"the export has a section {kind!r} that does not belong there")
    if job is None or (blueprint is None) != (job.get("kind") == "bare"):
        raise DamagedError("the export lacks its job or its Blueprint")
    return Export(job, blueprint, _events(str(job["id"]), segments, blobs))


def _body(data: bytes) -> bytes:
    """The sections, which are what was written."""
    if not data.startswith(MAGIC):
        raise ExportError("this is no exported job; `rune jobs export ID` makes one")
    if len(data) < _HEADER.size:
        raise DamagedError("the export is cut off in its first bytes")
    _, version, size, digest = _HEADER.unpack_from(data)
    if version != versions.EXPORT:
        raise FormatVersionError(f"an export of version {version} is unknown here")
    body = data[_HEADER.size :]
    if len(body) != size:
        what = "is cut off" if len(body) < size else "has more behind its end"
        raise DamagedError(f"the export {what}: {len(body)} bytes of {size}")
    if sha256(body).digest() != digest:
        raise DamagedError("the export is not what was written: its checksum is wrong")
    return body


def _sections(body: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 0
    while at < len(body):
        if len(body) - at < _SECTION.size:
            raise DamagedError("the export ends within a section")
        kind, size = _SECTION.unpack_from(body, at)
        at += _SECTION.size
        if size > len(body) - at:
            raise DamagedError("the export ends within a section")
        yield kind, body[at : at + size]
        at += size


def _job(data: bytes) -> dict[str, Any]:
    try:
        found = decode_deep(data)
    except CodecError as exc:
        raise DamagedError(f"the export's job: {exc}") from None
    if not isinstance(found, dict) or not isinstance(found.get("id"), str):
        raise DamagedError("the export's job has no id")
    return found


def _blueprint(data: bytes) -> Blueprint:
    try:
        return blueprint_codec.decode(data)
    except CodecError as exc:
        raise BlueprintError(f"the export's Blueprint: {exc}") from None


def _events(job: str, segments: Sequence[bytes], blobs: Mapping[str, bytes]) -> list[Event]:
    payloads = Payloads(lambda name, data: None, blobs.get)
    events: list[Event] = []
    first, before = 0, genesis(job)
    for data in segments:
        found, head = unpack(payloads, job, first, data, before)
        events += found
        first, before = first + sum(map(weight, found)), head.chain
    return events
