"""``/openapi.json``: the table of routes and the types that serve it, as OpenAPI 3.1.

Nothing is written here by hand but what is the same for every route: statuses that any of its kind
may answer with, headers, and how one says who one is.
"""

from __future__ import annotations

from functools import cache
from importlib.metadata import version
from typing import Any, Final

import msgspec

from .call import KEY, KEYS
from .links import links
from .routes import ANY, BYTES, DOCUMENTS, METRICS, PAGE, ROUTES, STREAM, Route
from .types import EVENT_ID, FEED_ID, FeedQuery, Problem

_REFS: Final = "#/components/schemas/{name}"
_PROBLEM: Final = "application/problem+json"
#: What each status means, where its answer says no more.
STATUSES: Final = {
    200: "Done.",
    201: "Created.",
    202: "Accepted: it is durable, and happens next.",
    204: "There is nothing more.",
    304: "It is as you know it.",
    400: "The request cannot be read.",
    401: "It needs a token, and this is none that lets one in.",
    403: "The token, or the role, does not allow it.",
    404: "There is none, or it is another tenant's.",
    409: "It cannot be done as things are.",
    412: "The job has another revision by now.",
    413: "The body is too large.",
    415: "The body is to be JSON.",
    421: "The service is not called by this name.",
    422: "The request can be read, and says what cannot be.",
    429: "Too many requests; `Retry-After` says when to come again.",
    500: "A defect.",
    503: "Not now; `Retry-After` says when to come again.",
}
#: One server-sent event.
_EVENT: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "id": {"type": "string", "description": "what `Last-Event-ID` may be"},
        "event": {"type": "string", "description": "its kind"},
        "data": {"type": "string", "contentMediaType": "application/json"},
    },
    "required": ["event", "data"],
}
#: Entity tags: ``"7"``, ``W/"7"``, several of them, or ``*``.
_TAGS: Final = r'^(\*|(W/)?"[^"]*"( *, *(W/)?"[^"]*")*)$'
_HEADERS: Final[dict[str, dict[str, Any]]] = {
    "If-Match": {
        "description": "the revision that the job is to have",
        "schema": {"type": "string", "pattern": _TAGS},
    },
    "If-None-Match": {
        "description": "the revision that is known",
        "schema": {"type": "string", "pattern": _TAGS},
    },
    "Idempotency-Key": {
        "description": "the same key and request once more change nothing, and get the same answer",
        "schema": {"type": "string", "pattern": KEYS, "maxLength": KEY},
    },
    "Last-Event-ID": {
        "description": "the id of the last event that was seen",
    },
}


def statuses(route: Route) -> tuple[int, ...]:
    """Every status that a route may answer with, defects aside."""
    found = {*route.ok, *route.refuses}
    if route.scope != "public":
        found |= {401, 403, 429}
    found |= {400, 421, 503}
    if route.query is not None or route.changes:
        found.add(422)
    if route.body is not None:
        found |= {413, 415, 422}
    return tuple(sorted(found))


def headers(route: Route) -> tuple[str, ...]:
    """The request headers that mean something to a route."""
    found = []
    if route.name == "jobs.move":
        found.append("If-Match")
    if route.name == "jobs.get":
        found.append("If-None-Match")
    if route.answer == STREAM:
        found.append("Last-Event-ID")
    if route.changes:
        found.append("Idempotency-Key")
    return tuple(found)


@cache
def document() -> dict[str, Any]:
    """The whole document."""
    types: set[Any] = {Problem}
    for route in ROUTES:
        types |= {one for one in (route.query, route.body, route.answer) if _is_struct(one)}
    _, schemas = msgspec.json.schema_components(tuple(types), ref_template=_REFS)
    queries = {route.query.__name__ for route in ROUTES if route.query is not None}
    paths: dict[str, dict[str, Any]] = {}
    for route in ROUTES:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Runeskript",
            "version": version("runeskript"),
            "description": "Jobs, their states, their journals, and what they run.",
        },
        "paths": paths,
        "components": {
            "schemas": {name: schemas[name] for name in sorted(schemas) if name not in queries},
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "made by `rune token create`; a service whose store has no "
                    "token needs none, and listens on loopback alone",
                }
            },
        },
    }


def _is_struct(one: Any) -> bool:
    return isinstance(one, type) and issubclass(one, msgspec.Struct)


def _operation(route: Route, schemas: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {
        "operationId": route.name,
        "summary": route.summary,
        "tags": [route.path.split("/")[1]],
        "parameters": list(_parameters(route, schemas)),
        "responses": {str(status): _response(route, status) for status in statuses(route)},
        "x-scope": route.scope,
    }
    found["security"] = [] if route.scope == "public" else [{"token": []}, {}]
    if route.body is not None:
        schema = {} if route.body is ANY else _ref(route.body)
        needed = _is_struct(route.body) and bool(schemas[route.body.__name__].get("required"))  # type: ignore[union-attr]
        found["requestBody"] = {
            "required": needed,
            "content": {"application/json": {"schema": schema}},
        }
        if route.body in DOCUMENTS:
            # The document itself, whatever it says: what is wrong with it is the compiler's to say.
            found["requestBody"]["content"]["application/yaml"] = {"schema": {}}
    return found


def _parameters(route: Route, schemas: dict[str, Any]) -> Any:
    for name in route.parameters:
        yield {
            "name": name,
            "in": "path",
            "required": True,
            "schema": {"type": "string", "minLength": 1},
        }
    if route.query is not None:
        schema = schemas[route.query.__name__]
        for name, one in schema["properties"].items():
            needed = name in schema.get("required", ())
            yield {"name": name, "in": "query", "required": needed, "schema": one}
    for name in headers(route):
        found = {"name": name, "in": "header", "required": False, **_HEADERS[name]}
        if name == "Last-Event-ID":
            pattern = FEED_ID if route.query is FeedQuery else EVENT_ID
            found["schema"] = {"type": "string", "pattern": pattern}
        yield found


def _response(route: Route, status: int) -> dict[str, Any]:
    found: dict[str, Any] = {"description": STATUSES[status]}
    if status >= 400 and status not in route.ok:
        found["content"] = {_PROBLEM: {"schema": _ref(Problem)}}
    elif status not in (204, 304):
        found["content"] = _content(route.answer)
        leads = {link.to: link.shown() for link in links(route)}
        if leads and status < 300:
            found["links"] = leads
    return found


def _content(answer: Any) -> dict[str, Any]:
    if answer == STREAM:  # before OpenAPI 3.2 the schema of a stream is that of one event
        return {STREAM: {"schema": _EVENT}}
    if answer in (METRICS, PAGE, BYTES):
        answer = answer.partition(";")[0]
        return {answer: {"schema": {"type": "string"}}}
    if _is_struct(answer):
        return {"application/json": {"schema": _ref(answer)}}
    return {"application/json": {"schema": {"type": "object"}}}


def _ref(one: Any) -> dict[str, str]:
    return {"$ref": _REFS.format(name=one.__name__)}
