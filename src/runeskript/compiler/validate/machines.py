"""What can be proved of a machine before a job runs it.

States that no job comes to or leaves, transitions that are never taken, events that nobody takes:
each says that the table is not what somebody meant. Of the transitions of one event, the first in
order that may be taken is, so one that leaves nothing to those behind it makes them dead.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping
from typing import Final

from ...model.ast import IR, Document, Machine, State, Transition
from ...model.diagnostics import Diagnostics
from ...model.machine import DONE, FAILED
from ...model.spans import Span
from ..draws import drawing_functions
from .guards import Guards

#: Earlier transitions of the same event that one is compared with; nobody reads more.
_COMPARED: Final = 100
#: States that a message names.
_NAMED: Final = 5

#: Why a transition is not taken: code's message and hint, and the one that is taken in its place.
_Reason = tuple[str, "str | None", "Transition | None"]


def check_machine(document: Document, machine: Machine, found: Diagnostics) -> None:
    """Every check of this module. Of a machine whose states are known to be there."""
    _Proof(machine, Guards(drawing_functions(document)), found).run()


class _Proof:
    """The table, sorted for the questions that are asked of it."""

    def __init__(self, machine: Machine, guards: Guards, found: Diagnostics) -> None:
        self.machine = machine
        self.guards = guards
        self.found = found
        self.states: Mapping[str, State] = {state.name: state for state in machine.states}
        #: State -> its transitions in order.
        self.leaving: defaultdict[str, list[Transition]] = defaultdict(list)
        #: (state, event) -> the transitions that are tried, in order.
        self.tried: defaultdict[tuple[str, str], list[Transition]] = defaultdict(list)
        for transition in machine.transitions:
            for source in transition.sources:
                self.leaving[source].append(transition)
                self.tried[source, transition.event].append(transition)
        self.conditions = {id(t): _condition(t) for t in machine.transitions}
        self.reached = self._reached()
        #: Pairs of transitions that were compared: by their identities.
        self.compared: set[tuple[int, int]] = set()

    def run(self) -> None:
        """Every check, in the order of the document."""
        for state in self.machine.states:
            self._check_state(state)
        for transition in self.machine.transitions:
            self._check_transition(transition)

    def _reached(self) -> set[str]:
        """The states that transitions lead to from the first."""
        reached = {self.machine.initial}
        waiting = [self.machine.initial]
        while waiting:
            for transition in self.leaving[waiting.pop()]:
                if transition.to not in reached:
                    reached.add(transition.to)
                    waiting.append(transition.to)
        return reached

    # --- states -----------------------------------------------------------------------------------
    def _check_state(self, state: State) -> None:
        site, ways = state.site, self.leaving[state.name]
        if state.name not in self.reached:
            self.found.add(
                "RUNE-3042",
                f"no job comes to the state `{state.name}`: no transition leads there from "
                f"`{self.machine.initial}`",
                site.span,
                site.pointer,
                "add the transition, or delete the state",
            )
            return
        if not state.final and not ways:
            self.found.add(
                "RUNE-3043",
                f"no job leaves the state `{state.name}`, and it is not final",
                site.span,
                site.pointer,
                "add a transition, or `final: true`",
            )
            return
        taken = {transition.event for transition in ways}
        if state.after is not None and state.then is not None and state.then not in taken:
            self.found.add(
                "RUNE-3046",
                f"no transition from `{state.name}` takes the event `{state.then}` of its timeout",
                state.after.span,
                f"{site.pointer}/timeout/event",
                f"add `{{from: {state.name}, event: {state.then}, to: …}}`",
            )
        for event, what in ((DONE, "has ended"), (FAILED, "has failed")):
            if state.do is not None and event not in taken:
                self.found.add(
                    "RUNE-3047",
                    f"no transition from `{state.name}` takes `{event}`: that its activity {what} "
                    "changes nothing",
                    site.span,
                    f"{site.pointer}/do",
                    f"add `{{from: {state.name}, event: {event}, to: …}}`",
                )

    # --- transitions ------------------------------------------------------------------------------
    def _check_transition(self, transition: Transition) -> None:
        sources = [source for source in transition.sources if source in self.reached]
        if transition.guard is not None and self.guards.never(self.conditions[id(transition)]):
            guard = transition.guard
            message = "this transition is never taken: its guard is never true"
            self.found.add("RUNE-3044", message, guard.span, guard.pointer)
            return
        dead: dict[str, _Reason] = {}
        for source in sources:
            reason = self._dead(transition, source)
            if reason is not None:
                dead[source] = reason
        if dead:
            self._report_dead(transition, sources, dead)
        for source in sources:
            if source not in dead:
                self._check_overlaps(transition, source)

    def _dead(self, transition: Transition, source: str) -> _Reason | None:
        """Why a transition is never taken from a state."""
        event = transition.event
        if event in (DONE, FAILED) and self.states[source].do is None:
            return f"`{event}` is raised by the end of an activity", "give the state a `do`", None
        for earlier in self._earlier(transition, source):
            if _covers(earlier, transition) and self._first_wins(earlier, transition):
                return "one above it is taken in its place", None, earlier
        return None

    def _earlier(self, transition: Transition, source: str) -> Iterable[Transition]:
        """The transitions that are tried before one, the nearest last."""
        before: deque[Transition] = deque(maxlen=_COMPARED)
        for other in self.tried[source, transition.event]:
            if other is transition:
                break
            before.append(other)
        return before

    def _first_wins(self, earlier: Transition, later: Transition) -> bool:
        """Whether the earlier is taken wherever the later may be."""
        if earlier.guard is None:
            return True
        return self.guards.implies(self.conditions[id(later)], self.conditions[id(earlier)])

    def _report_dead(
        self, transition: Transition, sources: list[str], dead: Mapping[str, _Reason]
    ) -> None:
        why, hint, earlier = next(iter(dead.values()))
        where = f" from {_named(dead)}" if len(dead) < len(sources) else ""
        related: tuple[tuple[Span, str], ...] = ()
        if earlier is not None:
            related = ((earlier.site.span, "this is taken"),)
            hint = "guards are tried in the order of the text: the narrower comes first"
        self.found.add(
            "RUNE-3044",
            f"this transition is never taken{where}: {why}",
            transition.site.span,
            transition.site.pointer,
            hint,
            related=related,
        )

    def _check_overlaps(self, later: Transition, source: str) -> None:
        """Guards of one event that may both be true."""
        if later.guard is None:
            return  # whatever the others leave
        for earlier in self._earlier(later, source):
            pair = (id(earlier), id(later))
            if pair in self.compared or earlier.guard is None:
                continue
            self.compared.add(pair)
            if not _meet(earlier, later) or _alike(earlier, later):
                continue
            if self.guards.apart(*[self.conditions[at] for at in pair]) is False:
                self.found.add(
                    "RUNE-3045",
                    f"this guard of `{later.event}` and an earlier one may both be true: then the "
                    "earlier counts",
                    later.guard.span,
                    later.guard.pointer,
                    'leave out the last guard for "else", or say what tells them apart',
                    related=((earlier.guard.span, "the earlier one"),),
                )
                return


def _condition(transition: Transition) -> IR:
    """What has to be true for a transition, the name of its event included."""
    own: IR = ("const", True) if transition.guard is None else transition.guard.ir
    event: IR = ("item", ("name", "event"), ("const", "name"))
    return ("and", (("compare", event, (("==", ("const", transition.event)),)), own))


def _covers(earlier: Transition, later: Transition) -> bool:
    """Whether everybody who may trigger the later may trigger the earlier."""
    if earlier.roles is None:
        return True
    return later.roles is not None and set(later.roles) <= set(earlier.roles)


def _meet(earlier: Transition, later: Transition) -> bool:
    """Whether one role may trigger both; a later one for everybody is what others are left."""
    if earlier.roles is None:
        return True
    return later.roles is not None and not set(later.roles).isdisjoint(earlier.roles)


def _alike(earlier: Transition, later: Transition) -> bool:
    """Whether it makes no difference which of two is taken."""
    return earlier.to == later.to and not earlier.do and not later.do


def _named(states: Iterable[str]) -> str:
    """Some states in a message."""
    names = [f"`{name}`" for name in states]
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
