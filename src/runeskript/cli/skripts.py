"""The skript that a command is given: compiled, or a Blueprint; and its way into a store."""

from __future__ import annotations

from typing import TypeAlias

from ..compiler.pipeline import Compiled, compile_text
from ..engine.runtime import Runtime
from ..errors import BlueprintError
from ..model import blueprint_codec
from ..model.blueprint import Blueprint, pins
from ..model.catalog import HandlerCatalog
from . import documents, terminal
from .settings import options_for
from .usage import UsageError

Skript: TypeAlias = Compiled | Blueprint


def load_skript(name: str, catalog: HandlerCatalog, passes: tuple[str, ...] | None) -> Skript:
    """The document compiled, or the Blueprint a file holds."""
    data = documents.load(name)
    if data.startswith(blueprint_codec.MAGIC):
        if passes is not None:
            raise UsageError(f"{name} is compiled: give --no-opt and --passes to `rune compile`")
        return blueprint_codec.decode(data)
    options = options_for(lint=False, passes=passes)
    compiled = compile_text(data, name, catalog, options)
    if compiled.diagnostics:
        from .diagnostics import render_all  # most documents have none

        terminal.note(render_all(compiled.diagnostics))
    return compiled


async def deploy(runtime: Runtime, name: str, skript: Skript, tenant: str = "") -> None:
    """Make a skript, and those that a Blueprint pins, known to a tenant in the runtime's store."""
    if isinstance(skript, Blueprint):
        for child in pinned(name, skript):
            await runtime.deploy(child, tenant=tenant)
    await runtime.deploy(skript, tenant=tenant)  # a skript may run itself by its name


def pinned(name: str, blueprint: Blueprint) -> list[Blueprint]:
    """The Blueprints a Blueprint file pins, from the files ``rune compile`` wrote beside it.

    A file that does not hold what its name says is refused, so no chain leads back to itself.
    """
    from pathlib import Path  # eight milliseconds that most runs do without

    found: dict[str, Blueprint] = {}
    todo = [blueprint]
    while todo:
        for digest in pins(todo.pop()):
            if digest in found:
                continue
            file = str(Path(name).with_name(f"{digest}.blueprint"))
            child = blueprint_codec.decode(documents.load(file))
            if blueprint_codec.digest(child) != digest:
                raise BlueprintError(f"{file} holds another Blueprint than its name says")
            found[digest] = child
            todo.append(child)
    return list(found.values())
