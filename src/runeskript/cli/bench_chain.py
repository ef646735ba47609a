"""What ``rune bench --scenario chain`` runs: branches that only compute, and the same by hand.

Each branch is a chain of eleven assignments on an element of the input, such as a price goes
through: nothing in it can be left out, since every value depends on the one before, and all end in
what is yielded. The floor is the loop that somebody would write in Python.
"""

from __future__ import annotations

import gc
from time import perf_counter
from typing import Any, Final

from ..compiler.pipeline import Options, compile_text
from ..engine.runtime import Runtime
from ..errors import RuneskriptError

#: Branches of a job.
BRANCHES: Final = 2_000
DOCUMENT: Final = """\
skript: chain
input:
  type: object
  required: [prices, quantity, rate]
do:
  - for: price
    in: input.prices
    parallel: true
    collect: totals
    do:
      - set: {gross: "${price * input.quantity}"}
      - set: {discount: "${gross * input.rate // 100}"}
      - set: {net: "${gross - discount}"}
      - set: {tax: "${net * 19 // 100}"}
      - set: {total: "${net + tax}"}
      - set: {fee: "${total % 97 + 30}"}
      - set: {charged: "${total + fee}"}
      - set: {share: "${charged * 3 // 10}"}
      - set: {rest: "${charged - share}"}
      - set: {points: "${rest // 50 + discount}"}
      - set: {left: "${rest - points + price}"}
      - yield: left
  - return: "${totals}"
"""


def given(branches: int = BRANCHES) -> dict[str, Any]:
    """The input of a job: the same for every machine."""
    prices = [199 + number * 7919 % 100_003 for number in range(branches)]
    return {"prices": prices, "quantity": 3, "rate": 15}


def by_hand(data: dict[str, Any]) -> list[int]:
    """The same without a workflow."""
    quantity, rate = data["quantity"], data["rate"]
    totals = []
    for price in data["prices"]:
        gross = price * quantity
        discount = gross * rate // 100
        net = gross - discount
        tax = net * 19 // 100
        total = net + tax
        fee = total % 97 + 30
        charged = total + fee
        share = charged * 3 // 10
        rest = charged - share
        points = rest // 50 + discount
        left = rest - points + price
        totals.append(left)
    return totals


def checksum(totals: list[int]) -> int:
    """One number for all that was yielded, in its order."""
    found = 0
    for total in totals:
        found = (found * 31 + total) % 2**61
    return found


#: What is measured, and jobs in a row that make one measurement: a single one takes milliseconds.
SIDES: Final = ("chain", "chain-no-opt", "floor")
JOBS: Final = 10


async def timings(rounds: int, branches: int = BRANCHES) -> dict[str, list[float]]:
    """Seconds a job takes from submit to result, on each side, one warm-up round left out.

    The document is compiled, and its program loaded, before. Raises RuneskriptError where what a
    job yields is not what the loop by hand does.
    """
    data = given(branches)
    right = checksum(by_hand(data))
    skripts = {
        "chain": compile_text(DOCUMENT, "chain.yaml"),
        "chain-no-opt": compile_text(DOCUMENT, "chain.yaml", options=Options(passes=())),
    }
    taken: dict[str, list[float]] = {side: [] for side in SIDES}
    async with Runtime(discover_handlers=False) as runtime:
        for turn in range(rounds + 1):
            for number in range(len(SIDES)):
                side = SIDES[(turn + number) % len(SIDES)]
                gc.collect()
                began = perf_counter()
                for _ in range(JOBS):
                    if side == "floor":
                        totals: Any = by_hand(data)
                    else:
                        totals = (await runtime.run_job(skripts[side], data)).unwrap()
                seconds = (perf_counter() - began) / JOBS
                if checksum(totals) != right:
                    raise RuneskriptError(f"{side}: the checksum is not that of the loop by hand")
                if turn:
                    taken[side].append(seconds)
    return taken
