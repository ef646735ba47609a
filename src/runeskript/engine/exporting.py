"""Exporting a job: its row, its Blueprint and its whole journal as one file's bytes."""

from __future__ import annotations

from typing import Any

from ..errors import JobNotFoundError, StoreError
from ..model.exports import encode_export
from ..stores.base import JobRow, Store
from .apart import apart


async def export_job(store: Store, id_: str) -> bytes:
    """The file of a job as it is now (``model/exports.py``).

    Raises JobNotFoundError, StoreError where its Blueprint or its first events are not kept any
    more (RUNE-7011), and the errors of a damaged store.
    """
    loaded = await store.load(id_, whole=True)
    if loaded is None:
        raise JobNotFoundError(f"no job has the id {id_}")
    row = loaded.row
    blueprint = None
    if row.kind != "bare":
        blueprint = await store.get_blob(row.blueprint)
    if blueprint is None and row.kind != "bare":
        raise StoreError(f"job {id_}: its Blueprint {row.blueprint[:12]} is not in the store")
    described = _described(row, store.now())
    return await apart(loaded, encode_export, described, blueprint, loaded.events)


def _described(row: JobRow, now: int) -> dict[str, Any]:
    parent = None if row.parent is None else row.parent.job
    return {
        "id": row.id,
        "kind": row.kind,
        "skript": row.skript,
        "version": row.version,
        "key": row.key,
        "labels": row.labels,
        "status": row.status,
        "state": row.state,
        "reason": row.reason,
        "parent": parent,
        "blueprint": row.blueprint,
        "created_at": row.created_at,
        "updated_at": row.updated_at,
        "exported_at": now,
        "input": row.input,
        "data": row.data,
        "output": row.output,
        "error": row.error,
    }
