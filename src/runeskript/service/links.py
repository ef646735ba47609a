"""Where the answer of a route leads: which request may follow, and what of the answer it takes.

``/openapi.json`` has them as links, so programs (and tests) find their way from what they have made
to all that can be done with it.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final, NamedTuple

from msgspec.structs import fields as fields_of

from .routes import ROUTES, Route
from .types import DeployedView, JobView


class Link(NamedTuple):
    """``takes``: parameter of the route ``to`` -> runtime expression (OpenAPI 3.1, 4.8.20.4).
    ``body``: fields of its body, likewise.
    """

    to: str
    takes: dict[str, str] = {}  # noqa: RUF012 - nobody changes it
    body: dict[str, str] | None = None

    def shown(self) -> dict[str, Any]:
        """As OpenAPI has it."""
        found: dict[str, Any] = {"operationId": self.to}
        if self.takes:
            found["parameters"] = self.takes
        if self.body is not None:
            found["requestBody"] = self.body
        return found


_SAME: Final = {"path.id": "$request.path.id"}
_TAG: Final = "$response.header.ETag"
_DOCUMENT: Final = {"document": "$request.body#/document"}
#: By hand: what follows from the meaning of an answer.
_LINKS: Final[dict[str, tuple[Link, ...]]] = {
    "jobs.list": (Link("jobs.get", {"path.id": "$response.body#/jobs/0/id"}),),
    "batch": (Link("jobs.get", {"path.id": "$response.body#/outcomes/0/id"}),),
    "check": (
        Link("skripts.deploy", body=_DOCUMENT),
        Link("machines.deploy", body=_DOCUMENT),
        Link("jobs.submit", body=_DOCUMENT),
    ),
    "jobs.get": (
        Link("jobs.get", {**_SAME, "header.If-None-Match": _TAG}),
        Link("jobs.move", {**_SAME, "header.If-Match": _TAG}),
    ),
    "jobs.history": (
        Link("jobs.history", {
            **_SAME, "query.from": "$response.body#/next", "query.limit": "$request.query.limit",
        }),
    ),
    "jobs.why": (
        Link("jobs.move", _SAME, {"event": "$response.body#/detail/events/0"}),
        Link("jobs.signal", _SAME, {
            "topic": "$response.body#/detail/topic", "key": "$response.body#/detail/key",
        }),
        Link("jobs.complete", _SAME, {"token": "$response.body#/detail/token"}),
    ),
}  # fmt: skip


@cache
def links(route: Route) -> tuple[Link, ...]:
    """All that an answer of success leads to."""
    found = _LINKS.get(route.name, ())
    if route.answer is JobView and route.ok[0] == 201:  # it makes a job
        taken = {"path.id": "$response.body#/id"}
        found += tuple(Link(one.name, taken) for one in ROUTES if one.path.startswith("/jobs/{id}"))
    elif route.answer is DeployedView and route.body is not None:
        found += _deployed(route.name.partition(".")[0])
    return (*found, *_further(route))


def _deployed(kind: str) -> tuple[Link, ...]:
    name, version = "$response.body#/name", "$response.body#/version"
    return (
        Link(f"{kind}.versions", {"path.name": name}),
        Link(f"{kind}.source", {"path.name": name, "path.version": version}),
        Link(f"{kind}.diff", {"path.name": name, "query.to": version}),
        Link("jobs.submit", body={kind.removesuffix("s"): name}),
    )


def _further(route: Route) -> tuple[Link, ...]:
    """The page behind this one, of the same search."""
    names = () if route.query is None else [one.encode_name for one in fields_of(route.query)]
    if "cursor" not in names:
        return ()
    same = {f"query.{name}": f"$request.query.{name}" for name in names if name != "after"}
    return (Link(route.name, same | {"query.cursor": "$response.body#/next"}),)
