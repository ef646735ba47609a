"""The crash matrix: processes that kill themselves at named boundaries, and others that go on.

``python -m crash.matrix --kills 500`` submits jobs, lets a process work at each until it is killed
at a boundary, lets the next one go on and be killed at another, and at last one that is not. Every
process is a fork of one that has imported everything; none shares anything with another but the
store's file and the *ledger*, to which the handlers append what they did. What has to hold is read
from the ledger and from the journal (:mod:`crash.judge`). The stories take turns: an order
(:mod:`crash.orders`), a job that is completed, retried and forked from outside (:mod:`crash.desk`),
jobs that fail and tell so (:mod:`crash.alarms`), those of a schedule (:mod:`crash.ticks`), a job
that is cancelled by force (:mod:`crash.stops`), one of a machine that is sent events
(:mod:`crash.tickets`), a bare one (:mod:`crash.records`), and jobs that begin before they are
written (:mod:`crash.clerks`).

``--break effects``: effects leave before what caused them is durable. ``--break keys``: calls get
fresh idempotency keys. Either must be found out.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from crash.alarms import Alarm
from crash.clerks import Clerk
from crash.desk import Desk
from crash.judge import Finding
from crash.orders import Order
from crash.records import Record
from crash.stage import Story
from crash.stops import Stop
from crash.tickets import Ticket
from crash.ticks import Tick

STORIES: tuple[type[Story], ...] = (Order, Desk, Alarm, Tick, Stop, Ticket, Record, Clerk)
#: How often a boundary is passed before the kill, and once.
TIMES = (1, 1, 1, 1, 2, 3, 5)
#: Kills a job: five claims without an event in between park it, as they have to.
MOST = 4


def boundaries(stories: Sequence[type[Story]] = STORIES) -> list[str]:
    """Where a process may be killed: story, process, boundary."""
    return [
        f"{story.__name__.lower()} {kind}: {boundary}"
        for story in stories
        for kind, known in story.boundaries.items()
        for boundary in known
    ]


class Matrix:
    """Jobs, kills and what was found."""

    def __init__(self, seed: int, broken: str | None, only: Sequence[str]) -> None:
        self.boundaries = list(only)
        names = {one.split(" ", 1)[0] for one in only}
        self.stories = [story for story in STORIES if story.__name__.lower() in names]
        self.random = random.Random(seed)
        self.broken = broken
        self.kills: Counter[str] = Counter()
        self.tries: Counter[str] = Counter()
        self.jobs = 0
        self.findings: list[Finding] = []

    def run(self, kills: int) -> None:
        """Jobs until so many processes were killed."""
        while self.kills.total() < kills and not self.findings:
            story = self.stories[self.jobs % len(self.stories)]
            with tempfile.TemporaryDirectory(prefix="crash") as folder:
                self._job(story(Path(folder), self.broken))
            self.jobs += 1

    def _job(self, story: Story) -> None:
        if story.process("submit"):
            self.findings.append(Finding("lost", "the job could not be submitted"))
            return
        used: set[str] = set()
        kills = 0
        for turn in range(self.random.randint(*story.turns)):
            kind = list(story.boundaries)[turn % len(story.boundaries)]
            place = self._where(story, kind, used)
            if place is None:
                status = story.process(kind)
            else:
                used.add(place)
                self.tries[place] += 1
                number = 1 if kind == "operator" else self.random.choice(TIMES)
                status = story.process(kind, place.partition(": ")[2], number)
            if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
                self.kills[str(place)] += 1
                kills += 1
                if kills == MOST:
                    break
            elif status:
                self.findings.append(Finding("stuck", f"a process ended with {status}"))
                return
            elif story.over():
                break
        if not story.finish():
            self.findings.append(Finding("stuck", f"not all came to its end: {story.rows()}"))
            return
        self.findings += story.judge()

    def _where(self, story: Story, kind: str, used: set[str]) -> str | None:
        """The next boundary at which a process of a kind is to be killed: mostly the one that was
        tried least.
        """
        start = f"{type(story).__name__.lower()} {kind}: "
        known = [one for one in self.boundaries if one.startswith(start)]
        rare = [one for one in known if one not in used]
        if not known:
            return None
        if not rare or self.random.random() < 0.3:
            return self.random.choice(known)
        return min(rare, key=lambda one: (self.tries[one], self.random.random()))


def main() -> int:
    """Run the matrix and print what was found; 1 where that is anything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--break", dest="broken", choices=("effects", "keys"))
    parser.add_argument("--only", help="a part of the names of boundaries", default="")
    args = parser.parse_args()
    chosen = [one for one in boundaries() if args.only in one]
    if not chosen:
        parser.error(f"no boundary has {args.only!r} in its name: {', '.join(boundaries())}")
    matrix = Matrix(args.seed, args.broken, chosen)
    began = time.monotonic()
    matrix.run(args.kills)
    found = Counter(finding.kind for finding in matrix.findings)
    report = {
        "kills": matrix.kills.total(),
        "boundaries": len(matrix.kills),
        "of": len(matrix.boundaries),
        "jobs": matrix.jobs,
        "lost": found["lost"],
        "duplicated": found["duplicated"],
        "changed": found["changed"],
        "stuck": found["stuck"],
        "seconds": round(time.monotonic() - began, 1),
        "seed": args.seed,
    }
    for finding in matrix.findings:
        print(f"{finding.kind}: {finding.text}", file=sys.stderr)
    missed = sorted(set(matrix.boundaries) - set(matrix.kills))
    if missed:
        print(f"never come to: {', '.join(missed)}", file=sys.stderr)
    print(json.dumps(report))
    return 1 if matrix.findings else 0


if __name__ == "__main__":
    sys.exit(main())
