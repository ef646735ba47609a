"""What is deployed: the names and versions of skripts, each a record of the store.

A deployed skript has a name and a version; the record ``NAME@VERSION`` holds the digest of its
Blueprint and the hash of its AST. The same version with another AST is refused. Each tenant has
skripts of its own: but for the tenant without a name they are the records ``TENANT/NAME@VERSION``.
"""

from __future__ import annotations

from typing import Any, Final, Literal

from ..errors import RuneskriptError, VersionConflictError
from ..model import blueprint_codec
from ..model.blueprint import Blueprint
from ..model.rows import NamedTuple
from ..stores.base import Store

#: Attempts to write a version number that others write too.
RACES: Final = 20


class Deployed(NamedTuple):
    """One deployed version."""

    name: str
    version: int
    digest: str
    ast_hash: str
    kind: Literal["skript", "machine"] = "skript"


class Deployments:
    """What is deployed in a store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def blueprint(self, digest: str) -> Blueprint | None:
        """A Blueprint that was put, or None; whether its handlers are here or not."""
        data = await self._store.get_blob(digest)
        return None if data is None else blueprint_codec.decode(data)

    async def enter(self, blueprint: Blueprint, digest: str, tenant: str) -> Deployed:
        """Write down a Blueprint that was put under its name. Without a version of its own it gets
        the next integer, or keeps its number where its AST is the latest already. Raises
        VersionConflictError.
        """
        for _ in range(RACES):
            versions = await self.versions(blueprint.name, tenant)
            kind = "skript" if blueprint.machine is None else "machine"
            if any(one.kind != kind for one in versions):
                raise VersionConflictError(
                    f"{blueprint.name} is deployed already, and is no {kind}; give it another name"
                )
            version = blueprint.version
            if version is None:
                if versions and versions[-1].ast_hash == blueprint.ast_hash:
                    version = versions[-1].version
                else:
                    version = versions[-1].version + 1 if versions else 1
            name = f"{owned_name(tenant, blueprint.name)}@{version}"
            entry: dict[str, Any] = {
                "name": blueprint.name,
                "version": version,
                "digest": digest,
                "ast_hash": blueprint.ast_hash,
                "kind": kind,
            }
            known = await self._store.get_record("skripts", name)
            if known is not None and _deployed(known.value).ast_hash != blueprint.ast_hash:
                raise VersionConflictError(
                    f"{name} is deployed already, with another content; give it a new version"
                )
            before = 0 if known is None else known.version
            blobs = [digest]
            if await self._store.put_record("skripts", name, entry, before, blobs) is not None:
                return _deployed(entry)
        raise RuneskriptError(f"cannot deploy {blueprint.name}: others write it all the time")

    async def versions(self, name: str, tenant: str = "") -> list[Deployed]:
        """All deployed versions of a tenant's name, lowest first."""
        records = await self._store.list_records("skripts", f"{owned_name(tenant, name)}@")
        # No name has a slash in it, so that of somebody else's record is none that is asked for.
        found = (_deployed(one.value) for one in records)
        return sorted((one for one in found if one.name == name), key=lambda one: one.version)

    async def deployed(
        self, tenant: str, kind: str | None, after: str, limit: int
    ) -> tuple[list[Deployed], str | None]:
        """Deployed versions of a tenant by the names of their records, at most ``limit`` of a kind
        (None: of any), behind ``after``; and what the page behind them is to begin after.
        """
        prefix = owned_name(tenant, "")
        found: list[Deployed] = []
        at = prefix + after
        while True:
            records = await self._store.list_records("skripts", prefix, at, limit + 1)
            for record in records:
                if len(found) == limit:
                    return found, at.removeprefix(prefix)
                one = _deployed(record.value)
                # Records of other tenants stand among those of who has no name.
                if kind in (None, one.kind) and record.name == f"{prefix}{one.name}@{one.version}":
                    found.append(one)
                at = record.name
            if len(records) <= limit:
                return found, None

    async def find(self, name: str, version: int | None, tenant: str = "") -> Deployed | None:
        """A deployed version; the highest where none is named."""
        if version is None:
            versions = await self.versions(name, tenant)
            return versions[-1] if versions else None
        record = await self._store.get_record("skripts", f"{owned_name(tenant, name)}@{version}")
        deployed = None if record is None else _deployed(record.value)
        # No name has a slash in it, so that of somebody else's record is none that is asked for.
        return deployed if deployed is not None and deployed.name == name else None


def owned_name(tenant: str, name: str) -> str:
    """What the record of a tenant's skript or schedule is called."""
    return f"{tenant}/{name}" if tenant else name


def _deployed(value: Any) -> Deployed:
    digest, ast_hash = value["digest"], value["ast_hash"]
    return Deployed(value["name"], value["version"], digest, ast_hash, value["kind"])
