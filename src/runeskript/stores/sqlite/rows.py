"""Job rows as SQLite keeps them.

What never changes is one payload (``head``), so that it is checked as a whole; the columns beside
it are there to be searched. What people see of the rest has a checksum (``sum``). Input, output,
error and data are payloads of their own; ``bodies`` says which of them there are.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final
from zlib import crc32

from ...errors import DamagedError, FormatVersionError, SealedError, StoreDamagedError
from ...model.events import Status
from ...model.machine import TRANSITIONS
from ...model.payloads import Payloads
from ..rows import JobRow, ParentRef

#: Places of a job's payloads: job number * 4 + one of these.
INPUT, OUTPUT, ERROR, DATA = range(4)
PLACES: Final = ("input", "output", "error", "data")

COLUMNS: Final = (
    "job.number, job.head, job.updated_at, job.status, job.state, job.reason, job.epoch, "
    "worker.id, job.due, job.claims, job.bodies, job.sum, job.seq, job.id"
)
FROM: Final = "FROM job LEFT JOIN worker ON worker.number = job.owner"


def sum_of(
    status: str, state: str, reason: str | None, updated_at: int, seq: int, bodies: int
) -> int:
    """The checksum of what changes in a row and is shown to people."""
    return crc32(f"{status}\0{state}\0{reason}\0{updated_at}\0{seq}\0{bodies}".encode())


def pack_head(payloads: Payloads, row: JobRow) -> bytes:
    """What never changes of a row."""
    parent = row.parent
    fields = [
        row.id,
        row.key,
        row.labels,
        row.skript,
        row.version,
        row.blueprint,
        row.ast_hash,
        row.created_at,
        row.depth,
        None if parent is None else [parent.job, parent.path, parent.n, parent.step],
        row.tenant,
        row.kind,
        row.handlers,
        row.queue,
        row.priority,
    ]
    return payloads.pack(fields, f"{row.id}/head")


def unpack_row(
    payloads: Payloads, columns: Sequence[Any], bodies: Iterable[bytes | None], length: int
) -> JobRow:
    """A row from its ``COLUMNS``, its payloads (``PLACES``), and the length of its journal."""
    number, head, updated_at, status, state, reason, epoch, owner, due, claims = columns[:-4]
    there, check, seq, id_ = columns[-4:]
    values: list[Any] = [None] * len(PLACES)
    found = 0
    unpack = payloads.unpack
    try:
        (of, key, labels, skript, version, blueprint, ast_hash, created_at, depth, parent,
         tenant, kind, handlers, queue, priority) = unpack(head, f"{id_}/head")  # fmt: skip
        for what, data in enumerate(bodies):
            if data is not None:
                values[what] = unpack(data, f"{id_}/{PLACES[what]}")
                found |= 1 << what
        if status not in TRANSITIONS:
            raise DamagedError(f"there is no status {status!r}")
        if of != id_ or check != sum_of(status, state, reason, updated_at, seq, there):
            raise DamagedError("its row is not what was written")
        if there != found:
            raise DamagedError("a part of it is missing")
    except (DamagedError, FormatVersionError, SealedError) as exc:
        raise StoreDamagedError(f"job {id_}: {exc}", job=id_) from exc
    above = None
    if parent is not None:
        above = ParentRef(parent[0], tuple(parent[1]), parent[2], parent[3])
    now: Status = status
    return JobRow(
        id_,
        key,
        labels,
        skript,
        version,
        blueprint,
        ast_hash,
        values[INPUT],
        created_at,
        updated_at,
        now,
        state,
        values[OUTPUT],
        values[ERROR],
        epoch,
        length,
        depth,
        above,
        tenant,
        kind,
        tuple(handlers),
        queue,
        priority,
        owner,
        due,
        reason,
        values[DATA],
        claims,
        number,
    )
