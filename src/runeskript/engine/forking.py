"""Forking a job in a store: a new job whose journal begins as another one's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import ForkError, JobExistsError, JobNotFoundError, NotAValueError, RuntimeOptionError
from ..kernel import replay
from ..kernel.forking import plan_fork
from ..kernel.machine import data_of, state_of
from ..model.values import normalise
from ..stores.base import HELD, JobRow, Store
from . import requests
from .ids import Ids
from .retrying import program_of


async def fork_job(
    store: Store,
    ids: Ids,
    id_: str,
    position: int,
    variables: Mapping[str, object] | None,
    key: str | None,
    labels: Mapping[str, str] | None,
    new_id: str | None = None,
    *,
    hold: bool = False,
) -> JobRow:
    """The row of the fork, which is stored and not begun; needs no handlers.

    ``new_id``: its id; where a job of the tenant has it already, that one is the fork. ``hold``: it
    waits until it is told to go on.

    Raises JobNotFoundError, JobExistsError for the key, ForkError, RuntimeOptionError, and the
    errors of a job that cannot be read.
    """
    if type(position) is not int:
        raise RuntimeOptionError("the position of a fork is a number")
    own = requests.labels(labels)
    if key is not None:
        requests.name(key, "the key")
    try:
        patch = {str(name): normalise(value) for name, value in (variables or {}).items()}
    except NotAValueError as exc:
        raise RuntimeOptionError(f"a variable cannot be set: {exc.message}") from None
    loaded = await store.load(id_, whole=True)
    if loaded is None:
        raise JobNotFoundError(f"no job has the id {id_}")
    origin = loaded.row
    if origin.kind == "call" and origin.parent is not None:
        raise ForkError(f"job {id_} is a call of job {origin.parent.job}; fork that one")
    if origin.kind == "bare":
        raise ForkError(f"job {id_} is bare: it runs nothing; create another one with its data")
    program = await program_of(store, origin)
    now, new = store.now(), ids.job_id() if new_id is None else requests.name(new_id, "an id")
    if new_id is not None:
        (there,) = await store.get([new_id])
        if there is not None and there.tenant == origin.tenant:
            return there
    events = plan_fork(
        program, loaded.events, position, {"id": new, "key": key}, id_, now, ids.seed(), patch
    )
    table = program.blueprint.machine
    stands: dict[str, Any] = {}
    if table is not None:
        run = replay(program, events)
        stands = {"kind": "machine", "state": state_of(table, run), "data": data_of(table, run)}
        if not isinstance(stands["data"], dict):
            raise ForkError("a machine's data is an object")
    row = JobRow(
        id=new,
        key=key,
        labels={**origin.labels, **own},
        skript=origin.skript,
        version=origin.version,
        blueprint=origin.blueprint,
        ast_hash=origin.ast_hash,
        input=origin.input,
        created_at=now,
        updated_at=now,
        depth=origin.depth,
        tenant=origin.tenant,
        handlers=origin.handlers,
        queue=origin.queue,
        priority=origin.priority,
        due=HELD if hold else None,
        **stands,
    )
    (submitted,) = await store.submit([row], "reject", {new: events})
    if submitted.outcome == "exists":
        if submitted.row.id == new and submitted.row.tenant == origin.tenant:
            return submitted.row  # it was forked at the same time
        raise JobExistsError(submitted.row.id, key)
    return submitted.row
