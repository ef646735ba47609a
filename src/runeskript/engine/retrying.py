"""Whether a job may be retried from its failed step, before anybody is asked to do it."""

from __future__ import annotations

from ..errors import JobNotFoundError, RetryError, StoreError
from ..kernel import Program, load
from ..kernel.retrying import plan_retry
from ..model import blueprint_codec
from ..stores.base import JobRow, Store
from ..stores.rows import ERASED


async def check_retry(store: Store, id_: str) -> None:
    """Raises JobNotFoundError, RetryError (RUNE-6013) and the errors of a job that cannot be read.

    Needs the store alone, not the handlers.
    """
    (known,) = await store.get([id_])
    if known is not None and known.reason == ERASED:
        raise RetryError(f"job {id_} was erased: there is nothing to go on from")
    loaded = await store.load(id_, whole=True)
    if loaded is None:
        raise JobNotFoundError(f"no job has the id {id_}")
    row = loaded.row
    if row.status != "Failed":
        raise RetryError(f"job {id_} is {row.status}: only failed jobs are retried")
    if row.parent is not None:
        raise RetryError(
            f"job {id_} is a part of job {row.parent.job}, which has been told of its end; "
            "retry that one"
        )
    if row.kind == "bare":
        return
    plan_retry(await program_of(store, row), loaded.events, store.now())


async def program_of(store: Store, row: JobRow) -> Program:
    """The program of a job, whatever handlers are here. Raises StoreError, BlueprintError."""
    blueprint = await store.get_blob(row.blueprint)
    if blueprint is None:
        raise StoreError(f"job {row.id}: its Blueprint {row.blueprint[:12]} is not in the store")
    return load(blueprint_codec.decode(blueprint))
