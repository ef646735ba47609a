"""Random skripts with calls in rows, pure and idempotent ones among them: groups change nothing."""

from __future__ import annotations

import random

import pytest

from properties.differential import RefusedError, back, compare, front, world
from properties.skripts import Place, Steps, Writer
from runeskript.model.isa import Op

CHUNKS, SIZE = 4, 25


class Rows(Writer):
    """Writes one to three calls where there would be one."""

    def call(self, place: Place) -> Steps:
        return [
            step for _ in range(self.rng.randrange(1, 4)) for step in super(Rows, self).call(place)
        ]


@pytest.mark.parametrize("number", range(CHUNKS))
def test_groups_change_nothing(number: int) -> None:
    grouped = compiled = 0
    for seed in range(number * SIZE, (number + 1) * SIZE):
        rng = random.Random(seed)
        program, around = Rows(rng).skript(), world(rng)
        passes = ("join_pure", "group_calls") if seed % 2 else ("group_calls",)
        try:
            compare(program, passes, around)
            code = back(front(program), passes).blueprint.code
        except RefusedError:
            continue
        compiled += 1
        grouped += any(ins[0] == Op.CALL and ins[-1] for ins in code)
    assert compiled > SIZE * 0.7
    assert grouped > SIZE * 0.1, "there are groups"
