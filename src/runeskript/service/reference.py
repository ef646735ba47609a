"""The reference page of the HTTP service, from the table of routes and the types that serve it."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from . import types as t
from .links import links
from .openapi import document, headers, statuses
from .routes import ROUTES, Route
from .types import Request, View

_INTRO: Final = """\
# HTTP

`rune serve` answers these routes with JSON; [access](access.md) is who may take which. Refusals are
problem details (RFC 9457, `application/problem+json`) with the [code](errors.md) that the same
mistake has anywhere; their `type` leads to its page, in Markdown. `GET /openapi.json` is this
page for programs (OpenAPI 3.1); where an answer leads, it says which part of it is taken (links).

Every answer has `X-Request-Id`, the one that was sent or a fresh one; logs and audit have it, too.
A request that changes something may have an `Idempotency-Key`: the same key and request once more,
within 24 hours, does nothing again and gets the same answer. A job has an `ETag`, its `version`.
`HEAD` is answered wherever `GET` is, `OPTIONS` everywhere.
"""


def page() -> str:
    """The whole page."""
    return "\n".join((_INTRO, *_routes(), *_types())) + "\n"


def _routes() -> Iterator[str]:
    yield "## Routes\n"
    yield "| route | scope | |"
    yield "|---|---|---|"
    for route in ROUTES:
        place = route.name.replace(".", "")
        yield f"| [`{route.method} {route.path}`](#{place}) | {route.scope} | {route.summary} |"
    for route in ROUTES:
        yield f"\n### {route.name}\n"
        yield f"`{route.method} {route.path}`: {route.summary}\n"
        yield from _said(route)


def _said(route: Route) -> Iterator[str]:
    yield f"- scope: `{route.scope}`"
    if route.query is not None:
        yield f"- query: {_link(route.query)}"
    if route.body is not None:
        yield f"- body: {_link(route.body)}"
    for name in headers(route):
        yield f"- header: `{name}`"
    yield f"- answer: {_link(route.answer)} ({', '.join(map(str, route.ok))})"
    refused = [str(one) for one in statuses(route) if one not in route.ok]
    yield f"- refusals: {', '.join(refused)}"
    leads = [f"[{one.to}](#{one.to.replace('.', '')})" for one in links(route)]
    if leads:
        yield f"- leads to: {', '.join(leads)}"


def _link(one: Any) -> str:
    if isinstance(one, type) and issubclass(one, msgspec.Struct):
        return f"[{one.__name__}](#{one.__name__.lower()})"
    return f"`{one}`" if isinstance(one, str) else "an object"


def _types() -> Iterator[str]:
    yield "\n## Types"
    schemas = document()["components"]["schemas"]
    for name in sorted(t.__all__):
        one = getattr(t, name)
        if not (isinstance(one, type) and issubclass(one, Request | View)) or one in (
            Request,
            View,
        ):
            continue
        yield f"\n### {name}\n"
        yield " ".join(inspect.cleandoc(one.__doc__ or "").replace("``", "`").split()) + "\n"
        properties = schemas.get(name, {}).get("properties") or _properties(one)
        yield "| field | | default |"
        yield "|---|---|---|"
        for field in msgspec.structs.fields(one):
            shape = _shape(properties[field.encode_name])
            yield f"| `{field.encode_name}` | {shape} | {_default(field)} |"


def _properties(one: type) -> dict[str, Any]:
    """Of a type that stands in no body: the fields of a query."""
    _, found = msgspec.json.schema_components((one,), ref_template="#/{name}")
    properties: dict[str, Any] = found[one.__name__]["properties"]
    return properties


def _default(field: Any) -> str:
    if field.required:
        return "(required)"
    if field.default is not msgspec.NODEFAULT:
        text: str = msgspec.json.encode(field.default).decode()
        return f"`{text}`"
    return f"`{msgspec.json.encode(field.default_factory()).decode()}`"


def _shape(schema: dict[str, Any]) -> str:
    """A schema in a few words."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(_shape(one) for one in schema["anyOf"]))
    if "enum" in schema:
        return ", ".join(f"`{one}`" for one in schema["enum"] if one is not None)
    kind = schema.get("type")
    if kind == "array":
        return f"list of {_shape(schema['items'])}"
    if kind == "object":
        inner = schema.get("additionalProperties")
        return f"object of {_shape(inner)}" if isinstance(inner, dict) and inner else "object"
    bounds = [
        f"{word} {schema[key]:,}"
        for key, word in (
            ("minimum", "from"),
            ("maximum", "to"),
            ("minLength", "at least"),
            ("maxLength", "at most"),
        )
        if key in schema
    ]
    told = f"{kind or 'any JSON'}"
    return f"{told} ({' '.join(bounds)})" if bounds else told
