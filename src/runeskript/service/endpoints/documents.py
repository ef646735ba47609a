"""Documents: deploying, listing, comparing and checking them."""

from __future__ import annotations

from typing import Final, Literal

from ...engine.deployed import Deployed
from ...errors import RequestError, UnknownSkriptError
from ...model.limits import NAME
from ..call import Answer, Call
from ..problems import findings
from ..types import Checked, DeployedPage, DeployedView, SourceView

#: The first part of a route's name -> what it is about.
_KINDS: Final[dict[str, Literal["skript", "machine"]]] = {
    "skripts": "skript",
    "machines": "machine",
}


def _kind(call: Call) -> Literal["skript", "machine"]:
    return _KINDS[call.route.name.partition(".")[0]]


async def deploy(call: Call) -> Answer:
    """Make a document known; 200 where it was already."""
    service, tenant = call.service, call.caller.tenant
    kind = _kind(call)
    compiled = await service.programs.compiled(call.body.document)
    given = "skript" if compiled.blueprint.machine is None else "machine"
    if given != kind:
        raise RequestError(f"the document is a {given}: PUT /{given}s takes it", status=422)
    before = await service.runtime.skripts.versions(compiled.blueprint.name, tenant)
    found = await service.runtime.deploy(compiled, tenant=tenant)
    return Answer(_shown(found), 200 if found in before else 201)


def _shown(found: Deployed) -> DeployedView:
    return DeployedView(**found._asdict())


async def deployed(call: Call) -> Answer:
    """A page of what is deployed, of the one kind."""
    query = call.query
    found, more = await call.service.runtime.deployed(
        kind=_kind(call), tenant=call.caller.tenant, limit=query.limit, after=query.cursor or ""
    )
    return Answer(DeployedPage(deployed=list(map(_shown, found)), next=more))


async def versions(call: Call) -> Answer:
    """All versions of a name."""
    found = await _versions(call)
    return Answer(DeployedPage(deployed=list(map(_shown, found)), next=None))


async def _versions(call: Call) -> list[Deployed]:
    """Those of the route's kind. Raises UnknownSkriptError."""
    runtime, kind, name = call.service.runtime, _kind(call), call.params["name"]
    found = await runtime.versions(name, tenant=call.caller.tenant)
    if found[-1].kind != kind:
        raise UnknownSkriptError(f"no {kind} is deployed as {name}")
    return found


async def source(call: Call) -> Answer:
    """One version, with its text."""
    text = call.params["version"]
    for one in await _versions(call):
        if str(one.version) == text:
            runtime, tenant = call.service.runtime, call.caller.tenant
            found = await runtime.source(one.name, one.version, tenant=tenant)
            return Answer(SourceView(**one._asdict(), source=found))
    raise UnknownSkriptError(f"there is no version {text[:NAME]!r} of it")


async def diff(call: Call) -> Answer:
    """What differs between two versions."""
    await _versions(call)
    query, tenant = call.query, call.caller.tenant
    name = call.params["name"]
    found = await call.service.runtime.diff(name, query.old, query.new, tenant=tenant)
    return Answer(found.shown())


async def check(call: Call) -> Answer:
    """All that is wrong with a document."""
    found = await call.service.programs.diagnosed(call.body.document)
    ok = not any(one.severity == "error" for one in found)
    return Answer(Checked(ok=ok, diagnostics=findings(found)))
