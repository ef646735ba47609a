"""The reference page of the built-in handlers, from what they declare themselves."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from ...model.codes import CODES, code_for_type
from ..handlers.decorator import Handler
from . import builtins

_HEAD: Final = """\
# Built-in handlers

What `call` can name without a handler of yours. `rune handlers` lists these and your own.
[Call HTTP services](../howto/call-http.md) and [Run a program](../howto/run-programs.md) show them
at work.
"""
#: Types of errors by family, with what a reader wants to know of each.
ERRORS: Final[dict[str, tuple[tuple[str, str], ...]]] = {
    "http": (
        ("http.STATUS", "the status was 400 or more; retryable from 500 on and for 429"),
        ("http.denied", "the address is not public and not allowed"),
        ("http.too_large", "the answer has more than `max_bytes`"),
        ("http.body", "the answer is not what its content type says"),
        ("http.redirect", "too many redirects, or one to no URL"),
        ("connect", "no connection came about, or it broke; retryable"),
        ("connect.tls", "no secure connection came about"),
        ("timeout", "no answer in time; retryable"),
        ("params", "the parameters are wrong"),
    ),
    "exec": (
        ("exec.denied", "running programs is not allowed"),
        ("exec.not_found", "there is no such program or folder"),
        ("exec.start", "the program cannot be run"),
        ("exec.exit", "it ended with a status other than 0; `error.data` is the result"),
        ("exec.output", "it wrote more than `max_output` bytes"),
        ("timeout", "it did not end in time and was killed; retryable"),
        ("params", "the parameters are wrong"),
    ),
}
_WORDS: Final = {
    "string": "text",
    "integer": "int",
    "number": "float",
    "boolean": "bool",
    "array": "list",
    "object": "object",
    "null": "null",
}

_SCALAR: Final = {"text", "int", "float", "bool", "null"}


def page() -> str:
    """The whole page, Markdown."""
    lines = [_HEAD]
    families: dict[str, list[Handler]] = {}
    for handler in builtins():
        families.setdefault(handler.name.partition(".")[0], []).append(handler)
    for family, handlers in families.items():
        for handler in handlers:
            lines += _handler(handler)
        lines += [f"## Errors of {family}", "", "| type | when | code |", "|---|---|---|"]
        for type_, when in ERRORS[family]:
            code = code_for_type(type_)
            link = f"[{code}](../errors/{code}.md)"
            lines.append(f"| `{type_}` | {when} | {link} {CODES[code].name} |")
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def _handler(handler: Handler) -> Iterator[str]:
    flags = [f"mode {handler.mode}"]
    flags += ["idempotent"] if handler.idempotent else []
    yield f"## {handler.name}"
    yield ""
    yield f"{handler.doc} ({', '.join(flags)})"
    yield ""
    yield "| parameter | type | if left out |"
    yield "|---|---|---|"
    schema: Any = handler.params_schema
    required = schema.get("required", [])
    for name, field in schema["properties"].items():
        yield f"| `{name}` | {_type(field)} | {_default(field, name in required)} |"
    yield ""
    result: Any = handler.result_schema
    optional = [n for n in result["properties"] if n not in result["required"]]
    shown = ", ".join(f"`{name}`" for name in result["required"])
    more = f", and sometimes {', '.join(f'`{n}`' for n in optional)}" if optional else ""
    yield f"Result: an object with {shown}{more}."
    yield ""


def _type(schema: Mapping[str, Any]) -> str:
    if "anyOf" in schema:
        kinds = dict.fromkeys(map(_type, schema["anyOf"]))
        if kinds.keys() >= _SCALAR:
            kinds = {"scalar": None, **{k: None for k in kinds if k not in _SCALAR}}
        return " or ".join(kinds)
    kind = schema.get("type")
    if kind == "array" and "items" in schema:
        return f"list of ({_type(schema['items'])})"
    if kind == "object" and isinstance(schema.get("additionalProperties"), dict):
        return f"object of ({_type(schema['additionalProperties'])})"
    return _WORDS[kind] if isinstance(kind, str) else "any value"


def _default(schema: Mapping[str, Any], required: bool) -> str:
    if required:
        return "required"
    return f"`{json.dumps(schema['default'])}`" if "default" in schema else "not sent"
