"""`schedule` and `on_failure` of whole documents of the graph form: what they are in the native form."""

from __future__ import annotations

import pytest
from tests.support import any_handlers

from runeskript.compiler.explain import explain
from runeskript.compiler.format import format_text
from runeskript.compiler.pipeline import Compiled, Options, compile_text
from runeskript.errors import CompileError
from runeskript.model.ast_value import ast_hash
from runeskript.model.blueprint_codec import digest

NODES = """\
{0}nodes:
{0}  - {{id: start, type: Start, next: work}}
{0}  - {{id: work, type: Function, function: work, output: done, next: end}}
{0}  - {{id: end, type: End, output: done}}
"""
SCHEDULE = (
    """{0}schedule: {{cron: "30 6 * * MON", timezone: UTC, missed: once, overlap: cancel}}\n"""
)
NOTICE = """\
{0}on_failure:
{0}  id: page
{0}  call: page
{0}  with: {{why: "${{error.type}} of ${{job.id}}", n: "${{input.n + error.data.n}}"}}
{0}  retry: {{max: 3, backoff: 1s..2s}}
"""
HEAD = "workflow:\n  id: nightly\n"
LAYOUTS = {
    "flat": "id: nightly\n" + SCHEDULE.format("") + NOTICE.format("") + NODES.format(""),
    "inside": HEAD + SCHEDULE.format("  ") + NOTICE.format("  ") + NODES.format("  "),
    "beside": HEAD + NOTICE.format("") + SCHEDULE.format("") + NODES.format(""),
    "either": HEAD + NOTICE.format("  ") + NODES.format("  ") + SCHEDULE.format(""),
}
NATIVE = (
    "skript: nightly\ninput: {type: [object, 'null']}\n"
    + SCHEDULE.format("")
    + NOTICE.format("")
    + "do:\n  - {call: work}\n"
)


def compiled(text: str) -> Compiled:
    return compile_text(text, "nightly.yaml", any_handlers("work", "page"), Options(keep=True))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_they_may_stand_where_the_nodes_may_and_mean_the_same(layout: str) -> None:
    found = compiled(LAYOUTS[layout])
    assert found.diagnostics == ()
    flat = compiled(LAYOUTS["flat"])
    assert explain(found, "parse") == explain(flat, "parse")
    assert found.blueprint.schedule == flat.blueprint.schedule is not None
    assert len(found.children) == len(flat.children) == 1


def test_they_are_what_they_are_in_the_native_form() -> None:
    """What is done on a failure is the very same skript, byte for byte."""
    graph, native = compiled(LAYOUTS["flat"]), compiled(NATIVE)
    assert graph.blueprint.schedule == native.blueprint.schedule
    assert graph.blueprint.schedule is not None
    assert graph.blueprint.schedule.overlap == "cancel"
    (notice,) = graph.children.values()
    assert graph.blueprint.on_failure == digest(notice) == native.blueprint.on_failure


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_formatter_keeps_them(layout: str) -> None:
    once = format_text(LAYOUTS[layout])
    assert ast_hash(compiled(once).document) == ast_hash(compiled(LAYOUTS[layout]).document)
    assert format_text(once) == once


def test_the_formatter_knows_their_place() -> None:
    text = "on_failure:\n  with: {}\n  call: f\nschedule:\n  missed: all\n  every: 1h\nid: a\n"
    assert format_text(NODES.format("") + text) == (
        "id: a\nschedule:\n  every: 1h\n  missed: all\non_failure:\n  call: f\n  with: {}\n"
        + NODES.format("")
    )


def test_a_mistake_in_a_document_without_nodes_is_found_too() -> None:
    with pytest.raises(CompileError) as refused:
        compiled("workflow: {id: a, on_failure: {log: hm}}\nschedule: {}\n")
    assert [d.code for d in refused.value.diagnostics] == ["RUNE-1101", "RUNE-1130", "RUNE-1131"]
