"""Which table of the policy a document goes by, and whether its jobs may use what they name.

Where a document is submitted or deployed, a job forked or retried, whoever asks is refused. A job
that was submitted elsewhere (by a process without the policy, or under an older one) is looked at
when it is claimed, and parked.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Final

from ..errors import NotAllowedError
from ..model.blueprint import Blueprint, pins
from ..model.recent import Recent
from ..stores.base import JobRow, Store
from .deployed import Deployments
from .policy import Grants, Policy
from .queued import secrets_in

#: Documents that are known to be deployed, and Blueprints that are known to be allowed.
KNOWN: Final = 256
#: Deployed versions that are read at once.
PAGE: Final = 100


class Rights:
    """What the documents of one store may use by a policy."""

    def __init__(self, policy: Policy, store: Store, deployments: Deployments) -> None:
        self._policy = policy
        self._store = store
        self._deployments = deployments
        #: By tenant, name and AST, what is known to be deployed; it stays so.
        self._deployed: Recent[tuple[str, str, str], None] = Recent(KNOWN)
        #: By grants and digest, what is known to be within them.
        self._fine: Recent[tuple[int, str], None] = Recent(KNOWN)

    async def permit(
        self, blueprints: Sequence[Blueprint], tenant: str, *, deploying: bool = False
    ) -> None:
        """Refuse a Blueprint, the first of those given, that names what it may not use; the others
        go with it. Raises NotAllowedError.
        """
        first = blueprints[0]
        deployed = deploying or await self._is_deployed(tenant, first.name, first.ast_hash)
        policy = self._policy
        grants = policy.deployed(first.name, tenant) if deployed else policy.carried()
        for blueprint in blueprints:
            grants.check(blueprint)

    async def admit(self, row: JobRow) -> None:
        """Refuse a job whose Blueprint, or what that pins, names what its document may not use.

        Raises NotAllowedError, BlueprintError.
        """
        if not row.blueprint:
            return  # it runs nothing
        grants = await self._known(row)
        if grants is not None:
            await self._check(grants, row)
            return
        try:
            await self._check(self._policy.carried(), row)
        except NotAllowedError as refused:
            # Of a part that is on its own nothing but its digest leads to its document.
            async for name in self._pinning(row):
                try:
                    await self._check(self._policy.deployed(name, row.tenant), row)
                except NotAllowedError:
                    continue
                return
            raise refused from None

    async def _check(self, grants: Grants, row: JobRow) -> None:
        """What is not in the store is somebody else's to find: it runs nowhere."""
        secrets = secrets_in(row)
        key = id(grants), row.blueprint  # those of a policy stay
        if key in self._fine and not secrets:
            return
        async for blueprint in self._with_pins(row.blueprint):
            grants.check(blueprint, secrets)
        self._fine[key] = None

    async def of(self, job: str) -> Grants:
        """What the document of a job may use."""
        (row,) = await self._store.get([job])
        grants = None if row is None else await self._known(row)
        return self._policy.carried() if grants is None else grants

    async def _known(self, row: JobRow | None) -> Grants | None:
        """By the deployed document that a job runs, or one above it does: what a document pins, and
        its calls on queues, go with it. None where there is none.
        """
        while row is not None:
            if await self._is_deployed(row.tenant, row.skript, row.ast_hash):
                return self._policy.deployed(row.skript, row.tenant)
            if row.parent is None:
                break
            (row,) = await self._store.get([row.parent.job])
        return None

    async def _is_deployed(self, tenant: str, name: str, ast_hash: str) -> bool:
        key = (tenant, name, ast_hash)
        if key in self._deployed:
            return True
        versions = await self._deployments.versions(name, tenant)
        if not any(one.name == name and one.ast_hash == ast_hash for one in versions):
            return False
        self._deployed[key] = None
        return True

    async def _pinning(self, row: JobRow) -> AsyncIterator[str]:
        """The names of deployed documents that pin the Blueprint of a job, or what they pin does.

        They are read one by one, which is for what would be refused else: a detached child, or
        what is done on a failure, that another worker has created.
        """
        after: str | None = ""
        while after is not None:
            page, after = await self._deployments.deployed(row.tenant, None, after, PAGE)
            for one in page:
                async for found in self._with_pins(one.digest):
                    if row.blueprint in pins(found):
                        yield one.name
                        break

    async def _with_pins(self, digest: str) -> AsyncIterator[Blueprint]:
        """A Blueprint and those that it pins, and they do, as far as they are in the store."""
        todo, seen = [digest], {digest}
        while todo:
            found = await self._deployments.blueprint(todo.pop())
            if found is not None:
                yield found
                fresh = [one for one in pins(found) if one not in seen]
                seen.update(fresh)
                todo += fresh
