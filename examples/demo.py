"""The order example from end to end: the shop service, the job, the parcel's scan, the result.

    python examples/demo.py

Starts the shop on loopback (real HTTP; its catalogue answers 503 now and then), runs
``order-fulfilment.yaml`` for the order in ``order.json`` and shows the steps as they happen. When
the job listens for the parcel, a courier scans it: a message to the running job.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from urllib.parse import urlsplit

from runeskript import Runtime
from runeskript.cli.compiling import compile_file
from runeskript.cli.running import (
    EXIT_CODES,
    EXIT_STOPPED,
    Interrupts,
    StoppedError,
    await_job,
    drive,
    watch_job,
)

HERE = Path(__file__).parent
sys.path.append(str(HERE / "shop"))

from service import running  # noqa: E402 - the shop is an example, not a package


async def courier(runtime: Runtime, job: str) -> None:
    """Scan the parcel as soon as the job waits for it."""
    async for event in runtime.events(job):
        if event.kind == "step.started" and event.data.get("what") == "listen":
            await runtime.signal(
                event.data["topic"],
                key=event.data["key"],
                data={"parcel": "RS-1066", "carrier": "Longship Express", "place": "Roskilde"},
            )


async def order(url: str, interrupts: Interrupts) -> int:
    """Run the order against the shop at ``url``; the exit code."""
    document = HERE / "order-fulfilment.yaml"
    given = json.loads((HERE / "order.json").read_text(encoding="utf-8"))
    runtime = Runtime(
        handlers=[HERE / "shop" / "handlers.py"],
        allow_hosts=[urlsplit(url).netloc],
        env={"PRICING": url},
    )
    async with runtime:
        compiled = compile_file(str(document), catalog=runtime.handlers)
        job = await runtime.submit_job(compiled, given)
        scan = asyncio.create_task(courier(runtime, job.id))
        ended = await await_job(runtime, job.id, interrupts, watch_job(compiled, job))
        scan.cancel()
    print(json.dumps({"job": ended.id, "state": ended.state, "output": ended.output}, indent=2))
    if ended.error is not None:
        print(json.dumps(ended.error, indent=2))
    return EXIT_CODES[ended.status]


def main() -> int:
    """Start the shop, run the order, stop the shop."""
    with running() as (url, shop):
        os.environ["SHOP_URL"] = url  # where the handlers find payments and inventory
        print(f"the shop listens on {url}", flush=True)
        try:
            code, _ = drive(lambda interrupts: order(url, interrupts))
        except StoppedError:
            return EXIT_STOPPED
        ledger = shop.ledger()[1]
    print(
        f"the shop's ledger: {len(ledger['charges'])} charge, {len(ledger['refunds'])} refunds, "
        f"{len(ledger['reservations'])} reservation, "
        f"{ledger['catalogue_requests']} requests to the catalogue"
    )
    return code


if __name__ == "__main__":
    sys.exit(main())
