"""A dry run: a skript to its end with every handler mocked, so that nothing happens outside."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Final, NamedTuple

from ..compiler.pipeline import Compiled
from ..engine.inputs import InputCheck
from ..engine.reports import locate
from ..model.blueprint import Blueprint
from ..model.catalog import HandlerCatalog
from ..model.values import Value
from .outcome import Outcome
from .simulation import Simulation
from .standins import Given, StandIn, stand_ins

#: Steps after which a dry run is taken to go on for ever.
STEPS: Final = 200_000


class DryRun(NamedTuple):
    """How a dry run ended.

    ``waits``: where it did not, what it waits for. ``ms``: virtual milliseconds that it took.
    ``notice``: how its ``on_failure`` ended, where it failed and has one.
    """

    outcome: Outcome
    stand_ins: Mapping[str, StandIn]
    calls: Mapping[str, int]
    error: dict[str, Value] | None
    waits: str | None
    ms: int
    notice: Outcome | None = None


def family(skript: Compiled | Blueprint, pinned: Mapping[str, Blueprint]) -> dict[str, Blueprint]:
    """The skripts that ``run`` finds: pinned ones by digest, and the skript by its own name."""
    blueprint = skript if isinstance(skript, Blueprint) else skript.blueprint
    children = pinned if isinstance(skript, Blueprint) else skript.children
    return {**children, blueprint.name: blueprint}


def dry_run(
    skript: Compiled | Blueprint,
    given_input: object,
    *,
    catalog: HandlerCatalog,
    given: Given | None = None,
    env: Mapping[str, str] | None = None,
    pinned: Mapping[str, Blueprint] | None = None,
) -> DryRun:
    """Run a skript under a virtual clock with stand-ins for all of its handlers.

    Raises InputError, RuntimeOptionError (a mock that nobody calls), BlueprintError.
    """
    known = family(skript, pinned or {})
    blueprint = skript if isinstance(skript, Blueprint) else skript.blueprint
    chosen = stand_ins([blueprint, *known.values()], catalog, given or Given())
    simulation = Simulation(
        blueprint,
        {name: one.mock for name, one in chosen.items()},
        InputCheck(blueprint.input_schema).accept(given_input),
        env=env,
        messages=() if given is None else given.messages,
        children=known,
    )
    outcome = simulation.run(STEPS)
    calls = Counter(call.handler for call in outcome.calls)
    error = None if outcome.error is None else locate(blueprint, outcome.error)
    waits = None if simulation.finished is not None else _waits(simulation)
    told = known.get(blueprint.on_failure or "")
    notice = None
    if outcome.status == "Failed" and told is not None:
        value: Value = {"job": simulation.info, "input": simulation.given, "error": error}
        notice = Simulation(told, simulation.handlers, value, env=env).run(STEPS)
        calls.update(call.handler for call in notice.calls)
    ms = simulation.now - simulation.start
    return DryRun(outcome, chosen, calls, error, waits, ms, notice)


def _waits(simulation: Simulation) -> str:
    for one in simulation.family.values():
        for listen in one.listening.values():
            return f"a message to topic {listen.topic}, key {listen.key!r}, in step {listen.step}"
    if simulation.due() is not None:
        return "nothing: it goes on and on"
    return "a call that never ends"
