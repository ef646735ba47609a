"""The service itself: whether it lives, what it does, what was done with it."""

from __future__ import annotations

from typing import Final

from ...engine.pages import page_of
from ...errors import RequestError, StoreError
from ...model.records import fields_of
from ..audit import Entry, page
from ..call import Answer, Call
from ..openapi import document
from ..routes import PAGE
from ..types import AuditEntry, AuditPage, Health

_FIELDS: Final = fields_of(Entry)


async def healthz(call: Call) -> Answer:
    """The process lives: it answers."""
    return Answer(Health(status="ok"))


async def readyz(call: Call) -> Answer:
    """Whether it can take work: it is not closing, its store answers and takes writes, jobs are
    run.
    """
    service = call.service
    detail = ""
    if service.closing:
        detail = "the service is closing"
    elif service.failure is not None:
        detail = "no more jobs are run here"
    else:
        try:
            await service.store.get([""])
            if service.store.locked():
                detail = "the store is locked by others"
        except StoreError:
            detail = "the store does not answer"
    if detail:
        return Answer(Health(status="unavailable", detail=detail), 503)
    return Answer(Health(status="ok"))


async def error(call: Call) -> Answer:
    """The page of a code, as it is shipped."""
    page = page_of(call.params["code"])
    if page is None:
        raise RequestError("there is no page of this code", status=404, code="RUNE-6521")
    return Answer(page.read_bytes(), media=f"{PAGE}; charset=utf-8")


async def openapi(call: Call) -> Answer:
    """The table of routes as OpenAPI."""
    said = document()
    return Answer(said | {"servers": [{"url": call.root}]} if call.root else said)


async def metrics(call: Call) -> Answer:
    """All metrics, of all tenants."""
    telemetry = call.service.telemetry
    if telemetry is None or telemetry.meter is None:
        raise RequestError("this service has no metrics", status=404, code="RUNE-6521")
    return Answer(await telemetry.scrape(), media=telemetry.content_type)


async def audit(call: Call) -> Answer:
    """A page of the audit log of the caller's tenant."""
    query = call.query
    found = await page(call.service.store, call.caller.tenant, query.cursor, query.limit)
    entries = [
        AuditEntry(**{name: getattr(one, name) for name in _FIELDS}) for one in found.entries
    ]
    return Answer(AuditPage(entries=entries, next=found.next))
