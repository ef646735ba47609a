"""Each golden case: YAML -> AST -> Blueprint -> trace -> result, and a replay of its journal.

A case states by hand what must come out (``expect``, ``refused``); the golden file shows the rest.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from runeskript.compiler.explain import explain
from runeskript.compiler.pipeline import Compiled, Options, compile_text
from runeskript.errors import CompileError
from runeskript.kernel import load, replay
from runeskript.model.codes import CODES
from runeskript.model.diagnostics import Diagnostic
from runeskript.model.disasm import disassemble
from runeskript.model.events import Finished
from runeskript.testing import Outcome, Simulation
from support import any_handlers, check_golden, mock, pretty

CASES = Path(__file__).parent / "cases"
KEYS = {
    "about",
    "input",
    "handlers",
    "messages",
    "children",
    "env",
    "cancel",
    "turns",
    "expect",
    "runs",
    "refused",
    "warned",
}
EXPECT = {"status", "output", "error", "calls", "logs", "data"}


def setup_of(text: str) -> dict[str, Any]:
    lines = [line[2:] for line in text.splitlines() if line.startswith("#:")]
    header = yaml.safe_load("\n".join(line.removeprefix(" ") for line in lines))
    assert "about" in header, "a case says what it is about"
    assert set(header) <= KEYS, set(header) - KEYS
    assert "refused" in header or "expect" in header or "runs" in header, "a case expects something"
    return header


def compile_case(path: Path, handlers: tuple[str, ...]) -> Compiled:
    text = path.read_text(encoding="utf-8")
    return compile_text(text, path.name, any_handlers(*handlers), Options(_neighbour, keep=True))


def _neighbour(path: str, _file: str) -> str:
    """``run: ./other-case.yaml``."""
    return (CASES / path).read_text(encoding="utf-8")


def simulate_case(setup: dict[str, Any], compiled: Compiled) -> Outcome:
    handlers = {name: mock(spec) for name, spec in setup.get("handlers", {}).items()}
    children: dict[str, Any] = {
        name: load(compile_case(CASES / f"{other}.yaml", tuple(handlers)).blueprint)
        for name, other in setup.get("children", {}).items()
    }
    simulation = Simulation(
        compiled.blueprint,
        handlers,
        setup.get("input"),
        env=setup.get("env"),
        messages=[tuple(m) for m in setup.get("messages", [])],
        children={**children, **compiled.children},
        turns=setup.get("turns", 20_000),
    )
    if "cancel" in setup:
        if isinstance(setup["cancel"], dict):
            for _ in range(setup["cancel"]["steps"]):
                simulation.step()
        else:
            simulation.run_until(setup["cancel"])
        simulation.cancel("operator")
    outcome = simulation.run(10_000)
    check_replay(compiled, outcome)
    return outcome


def check_replay(compiled: Compiled, outcome: Outcome) -> None:
    """Replay gives the same events and, where the run ended, the same end."""
    again = replay(load(compiled.blueprint), outcome.journal)
    if isinstance(outcome.journal[-1], Finished):
        assert again.finished == outcome.journal[-1]


def same(one: Any, other: Any) -> bool:
    """Equal as values of the language: true is not 1, the order of keys does not matter."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def check_expected(expect: dict[str, Any], outcome: Outcome) -> None:
    """What the case says must come out. ``status`` is Completed where it says nothing else."""
    assert set(expect) <= EXPECT, set(expect) - EXPECT
    assert outcome.status == expect.get("status", "Completed"), outcome.error
    if outcome.status == "Completed":
        assert same(outcome.output, expect.get("output"))
    if "error" in expect:
        assert outcome.error is not None
        assert outcome.error["type"] == expect["error"]
    if "data" in expect:
        assert outcome.error is not None
        assert same(outcome.error["data"], expect["data"])
    if "calls" in expect:
        assert [call.handler for call in outcome.calls] == expect["calls"]
    if "logs" in expect:
        assert outcome.logs == expect["logs"]


def render(path: Path) -> str:
    text = path.read_text(encoding="utf-8")
    setup = setup_of(text)
    sections = [("about", setup["about"])]
    try:
        compiled = compile_case(path, tuple(setup.get("handlers", {})))
    except CompileError as exc:
        found = _found(exc.diagnostics)
        wrong = [CODES[d.code].name for d in exc.diagnostics if d.severity == "error"]
        assert wrong == setup.get("refused"), "\n".join(found)
        return _join([*sections, ("diagnostics", "\n".join(found))])
    assert "refused" not in setup, "the document compiles"
    assert [CODES[d.code].name for d in compiled.diagnostics] == setup.get("warned", [])
    sections += [
        ("diagnostics", "\n".join(_found(compiled.diagnostics))),
        ("ast", explain(compiled, "parse")),
        ("blueprint", _blueprint(compiled)),
    ]
    for run in setup.get("runs", [{}]):
        sections += _simulated({**setup, **run}, run, compiled)
    return _join(sections)


def _found(diagnostics: tuple[Diagnostic, ...]) -> list[str]:
    lines = []
    for d in diagnostics:
        lines.append(f"{d.code} {d.severity} {d.span} {d.pointer}: {d.message}")
        lines += [f"  {span}: {caption}" for span, caption in d.related]
        lines += [f"  hint: {d.hint}"] if d.hint else []
    return lines


def _blueprint(compiled: Compiled) -> str:
    """Without its digest, which every change of code generation changes."""
    lines = disassemble(compiled.blueprint).splitlines()
    return "\n".join(line for line in lines if not line.startswith("  digest"))


def _simulated(
    setup: dict[str, Any], run: dict[str, Any], compiled: Compiled
) -> list[tuple[str, str]]:
    outcome = simulate_case(setup, compiled)
    check_expected(setup["expect"], outcome)
    named = {key: value for key, value in run.items() if key != "expect"}
    title = f" {yaml.safe_dump(named, default_flow_style=True, width=999).strip()}" if run else ""
    result = {"status": outcome.status, "output": outcome.output, "error": outcome.error}
    return [(f"trace{title}", "\n".join(outcome.trace)), (f"result{title}", pretty(result))]


def _join(sections: list[tuple[str, str]]) -> str:
    return "\n\n".join(f"== {name}\n{text}".rstrip() for name, text in sections if text)


@pytest.mark.parametrize("path", sorted(CASES.glob("*.yaml")), ids=lambda p: p.stem)
def test_case(path: Path) -> None:
    check_golden(path.with_suffix(".golden"), render(path))


def test_no_orphans() -> None:
    """A golden file without its case would prove nothing."""
    assert {p.stem for p in CASES.glob("*.golden")} <= {p.stem for p in CASES.glob("*.yaml")}
