"""What the client asks for of documents, and of the service itself; as ``asks``."""

from __future__ import annotations

from typing import Any

from ..service import types as t
from ..service.routes import METRICS
from .ask import Ask, Paged
from .asks import PAGE, Document


# --- documents ------------------------------------------------------------------------------------
def check(document: Document) -> Ask[t.Checked]:
    """All that is wrong with a document; nothing is run."""
    return Ask("check", t.Checked, body=t.Check(document=document))


def deploy(document: Document, *, idempotency_key: str | None = None) -> Ask[t.DeployedView]:
    """Make a skript known by its name. Raises CompileError, VersionConflictError."""
    body = t.Deploy(document=document)
    return Ask("skripts.deploy", t.DeployedView, body=body, key=idempotency_key)


def deploy_machine(
    document: Document, *, idempotency_key: str | None = None
) -> Ask[t.DeployedView]:
    """Make a machine known by its name. Raises CompileError, VersionConflictError."""
    body = t.Deploy(document=document)
    return Ask("machines.deploy", t.DeployedView, body=body, key=idempotency_key)


def _deployed(name: str) -> Paged[t.DeployedPage, t.DeployedView]:
    def page(cursor: str | None) -> Ask[t.DeployedPage]:
        return Ask(name, t.DeployedPage, query=t.DeployedQuery(limit=PAGE, cursor=cursor))

    return Paged(page, lambda found: found.deployed, lambda found: found.next)


def skripts() -> Paged[t.DeployedPage, t.DeployedView]:
    """The skripts that are deployed, all versions."""
    return _deployed("skripts.list")


def machines() -> Paged[t.DeployedPage, t.DeployedView]:
    """The machines that are deployed, all versions."""
    return _deployed("machines.list")


def skript_versions(name: str) -> Ask[t.DeployedPage]:
    """The versions of a skript. Raises UnknownSkriptError."""
    return Ask("skripts.versions", t.DeployedPage, {"name": name})


def machine_versions(name: str) -> Ask[t.DeployedPage]:
    """The versions of a machine. Raises UnknownSkriptError."""
    return Ask("machines.versions", t.DeployedPage, {"name": name})


def skript_source(name: str, version: int) -> Ask[t.SourceView]:
    """A version of a skript, with its text. Raises UnknownSkriptError."""
    return Ask("skripts.source", t.SourceView, {"name": name, "version": str(version)})


def machine_source(name: str, version: int) -> Ask[t.SourceView]:
    """A version of a machine, with its text. Raises UnknownSkriptError."""
    return Ask("machines.source", t.SourceView, {"name": name, "version": str(version)})


def skript_diff(name: str, old: int, new: int) -> Ask[dict[str, Any]]:
    """What differs between two versions of a skript."""
    query = t.DiffQuery(old=old, new=new)
    return Ask("skripts.diff", dict[str, Any], {"name": name}, query=query)


def machine_diff(name: str, old: int, new: int) -> Ask[dict[str, Any]]:
    """What differs between two versions of a machine."""
    query = t.DiffQuery(old=old, new=new)
    return Ask("machines.diff", dict[str, Any], {"name": name}, query=query)


# --- the service itself ---------------------------------------------------------------------------
def audit() -> Paged[t.AuditPage, t.AuditEntry]:
    """Every change that was made or refused, newest last."""

    def page(cursor: str | None) -> Ask[t.AuditPage]:
        return Ask("audit", t.AuditPage, query=t.AuditQuery(limit=PAGE, cursor=cursor))

    return Paged(page, lambda found: found.entries, lambda found: found.next)


def metrics() -> Ask[str]:
    """Metrics in the text format of Prometheus."""
    return Ask("metrics", METRICS)


def healthz() -> Ask[t.Health]:
    """Whether the process lives."""
    return Ask("healthz", t.Health)


def readyz() -> Ask[t.Health]:
    """Whether it can take work."""
    return Ask("readyz", t.Health)


def openapi() -> Ask[dict[str, Any]]:
    """The routes as OpenAPI 3.1."""
    return Ask("openapi", dict[str, Any])
