"""Documents: deploying, listing, comparing and checking them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta

from .base import Limit, Request, Text, View
from .problems import Finding


class Deploy(Request):
    """A document to be known by its name (and version)."""

    document: str | dict[str, Any]


class DeployedView(View):
    """A deployed version of a skript or a machine."""

    name: str
    version: int
    kind: Literal["skript", "machine"]
    digest: str
    ast_hash: str


class SourceView(DeployedView):
    """A deployed version with the text it was compiled from; null where it was built without."""

    source: str | None


class DeployedPage(View):
    """Deployed versions by name; ``next``: the ``cursor`` of the page behind it."""

    deployed: list[DeployedView]
    next: str | None


class DeployedQuery(Request):
    """A page of what is deployed."""

    limit: Limit = 100
    cursor: Text | None = None


class DiffQuery(Request, rename={"old": "from", "new": "to"}):
    """Two versions."""

    old: Annotated[int, Meta(ge=1)]
    new: Annotated[int, Meta(ge=1)]


class Check(Request):
    """A document to be diagnosed."""

    document: str | dict[str, Any]


class Checked(View):
    """All that is wrong with a document; ``ok``: it compiles."""

    ok: bool
    diagnostics: list[Finding]
