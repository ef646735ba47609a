"""Each golden case: YAML -> AST -> Blueprint -> trace -> result, and a replay of its journal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from runeskript.compiler.pipeline import Compiled, compile_text
from runeskript.errors import CompileError
from runeskript.kernel import load, replay
from runeskript.model.ast_value import to_value
from runeskript.model.disasm import disassemble
from runeskript.model.events import Finished
from runeskript.testing import Outcome, Simulation
from support import any_handlers, check_golden, mock, pretty

CASES = Path(__file__).parent / "cases"


def setup_of(text: str) -> dict[str, Any]:
    lines = [line[2:] for line in text.splitlines() if line.startswith("#:")]
    header = yaml.safe_load("\n".join(line.removeprefix(" ") for line in lines))
    assert "about" in header, "a case says what it is about"
    return header


def compile_case(path: Path, handlers: tuple[str, ...]) -> Compiled:
    return compile_text(path.read_text(encoding="utf-8"), path.name, any_handlers(*handlers))


def simulate_case(path: Path, setup: dict[str, Any], compiled: Compiled) -> Outcome:
    handlers = {name: mock(spec) for name, spec in setup.get("handlers", {}).items()}
    names = tuple(handlers)
    children = {
        name: load(compile_case(CASES / f"{other}.yaml", names).blueprint)
        for name, other in setup.get("children", {}).items()
    }
    simulation = Simulation(
        compiled.blueprint, handlers, setup.get("input"), env=setup.get("env"),
        messages=[tuple(m) for m in setup.get("messages", [])], children=children,
        turns=setup.get("turns", 20_000),
    )
    if "cancel" in setup:
        for _ in range(setup["cancel"]):
            simulation.step()
        simulation.cancel("operator")
    outcome = simulation.run(setup.get("steps", 10_000))
    check_replay(compiled, outcome)
    return outcome


def check_replay(compiled: Compiled, outcome: Outcome) -> None:
    """Replay gives the same events and, where the run ended, the same end."""
    again = replay(load(compiled.blueprint), outcome.journal)
    if isinstance(outcome.journal[-1], Finished):
        assert again.finished == outcome.journal[-1]


def render(path: Path) -> str:
    text = path.read_text(encoding="utf-8")
    setup = setup_of(text)
    sections = [("about", setup["about"])]
    try:
        compiled = compile_case(path, tuple(setup.get("handlers", {})))
    except CompileError as exc:
        found = [f"{d.code} {d.severity} {d.span} {d.pointer} {d.message}" for d in exc.diagnostics]
        return _join([*sections, ("diagnostics", "\n".join(found))])
    found = [f"{d.code} {d.severity} {d.span} {d.message}" for d in compiled.diagnostics]
    outcome = simulate_case(path, setup, compiled)
    result = {"status": outcome.status, "output": outcome.output, "error": outcome.error}
    sections += [
        ("diagnostics", "\n".join(found)),
        ("ast", pretty(to_value(compiled.document))),
        ("blueprint", disassemble(compiled.blueprint)),
        ("trace", "\n".join(outcome.trace)),
        ("result", pretty(result)),
    ]
    return _join(sections)


def _join(sections: list[tuple[str, str]]) -> str:
    return "\n\n".join(f"== {name}\n{text}".rstrip() for name, text in sections if text)


@pytest.mark.parametrize("path", sorted(CASES.glob("*.yaml")), ids=lambda p: p.stem)
def test_case(path: Path) -> None:
    check_golden(path.with_suffix(".golden"), render(path))


def test_no_orphans() -> None:
    """A golden file without its case would prove nothing."""
    assert {p.stem for p in CASES.glob("*.golden")} <= {p.stem for p in CASES.glob("*.yaml")}
