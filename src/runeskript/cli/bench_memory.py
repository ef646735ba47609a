"""``rune bench --scenario memory``: one measurement, in a process of its own.

``python -m runeskript.cli.bench_memory KIND BRANCHES ours|floor`` prints by how many bytes a branch
the resident memory has grown once every branch waits. The floor is what asyncio holds for a task
that waits for the same, with nothing around it.
"""

from __future__ import annotations

import asyncio
import gc
import os
import resource
import sys
from collections.abc import Awaitable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ..compiler.pipeline import compile_text
from ..engine.handlers.decorator import handler
from ..engine.handlers.registry import HandlerRegistry
from ..engine.runtime import Runtime

#: Branches that wait.
BRANCHES: Final = 100_000
#: Branches of a run that goes before, so that nothing is made for the first time.
WARM: Final = 100

#: Branches rest before the second call leaves: tokens run in the order of their paths.
_DOCUMENT: Final = """\
skript: memory
do:
  - parallel:
      many:
        - for: i
          in: range(input.branches)
          parallel: true
          do:
            - {step}
      last:
        - call: bench.last
"""


@dataclass(frozen=True, slots=True)
class Kind:
    """What branches wait for: the step, the floor's name, and the bar in bytes a branch."""

    step: str
    floor: str
    bar: int


#: KB are 1,000 bytes here, the stricter reading.
KINDS: Final = {
    "timer": Kind("wait: 1h", "asyncio.sleep", 1_500),
    "message": Kind("{listen: parcel.scanned, key: i}", "asyncio.Future", 1_500),
    "call": Kind("{call: bench.hang, with: {i: '${i}'}}", "asyncio.gather", 3_000),
    "call-tokens": Kind(
        "{call: bench.hang, with: {i: '${i}'}}\n            - call: bench.last",
        "asyncio.gather",
        3_000,
    ),
}


def resident() -> int:
    """Bytes of memory that this process holds; where the system does not say, held at most."""
    gc.collect()
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except FileNotFoundError:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024
    return pages * resource.getpagesize()


async def ours(kind: str, branches: int) -> None:
    """Say the bytes a branch of a run."""
    loop = asyncio.get_running_loop()
    gate, rested = loop.create_future(), asyncio.Event()
    waiting = expected = 0

    @handler("bench.hang")
    async def hang(params: dict[str, Any], ctx: Any) -> None:
        nonlocal waiting
        waiting += 1
        if waiting == expected:
            rested.set()
        await gate

    @handler("bench.last")
    async def last(params: dict[str, Any], ctx: Any) -> None:
        if "call" not in kind:
            rested.set()

    async def wait_all(count: int) -> None:
        nonlocal expected
        rested.clear()
        expected = waiting + count
        await runtime.submit_job(compiled, {"branches": count})
        await rested.wait()
        await asyncio.sleep(0.1)  # the last one that suspends is noted in the loop's next turn

    registry = HandlerRegistry([hang, last])
    text = _DOCUMENT.replace("{step}", KINDS[kind].step)
    compiled = compile_text(text, "memory.yaml", registry)
    async with Runtime(
        handlers=registry, discover_handlers=False, max_tasks=branches + WARM + 1
    ) as runtime:
        await wait_all(WARM)
        before = resident()
        await wait_all(branches)
        _say((resident() - before) / branches)


async def floor(kind: str, branches: int) -> None:
    """Say the bytes a task of plain asyncio."""
    loop = asyncio.get_running_loop()
    gate = loop.create_future()
    waiting: dict[int, asyncio.Future[None]] = {}

    async def call(params: dict[str, Any], ctx: Any) -> None:
        await gate

    async def listen(key: int) -> None:
        waiting[key] = loop.create_future()
        await waiting[key]

    def one(i: int) -> Awaitable[None]:
        if kind == "timer":
            return asyncio.sleep(3600)
        return listen(i) if kind == "message" else call({"i": i}, None)

    def gather(count: int) -> Awaitable[Any]:
        return asyncio.gather(*[one(i) for i in range(count)])

    first = gather(WARM)
    await asyncio.sleep(0.1)
    before = resident()
    second = gather(branches)
    await asyncio.sleep(0.1)
    _say((resident() - before) / branches)
    del first, second


def _say(figure: float) -> None:
    """Print the figure and end here: there are a hundred thousand things nobody needs tidied."""
    print(figure, flush=True)
    os._exit(0)


if __name__ == "__main__":
    asyncio.run((ours if sys.argv[3] == "ours" else floor)(sys.argv[1], int(sys.argv[2])))
