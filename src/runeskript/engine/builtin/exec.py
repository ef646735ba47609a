"""``exec``: run a program, from an argument list, without a shell.

Off unless allowed. The program sees only a few variables of the environment and those given; it
runs in a session of its own, so that a timeout or a cancel kills all it started.
"""

from __future__ import annotations

import asyncio
import os
from asyncio.subprocess import DEVNULL, PIPE, Process
from contextlib import suppress
from typing import Final

import msgspec

from ...errors import StepError
from ...model.values import Value
from ..executors.killing import APART, kill_all_of
from ..handlers.context import HandlerContext
from ..handlers.decorator import Handler
from .common import BuiltIn, time_limit

#: Bytes of standard output and of standard error, each.
MAX_OUTPUT: Final = 1024 * 1024
MOST_OUTPUT: Final = 64 * 1024 * 1024
TIMEOUT: Final = "60s"
#: Variables of our own environment that a program sees.
INHERITED: Final = (
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "TZ",
    "TMPDIR",
    "TEMP",
    "TMP",
    "SYSTEMROOT",
)
#: Seconds a killed program has to be gone.
GRACE: Final = 5.0
_PIECE: Final = 64 * 1024
#: Characters of standard error in the message of a failed program.
TAIL: Final = 500


class ExecParams(msgspec.Struct, kw_only=True):
    """Parameters of exec."""

    command: list[str]
    cwd: str | None = None
    env: dict[str, str] = {}
    stdin: str | None = None
    timeout: str | int = TIMEOUT
    max_output: int = MAX_OUTPUT
    check: bool = True


_RESULT: Final[Value] = {
    "type": "object",
    "required": ["status", "stdout", "stderr"],
    "properties": {
        "status": {"type": "integer"},
        "stdout": {"type": "string"},
        "stderr": {"type": "string"},
    },
    "additionalProperties": False,
}
_DOC: Final = f"""\
Run a program: `command` (the program and its arguments, no shell), `cwd`, `env` (added to
{", ".join(INHERITED[:5])} ...), `stdin` (text), `timeout` (60s), `max_output` (bytes of each
stream, 1 MiB), `check` (true: a status other than 0 is the error `exec.exit`). Only where
`exec` is allowed."""


def exec_handler(allowed: bool) -> Handler:
    """The handler of one runtime."""

    async def execute(params: ExecParams, ctx: HandlerContext) -> Value:
        if not allowed:
            raise StepError(
                "exec.denied", "exec is off; allow it with allow=('exec',) or --allow exec"
            )
        return await run(params)

    return BuiltIn("exec", execute, ExecParams, _DOC, _RESULT)


async def run(params: ExecParams) -> Value:
    """Run the program to its end. Raises StepError."""
    limit = _checked(params)
    stdin = DEVNULL if params.stdin is None else PIPE
    try:
        process = await asyncio.create_subprocess_exec(
            *params.command,
            stdin=stdin,
            stdout=PIPE,
            stderr=PIPE,
            cwd=params.cwd,
            env=_environment(params),
            **APART,
        )
    except FileNotFoundError as exc:
        what = params.cwd if exc.filename == params.cwd else params.command[0]
        raise StepError("exec.not_found", f"there is no {what!r}") from None
    except (OSError, ValueError) as exc:
        raise StepError("exec.start", f"{params.command[0]!r} cannot be run: {exc}") from None
    ended = False
    try:
        async with asyncio.timeout(limit):
            out, err = await _talk(process, params)
            status = await process.wait()
        ended = True
    except TimeoutError:
        text = f"{params.command[0]!r} did not end within {limit:g} s"
        raise StepError("timeout", text, retryable=True) from None
    finally:
        if not ended:
            await _kill(process)
    result: dict[str, Value] = {"status": status, "stdout": out, "stderr": err}
    if status != 0 and params.check:
        text = f"{params.command[0]!r} ended with status {status}"
        tail = err.strip()[-TAIL:]
        raise StepError("exec.exit", f"{text}: {tail}" if tail else text, data=result)
    return result


def _checked(params: ExecParams) -> float:
    """The time limit in seconds, all else checked too."""
    if not params.command or not params.command[0]:
        raise StepError("params", "`command` is a list that begins with the program")
    texts = (*params.command, params.cwd or "", *params.env, *params.env.values())
    if any("\0" in text for text in texts) or any("=" in name or not name for name in params.env):
        raise StepError("params", "NUL in a text, or a variable without a proper name")
    if not 0 < params.max_output <= MOST_OUTPUT:
        raise StepError("params", f"`max_output` is 1 to {MOST_OUTPUT}")
    return time_limit(params.timeout)


def _environment(params: ExecParams) -> dict[str, str]:
    known = {name: os.environ[name] for name in INHERITED if name in os.environ}
    return {**known, **params.env}


async def _talk(process: Process, params: ExecParams) -> tuple[str, str]:
    """Write the input and read both outputs to their ends."""
    talks = [
        asyncio.ensure_future(_read(process.stdout, params.max_output, "standard output")),
        asyncio.ensure_future(_read(process.stderr, params.max_output, "standard error")),
    ]
    writing = asyncio.ensure_future(_write(process, params.stdin))
    try:
        out, err = await asyncio.gather(*talks)
        await writing
    finally:
        for task in (*talks, writing):
            task.cancel()
        await asyncio.gather(*talks, writing, return_exceptions=True)
    return out, err


async def _read(stream: asyncio.StreamReader | None, bound: int, what: str) -> str:
    data = bytearray()
    while stream is not None and (piece := await stream.read(_PIECE)):
        data += piece
        if len(data) > bound:
            text = f"{what} has more than {bound} bytes; `max_output` bounds it"
            raise StepError("exec.output", text)
    return data.decode("utf-8", "replace")


async def _write(process: Process, text: str | None) -> None:
    if text is None or process.stdin is None:
        return
    with suppress(ConnectionError):  # the program need not read what it is given
        process.stdin.write(text.encode())
        await process.stdin.drain()
    process.stdin.close()


async def _kill(process: Process) -> None:
    """Kill what is left of the program and all it started, and wait for it.

    What it has written is thrown away: asyncio counts a process as ended only when its pipes are.
    """
    kill_all_of(process)
    with suppress(TimeoutError):  # something it started has left its session and holds a pipe
        async with asyncio.timeout(GRACE):
            for stream in (process.stdout, process.stderr):
                while stream is not None and await stream.read(_PIECE):
                    pass
            await process.wait()
