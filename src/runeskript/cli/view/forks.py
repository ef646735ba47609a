"""How often the steps of a parallel ``for`` will happen: read from the run itself."""

from __future__ import annotations

from ...kernel import Program
from ...model.run import Fork, Run
from .steps import Steps


class ForkTotals:
    """Adds up the elements of each parallel ``for`` at the top of a run, one fork after another."""

    def __init__(self, program: Program) -> None:
        self._blueprint = program.blueprint
        #: Steps of each body, by number, looked up when the body is first forked.
        self._steps: dict[int, tuple[str, ...]] = {}
        #: n of the fork -> (body, elements)
        self._forks: dict[int, tuple[int, int]] = {}

    def sample(self, run: Run, steps: Steps) -> None:
        """Look at the run as it stands. Forks within forks are left to the counts."""
        root = run.root
        fork = None if root is None else root.child
        if not isinstance(fork, Fork) or fork.items is None or fork.n in self._forks:
            return
        body = fork.bodies[0]
        self._forks[fork.n] = (body, fork.total)
        elements = sum(total for number, total in self._forks.values() if number == body)
        for name in self._names(body):
            if name in steps.rows:
                steps.rows[name].expected = elements

    def _names(self, body: int) -> tuple[str, ...]:
        if body not in self._steps:
            blueprint = self._blueprint
            row = blueprint.bodies[body]
            sites = sorted(set(blueprint.sites[row.entry : row.end]))
            self._steps[body] = tuple(blueprint.steps[site] for site in sites)
        return self._steps[body]
