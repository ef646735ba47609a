"""Jobs that begin before they are written: a clerk submits them together, and does so again."""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar, Final

from crash.judge import Finding
from crash.stage import HANDLER, OPERATIONS, Killer, Story, sides
from runeskript.engine.runtime import Runtime
from runeskript.engine.submissions import Note, Submission
from runeskript.stores.queries import Put

#: One that has ended when it is written, one whose call leaves then, and one that says more than
#: that with its first slice.
SKRIPTS: Final = {
    "short": "skript: short\ndo: [{return: 1}]\n",
    "paid": "skript: paid\ndo: [{call: work, with: {what: paid}, into: r}, {return: '${r}'}]\n",
    "slow": "skript: slow\ndo: [{wait: 1ms}, {call: work, with: {what: slow}}, {return: 1}]\n",
}


class Clerk(Story):
    """The jobs, one process that works, and one that submits and works."""

    boundaries: ClassVar = {
        "clerk": (*sides("submit", "commit", "result", "end", "timer"), *HANDLER),
        "worker": (*sides(*OPERATIONS, "commit", "result", "end"), *HANDLER),
    }
    turns: ClassVar = (2, 6)
    expected: ClassVar = [
        ("short", frozenset[str]()),
        ("paid", frozenset(("paid",))),
        ("slow", frozenset(("slow",))),
    ]

    def handlers(self, killer: Killer) -> list[Any]:
        """It does what it is told."""
        return [self.work(killer)]

    async def submit(self, runtime: Runtime) -> None:
        """Nothing yet: the clerk does so."""
        self.note("began", "nothing", None)

    async def _process(self, kind: str, killer: Killer) -> None:
        if kind != "clerk":
            await super()._process(kind, killer)
            return
        clerk = self._runtime(killer, self.handlers(killer))
        clerk.notes = lambda notes: [
            Put("audit", f"/{note.job}", {"made": str(note.what)}, 0) for note in notes
        ]
        async with clerk as self.runtime:
            asked = [Submission(text, key=name) for name, text in SKRIPTS.items()]
            made = await asyncio.gather(*(clerk.submit(one, Note(one.key)) for one in asked))
            for one in made:
                self.note("answered", one.row.id)
            await clerk.work(until_idle=True)

    def judge(self) -> list[Finding]:
        """What was answered is there, and each job was written with its note."""
        jobs = {id_ for id_, _, _ in self.rows()}
        answered = {id_ for (id_,) in self.lines("answered")}
        noted = {name[1:] for (name,) in self.select("SELECT name FROM record WHERE tab='audit'")}
        return [
            *super().judge(),
            *(Finding("lost", f"job {id_} was answered") for id_ in sorted(answered - jobs)),
            *(Finding("lost", f"the note of job {id_}") for id_ in sorted(jobs - noted)),
            *(Finding("changed", f"a note of no job: {id_}") for id_ in sorted(noted - jobs)),
        ]
