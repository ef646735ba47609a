"""Killing a process with all that it has started.

Processes that we start lead a session and a group of their own, and a group is killed at once.
What has left the group (``setsid``, a shell with job control) is found on Linux by its parents, as
long as those are alive. Where a process has left the group and its parent has ended (a daemon),
nothing says any more who has started it, and it stays. Elsewhere the group is all that is killed,
and on Windows the process alone.
"""

from __future__ import annotations

import os
import signal
import sys
from asyncio.subprocess import Process
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

#: Processes that are looked for: enough for a build, not for one that forks for ever.
MOST: Final = 1_000
#: What a process has to be started with to be killed with all that it starts.
APART: Final[dict[str, Any]] = {} if sys.platform == "win32" else {"start_new_session": True}
_PROC: Final = Path("/proc")


def kill_all_of(process: Process) -> None:
    """Kill a process that was started with ``APART``, its group, and what it and those below it
    have started. Does not wait for their ends."""
    with suppress(ProcessLookupError, PermissionError):
        if sys.platform == "win32":
            process.kill()
            return
        # One that has ended may have a successor with its number; a group that still has members
        # keeps its number for itself.
        below = [] if process.returncode is not None else _below(process.pid)
        for pid in below:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        os.killpg(process.pid, signal.SIGKILL)


def _below(pid: int) -> list[int]:
    """All that a process of ours has started, and those have started.

    Each is stopped before its children are read: so it starts no more of them, and those that end
    keep their numbers, for nobody takes note of their ends.
    """
    found: list[int] = []
    waiting = [pid]
    while waiting and len(found) < MOST:
        parent = waiting.pop()
        with suppress(OSError):
            os.kill(parent, signal.SIGSTOP)
            children = _children(parent)
            found += children
            waiting += children
    return found


def _children(pid: int) -> list[int]:
    """The children of a process, by the threads that have started them; none where the system does
    not say."""
    found: list[int] = []
    for task in (_PROC / str(pid) / "task").glob("*/children"):
        with suppress(OSError):  # a thread that has ended meanwhile
            found += [int(word) for word in task.read_text("ascii").split()]
    return found
