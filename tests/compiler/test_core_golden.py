"""One document per verb: its core form and its Blueprint against golden files.

``tests/compiler/golden/NAME.yaml`` -> ``NAME.txt``; ``RUNE_UPDATE=1`` rewrites the golden files.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from runeskript.compiler.explain import explain
from runeskript.compiler.pipeline import Options, compile_text
from runeskript.model.disasm import disassemble
from support import any_handlers, check_golden

GOLDEN = Path(__file__).parent / "golden"
DOCUMENTS = sorted(GOLDEN.glob("*.yaml"))


def listing(path: Path) -> str:
    catalog = any_handlers("f", "g")
    compiled = compile_text(path.read_bytes(), path.name, catalog, Options(keep=True))
    warned = "".join(f"{d.code} {d.span} {d.message}\n" for d in compiled.diagnostics)
    # The hashes change with every format and say nothing to a reader.
    lines = disassemble(compiled.blueprint).splitlines()
    shown = [line for line in lines if not line.startswith(("  digest ", "  ast "))]
    parts = [("findings", warned), ("core", explain(compiled, "expand"))]
    parts.append(("blueprint", "\n".join(shown) + "\n"))
    return "\n".join(f"== {name}\n{text}" for name, text in parts if text)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda p: p.stem)
def test_core_and_blueprint(path: Path) -> None:
    check_golden(path.with_suffix(".txt"), listing(path))


def test_no_orphans() -> None:
    assert {p.stem for p in GOLDEN.glob("*.txt")} == {p.stem for p in DOCUMENTS}
