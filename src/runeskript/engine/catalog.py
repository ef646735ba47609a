"""The handlers of one runtime: the caller's, those of installed packages, the built-in ones."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from ..errors import RuntimeOptionError
from .builtin import ALLOWABLE, BuiltIn, builtins
from .builtin.common import Resolver
from .handlers.loading import Source, collect, discover
from .handlers.registry import HandlerRegistry


def full_registry(
    handlers: Source,
    allow_hosts: Sequence[str],
    allow: Collection[str],
    resolver: Resolver | None,
    discovering: bool,
) -> HandlerRegistry:
    """Every name goes to the first that has it; the built-in handlers get this runtime's settings.

    Raises HandlerDefinitionError, RuntimeOptionError.
    """
    registry = HandlerRegistry()
    for registered in collect(handlers):
        registry.add(registered.source)
    if discovering:
        discover(registry)
    wrong = [name for name in allow if name not in ALLOWABLE]
    if isinstance(allow, str) or wrong:
        raise RuntimeOptionError(f"allow is a list out of: {', '.join(ALLOWABLE)}")
    try:
        own = builtins(allow_hosts=allow_hosts, allow=allow, resolver=resolver)
    except ValueError as exc:
        raise RuntimeOptionError(f"allow_hosts: {exc}") from None
    for item in own:
        known = registry.get(item.name)
        if known is None or isinstance(known.source, BuiltIn):
            registry.add(item, replace=True)
    return registry
