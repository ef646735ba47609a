"""Documents: deploying, listing, comparing and checking them."""

from __future__ import annotations

from typing import Any, Final

from ...engine.skripts import Deployed
from ...errors import RequestError
from ..call import Answer, Call
from ..problems import findings
from ..types import Checked, DeployedView

#: The first part of a route's name -> what it is about.
_KINDS: Final = {"skripts": "skript", "machines": "machine"}


def _kind(call: Call) -> str:
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
    return Answer(_shown(found, kind), 200 if found in before else 201)


def _shown(found: Deployed, kind: Any) -> DeployedView:
    return DeployedView(
        name=found.name,
        version=found.version,
        kind=kind,
        digest=found.digest,
        ast_hash=found.ast_hash,
    )


async def check(call: Call) -> Answer:
    """All that is wrong with a document."""
    found = await call.service.programs.diagnosed(call.body.document)
    ok = not any(one.severity == "error" for one in found)
    return Answer(Checked(ok=ok, diagnostics=findings(found)))
