"""A machine in the simulator, with events fired at it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from runeskript.kernel.machine import state_of
from runeskript.model.events import Event, Moved, MoveFailed, Refused, Sent
from runeskript.model.run import MachineState
from runeskript.testing import Simulation
from support import compile_yaml

#: Who needs no role.
SYSTEM = {"id": "system", "roles": []}


class Machine(Simulation):
    """A simulation that events can be fired at."""

    fired = 0

    def fire(
        self,
        name: str,
        data: Any = None,
        *,
        actor: str | None = None,
        roles: Sequence[str] = (),
        why: str | None = None,
    ) -> None:
        """Fire one event now; what it leads to is not carried out before the next step."""
        self.fired += 1
        who: dict[str, Any] = SYSTEM if actor is None else {"id": actor, "roles": [*roles]}
        self.feed(Sent(self.now, f"e{self.fired}", name, data, who, why))

    def send(self, name: str, data: Any = None, **by: Any) -> Event | None:
        """Fire one event, and let all happen that can without time going by; what became of it."""
        self.fire(name, data, **by)
        self.settle()
        return self.became(f"e{self.fired}")

    def settle(self) -> None:
        """Let all happen that is due now."""
        while (at := self.due()) is not None and at <= self.now:
            self.step()

    def became(self, id_: str) -> Event | None:
        """What the journal says of an event."""
        said = (Moved, Refused, MoveFailed)
        return next((e for e in self.journal if isinstance(e, said) and e.id == id_), None)

    @property
    def at(self) -> MachineState:
        """Where it stands."""
        assert self.run_state.machine is not None
        return self.run_state.machine

    @property
    def state(self) -> str:
        """The name of its state."""
        table = self.program.blueprint.machine
        assert table is not None
        return state_of(table, self.run_state)

    @property
    def data(self) -> Any:
        """Its data."""
        root = self.run_state.root
        assert root is not None
        names = self.program.blueprint.debug.slot_names[0]
        return root.frame[names.index("data")]

    @property
    def moves(self) -> list[tuple[str, str, str]]:
        """Its moves but for the first: event, source, target."""
        found = [e for e in self.journal if isinstance(e, Moved) and e.source]
        return [(e.event, e.source, e.to) for e in found]


def machine(text: str, handlers: Any = None, input: Any = None, **options: Any) -> Machine:
    """A machine from YAML, in its first state."""
    compiled = compile_yaml(text, *(handlers or {}))
    made = Machine(compiled.blueprint, handlers, input, **options)
    made.settle()
    return made
