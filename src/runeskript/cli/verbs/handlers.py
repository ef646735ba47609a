"""``rune handlers``: what skripts can call."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import Any

from ...engine.handlers.registry import Registered
from .. import terminal
from ..options import add_handlers, add_output
from ..registry import load_registry


def configure(parser: ArgumentParser) -> None:
    """Declare the options."""
    add_handlers(parser)
    add_output(parser)


def execute(args: Namespace) -> int:
    """List them by name."""
    found = sorted(load_registry(args.handlers), key=lambda handler: handler.name)
    if terminal.mode(args.output) == "json":
        terminal.say_json([_facts(handler) for handler in found])
    else:
        terminal.say("\n\n".join(terminal.printable(_text(handler)) for handler in found))
    return 0


def _facts(handler: Registered) -> dict[str, Any]:
    return {
        "name": handler.name,
        "mode": handler.mode,
        "pure": handler.pure,
        "idempotent": handler.idempotent,
        "limit": handler.limit,
        "limits": [str(limit) for limit in handler.limits],
        "timeout_ms": handler.timeout_ms,
        "params": handler.params_schema,
        "result": handler.result_schema,
        "doc": handler.doc,
    }


def _text(handler: Registered) -> str:
    flags: list[str] = [handler.mode]
    flags += ["pure"] if handler.pure else []
    flags += ["idempotent"] if handler.idempotent else []
    flags += [f"at most {handler.limit} at once"] if handler.limit is not None else []
    flags += [str(limit) for limit in handler.limits]
    lines = [f"{handler.name}({_params(handler.params_schema)})  {', '.join(flags)}"]
    lines += [f"    {line}".rstrip() for line in handler.doc.splitlines()]
    return "\n".join(lines)


def _params(schema: Any) -> str:
    """``url, query?, headers?``; what is not required has a question mark."""
    if not isinstance(schema, dict):
        return "..."
    required = schema.get("required", [])
    return ", ".join(
        name if name in required else f"{name}?" for name in schema.get("properties", {})
    )
