"""A machine drawn as its states and transitions: Graphviz ``dot`` or Mermaid, from the AST."""

from __future__ import annotations

from collections.abc import Iterator

from ..model.ast import Machine, State, Transition
from .drawn_text import dot_text, mermaid_text

#: Characters of a guard that are shown.
_SHOWN = 60


def machine_dot(name: str, machine: Machine) -> str:
    """The graph in the language of Graphviz."""
    names = _numbered(machine)
    lines = [
        f"digraph {dot_text(name)} {{",
        '  node [fontname="sans-serif", shape=box, style=rounded]',
        "  start [shape=point]",
    ]
    for state in machine.states:
        ends = ", peripheries=2" if state.final else ""
        label = dot_text("\n".join(_about(state)))
        lines.append(f"  {names[state.name]} [label={label}{ends}]")
    lines.append(f"  start -> {names[machine.initial]}")
    for source, transition in _rows(machine):
        label = dot_text(_label(transition))
        lines.append(f"  {names[source]} -> {names[transition.to]} [label={label}]")
    return "\n".join([*lines, "}"]) + "\n"


def machine_mermaid(machine: Machine) -> str:
    """The graph in the language of Mermaid."""
    names = _numbered(machine)
    lines = ["stateDiagram-v2"]
    for state in machine.states:
        head, *rest = _about(state)
        lines.append(f"  state {mermaid_text(head)} as {names[state.name]}")
        lines += [f"  {names[state.name]} : {_plain(line)}" for line in rest]
    lines.append(f"  [*] --> {names[machine.initial]}")
    for source, transition in _rows(machine):
        lines.append(f"  {names[source]} --> {names[transition.to]} : {_plain(_label(transition))}")
    lines += [f"  {names[state.name]} --> [*]" for state in machine.states if state.final]
    return "\n".join(lines) + "\n"


def _numbered(machine: Machine) -> dict[str, str]:
    return {state.name: f"s{number}" for number, state in enumerate(machine.states, 1)}


def _rows(machine: Machine) -> Iterator[tuple[str, Transition]]:
    for transition in machine.transitions:
        for source in transition.sources:
            yield source, transition


def _about(state: State) -> Iterator[str]:
    """Its name, and what it does by itself."""
    yield state.name
    if state.do is not None:
        yield "has an activity"
    if state.after is not None:
        yield f"after {_short(state.after.source)}: {state.then}"


def _label(transition: Transition) -> str:
    """``submit [GUARD] (roles)``."""
    parts = [transition.event]
    if transition.guard is not None:
        parts.append(f"[{_short(transition.guard.source)}]")
    if transition.roles is not None:
        parts.append(f"({', '.join(transition.roles)})")
    return " ".join(parts)


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


def _plain(text: str) -> str:
    """As ``mermaid_text``, where no quotes stand around it; a `;` would end the line."""
    return mermaid_text(text.replace(";", "\0"))[1:-1].replace("\0", "#59;")
