"""Every document in ``tests/bad`` against its golden findings.

``tests/bad/NAME.yaml`` (or ``.json``) is refused or warned about; ``NAME.yaml.expected`` holds the
rendered findings. ``RUNE_UPDATE=1`` rewrites the golden files.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from runeskript.compiler.load_text import parse_document
from runeskript.compiler.pipeline import check_text, compile_text
from runeskript.compiler.render import render
from runeskript.errors import CompileError
from runeskript.model.catalog import PlainHandler, StaticCatalog
from runeskript.model.codes import CODES
from runeskript.model.diagnostics import Diagnostic, Diagnostics
from runeskript.model.limits import DIAGNOSTICS, DIAGNOSTICS_COUNTED

BAD = Path(__file__).parents[1] / "bad"
DOCUMENTS = sorted(p for p in BAD.iterdir() if p.suffix in (".yaml", ".json"))
UPDATE = os.environ.get("RUNE_UPDATE") == "1"
#: The handlers that the documents may call; they take any parameters.
HANDLERS = ("f", "g", "http.get")


def findings(path: Path) -> tuple[Diagnostic, ...]:
    catalog = StaticCatalog({name: PlainHandler(name) for name in HANDLERS})
    return check_text(path.read_bytes(), path.name, catalog)


def rendered(path: Path) -> str:
    text = path.read_bytes().decode("utf-8-sig", errors="replace")
    return render(findings(path), {path.name: text})


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda p: p.name)
def test_findings_are_the_golden_ones(path: Path) -> None:
    golden = path.with_name(path.name + ".expected")
    actual = rendered(path)
    assert actual, "this document is fine; it does not belong here"
    if UPDATE:
        golden.write_text(actual, encoding="utf-8")
    assert golden.exists(), "no golden file; run with RUNE_UPDATE=1"
    assert actual == golden.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda p: p.name)
def test_every_finding_is_well_formed(path: Path) -> None:
    for item in findings(path):
        assert item.code in CODES
        assert item.span.file == path.name
        assert item.span.line >= 1
        assert item.span.column >= 1
        assert (item.span.end_line, item.span.end_column) >= (item.span.line, item.span.column)
        assert item.message
        assert item.message[-1] not in ".!"
        assert re.fullmatch(r"(/[^/]*)*", item.pointer)


def test_no_golden_file_is_orphaned() -> None:
    documents = {path.name for path in DOCUMENTS}
    for golden in BAD.glob("*.expected"):
        assert golden.name.removesuffix(".expected") in documents


def test_reading_findings_stop_at_the_limit() -> None:
    text = "skript: x\ndo:\n" + "  - lgo: x\n" * (DIAGNOSTICS + 50)
    diagnostics = Diagnostics()
    parse_document(text, "many.yaml", diagnostics)
    assert len(diagnostics.sorted()) == DIAGNOSTICS
    assert diagnostics.dropped == 50
    assert "(and 50 more)" in render(diagnostics.sorted(), {}, dropped=diagnostics.dropped)


@pytest.mark.parametrize(
    "step", ["- lgo: x", "- log: ${a +}", "- log: x\n  lvel: info", "- foo: 1"]
)
def test_a_document_of_errors_is_not_read_to_its_end(step: str) -> None:
    text = "skript: x\ndo:\n" + f"{step}\n" * 5_000
    diagnostics = Diagnostics()
    document = parse_document(text, "many.yaml", diagnostics)
    assert len(diagnostics.sorted()) == DIAGNOSTICS
    assert DIAGNOSTICS_COUNTED <= diagnostics.dropped < DIAGNOSTICS_COUNTED + 10
    assert document is not None
    assert len(document.body) < 2_000
    with pytest.raises(CompileError, match=r"more than 12[0-9][0-9] errors"):
        compile_text(text, "many.yaml")


def test_a_document_of_warnings_is_read_to_its_end() -> None:
    text = "skript: x\nvars: {total: 1}\ndo:\n" + "- log: total * 2\n" * 2_000
    diagnostics = Diagnostics()
    document = parse_document(text, "many.yaml", diagnostics)
    assert document is not None
    assert len(document.body) == 2_000
    assert not diagnostics.has_errors
