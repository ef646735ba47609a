"""`rune serve` is killed under load, again and again: nothing is lost, and nothing is done twice.

Clients submit jobs with idempotency keys and try again until they are answered, whoever dies
meanwhile. The judge is a ledger: each job's handler writes its number and its call's idempotency
key there, so a job that was made twice would have written two keys.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections import defaultdict
from pathlib import Path

from runeskript.client import AsyncClient
from runeskript.errors import ServiceUnreachableError

HANDLERS = '''
import os
from dataclasses import dataclass
from runeskript import handler

@dataclass
class Line:
    n: int

@handler("ledger.add", idempotent=True)
def add(params: Line, ctx):
    """Write a line, in one go."""
    file = os.open(os.environ["LEDGER"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(file, f"{params.n} {ctx.idempotency_key}\\n".encode())
    os.close(file)
    return params.n
'''
SKRIPT = """
skript: line
do:
  - call: ledger.add
    with: {n: "${input.n}"}
    into: n
  - call: ledger.add
    with: {n: "${input.n + 1000}"}
  - return: "${n}"
"""
JOBS = 150
CLIENTS = 6
KILLS = 4


class Server:
    """A service that is started again as often as it is killed."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.port = port
        self.process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        self.process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "runeskript", "serve", "--port", str(self.port), "--store",
            f"sqlite:///{self.folder}/jobs.db", "--handlers", f"{self.folder}/ledger.py",
            "--lease", "500ms", "--output", "json",
            env={**os.environ, "LEDGER": f"{self.folder}/ledger"},
            stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert self.process.stdout is not None
        assert b"url" in await self.process.stdout.readline()

    async def end(self, how: signal.Signals) -> int:
        assert self.process is not None
        self.process.send_signal(how)
        return await self.process.wait()


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


async def submitted(client: AsyncClient, n: int) -> str:
    """The id of job ``n``, once somebody has said that it is there."""
    while True:
        try:
            job = await client.submit(
                document=SKRIPT, data={"n": n}, labels={"n": str(n)}, idempotency_key=f"job-{n}"
            )
            return str(job.id)
        except ServiceUnreachableError:
            continue


async def test_nothing_is_lost_and_nothing_is_done_twice(tmp_path: Path) -> None:
    (tmp_path / "ledger.py").write_text(HANDLERS)
    server = Server(tmp_path, free_port())
    await server.start()
    try:
        await judged(server, tmp_path)
    finally:
        if server.process is not None and server.process.returncode is None:
            await server.end(signal.SIGKILL)


async def judged(server: Server, tmp_path: Path) -> None:
    known: dict[int, str] = {}
    numbers = iter(range(JOBS))
    async with AsyncClient(f"http://127.0.0.1:{server.port}", attempts=20) as client:

        async def load() -> None:
            for n in numbers:
                known[n] = await submitted(client, n)

        loads = [asyncio.create_task(load()) for _ in range(CLIENTS)]
        for kill in range(KILLS):
            while len(known) < (kill + 1) * JOBS // (KILLS + 2):
                await asyncio.sleep(0.01)
            assert await server.end(signal.SIGKILL) == -signal.SIGKILL
            await server.start()
        await asyncio.gather(*loads)
        outputs = [await client.result(known[n]) for n in range(JOBS)]
        listed = [job async for job in client.jobs(skript="line")]
    assert outputs == list(range(JOBS))
    assert sorted(job.id for job in listed) == sorted(known.values())
    assert await server.end(signal.SIGTERM) == 0
    keys: dict[int, set[str]] = defaultdict(set)
    for line in (tmp_path / "ledger").read_text().splitlines():
        n, key = line.split()
        keys[int(n)].add(key)
    assert sorted(keys) == sorted([*range(JOBS), *range(1000, 1000 + JOBS)])
    assert {len(found) for found in keys.values()} == {1}
