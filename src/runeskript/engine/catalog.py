"""The handlers of one runtime: the caller's, those of installed packages, the built-in ones."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Final

from ..errors import RuntimeOptionError
from .handlers.loading import Source, collect, discover
from .handlers.registry import HandlerRegistry

if TYPE_CHECKING:
    from .builtin.common import Resolver, Rule

#: What ``allow`` can switch on.
ALLOWABLE: Final = ("exec",)


def full_registry(
    handlers: Source,
    allow_hosts: Sequence[str],
    allow: Collection[str],
    resolver: Resolver | None,
    discovering: bool,
    rule: Rule | None = None,
) -> HandlerRegistry:
    """Every name goes to the first that has it; the built-in handlers get this runtime's settings.

    The caller's handlers are here at once, the others when somebody asks for a name. Raises
    HandlerDefinitionError, RuntimeOptionError.
    """
    registry = HandlerRegistry()
    registry.update(collect(handlers))
    wrong = [name for name in allow if name not in ALLOWABLE]
    if isinstance(allow, str) or wrong:
        raise RuntimeOptionError(f"allow is a list out of: {', '.join(ALLOWABLE)}")
    if allow_hosts:
        _check_hosts(allow_hosts)
    if discovering:
        registry.defer(discover)
    registry.defer(lambda to: _add_builtins(to, allow_hosts, allow, resolver, rule))
    return registry


def add_builtins(registry: HandlerRegistry) -> None:
    """Add the built-in handlers with no settings: enough to check documents by."""
    _add_builtins(registry, (), (), None)


def _add_builtins(
    registry: HandlerRegistry,
    allow_hosts: Sequence[str],
    allow: Collection[str],
    resolver: Resolver | None,
    rule: Rule | None = None,
) -> None:
    from .builtin import BuiltIn, builtins  # dear, and used only by those who call one

    for item in builtins(allow_hosts=allow_hosts, allow=allow, resolver=resolver, rule=rule):
        known = registry.find_loaded(item.name)
        if known is None or isinstance(known.source, BuiltIn):
            registry.add(item, replace=True)


def _check_hosts(patterns: Sequence[str]) -> None:
    from .builtin.guard import HostPolicy

    try:
        HostPolicy(patterns)
    except ValueError as exc:
        raise RuntimeOptionError(f"allow_hosts: {exc}") from None
