"""Whatever an operator retries, and how often: no number means two things to the world outside."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from properties.test_programs import check_replay, compiled, events, examples
from properties.test_resume import Restarted
from runeskript.errors import RetryError, StepError
from runeskript.kernel import Program, Ready, outstanding, resume
from runeskript.kernel.retrying import plan_retry
from runeskript.model.batches import unfold_effects, unfold_events
from runeskript.model.effects import ListenDrop
from runeskript.model.events import Retried
from runeskript.testing import After, Outcome, Simulation
from runeskript.testing.agenda import Agenda

#: Retries of one job.
MOST = 3


class Operated(Simulation):
    """A simulation that somebody retries."""

    def retry(self) -> bool:
        """Go on from the failed step, as a worker would that knows the journal alone; whether that
        is possible.
        """
        try:
            event = plan_retry(self.program, self.journal, self.now)
        except RetryError:
            return False
        ended = Ready()
        ended.effects = [ListenDrop(path, m, None) for path, m in self.listening]
        self._record(ended)
        self.finished, self.queue, self.agenda = None, [], Agenda()
        self.deaf.clear()
        self.journal.append(event)
        found = resume(self.program, self.journal)
        self.run_state = found.run
        effects, _ = outstanding(self.program, found.run, self.now, fresh=True)
        calls = sorted(unfold_effects(effects), key=attrgetter("path"))  # however they are grouped
        again = Ready()
        again.effects = [*found.timers.values(), *found.listens.values(), *calls]
        self._record(again)
        return True

    def run_on(self) -> Outcome:
        """To its end, with as many retries as there may be."""
        for _ in range(MOST):
            if self.run(20_000).status != "Failed" or not self.retry():
                break
        return self.run(20_000)


class Forgetful(Operated, Restarted):
    """The same, that loses its memory whenever it rests."""


@st.composite
def documents(draw: Callable[[Any], Any]) -> dict[str, Any]:
    """Calls, messages and draws, in forks that begin their branches one after the other, in blocks
    with a ``finally``.
    """
    count = itertools.count(1)

    def block(depth: int, most: int = 3) -> list[dict[str, Any]]:
        return [step(depth) for _ in range(draw(st.integers(1, most)))]

    def call() -> dict[str, Any]:
        given = {"site": next(count), "r": "${r}"}
        given |= draw(st.sampled_from([{}, {"u": "${uuid()}"}, {"at": "${timestamp(now())}"}]))
        found: dict[str, Any] = {"call": "work", "with": given, "into": "r"}
        if draw(st.integers(0, 3)) == 0:
            found["retry"] = {"max": 2, "backoff": "1ms"}
        return found

    def step(depth: int) -> dict[str, Any]:
        kind = draw(st.integers(0, 9 if depth else 4))
        if kind < 3:
            return call()
        if kind == 3:
            return {"emit": "made", "key": "uuid()", "with": {"r": "${r}", "site": next(count)}}
        if kind == 4:
            return {"wait": draw(st.sampled_from(["1ms", "4ms"]))}
        if kind < 8:
            return {"try": block(depth - 1), "finally": block(depth - 1, 2)}
        body = [call()] if kind == 8 else block(depth - 1)
        limit = draw(st.sampled_from([1, 2, True]))
        return {"for": f"i{depth}", "in": "range(4)", "parallel": limit, "do": body}

    steps = block(3)
    return {"skript": "p", "vars": {"r": 0}, "do": [*steps, {"return": "${r}"}]}


def answering(moods: Sequence[str]) -> dict[str, Callable[[dict[str, Any]], Any]]:
    """A handler whose answers depend on how often it was called."""
    number = itertools.count()

    def work(params: dict[str, Any]) -> Any:
        at = next(number)
        mood = moods[at % len(moods)]
        error = StepError("boom", "no", retryable=mood == "again")
        if mood in ("boom", "again"):
            raise error
        return {"at": at, "late": After(3, at), "in vain": After(2, error)}[mood]

    return {"work": work}


def retried(
    code: Program, moods: Sequence[str], seed: int, kind: type[Operated] = Operated
) -> Outcome:
    return kind(code, answering(moods), shuffle=seed).run_on()


def check_numbers(outcome: Outcome) -> None:
    """A key has one meaning for ever, and so has what was drawn, and the id of a message."""
    meaning: dict[Any, Any] = {}
    drawn: dict[Any, Any] = {}
    for call in outcome.calls:
        key = call.path, call.n
        said = call.step, call.handler, call.params
        assert meaning.setdefault(key, said) == said
        if "u" in call.params:
            assert drawn.setdefault(call.params["u"], key) == key
    for message in outcome.messages:
        assert drawn.setdefault(message.key, message.id) == message.id
    ids = [message.id for message in outcome.messages]
    assert len(ids) == len(set(ids))


MOODS = st.lists(st.sampled_from(["at", "at", "late", "late", "boom", "again", "in vain"]))


@examples(60)
@given(documents(), MOODS.filter(bool), st.integers(0, 2**32))
def test_a_key_has_one_meaning(document: dict[str, Any], moods: list[str], seed: int) -> None:
    """Also where the run is put together anew at each rest, and without the optimizer."""
    code = compiled(document)
    outcome = retried(code, moods, seed)
    assert outcome.status != "Running"
    if not any(isinstance(event, Retried) for event in outcome.journal):
        return
    check_numbers(outcome)
    check_replay(code, outcome)
    again = retried(code, moods, seed, Forgetful)
    assert events(again) == events(outcome)
    assert again.trace == outcome.trace
    plain = retried(compiled(document, passes=()), moods, seed)
    assert list(unfold_events(events(plain))) == list(unfold_events(events(outcome)))
    assert plain.trace == outcome.trace
