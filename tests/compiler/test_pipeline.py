"""The entries of the compiler: stages, options, child skripts, documents built in Python."""

from __future__ import annotations

import gc
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import pytest

from runeskript.compiler import pipeline
from runeskript.compiler.pipeline import (
    STAGES,
    Options,
    check_text,
    compile_document,
    compile_text,
)
from runeskript.errors import CompileError
from runeskript.model import ast
from runeskript.model.ast import Expr, Site, Target, Var
from runeskript.model.blueprint import Debug
from runeskript.model.blueprint_codec import digest
from runeskript.model.catalog import EMPTY
from runeskript.model.collector import LARGE, unpaused
from support import any_handlers

SIMPLE = "skript: simple\ndo:\n  - return: 1\n"


def files(**texts: str) -> Options:
    """Options whose resolver knows some files by name; a folder is part of the name."""

    def resolve(path: str, file: str) -> str:
        name = path.removeprefix("./").removesuffix(".yaml").replace("/", "_")
        if name not in texts:
            raise FileNotFoundError(2, "No such file or directory")
        return texts[name]

    return Options(resolve)


def test_the_order_of_the_stages() -> None:
    names = [name for group in STAGES for name, _ in group]
    assert names == [
        "read",
        "parse",
        "expand",
        "validate",
        "lint",
        "pin",
        "optimize",
        "codegen",
        "assemble",
        "verify",
    ]


def test_all_errors_of_a_document_at_once() -> None:
    text = "skript: x\nfoo: 1\ndo:\n  - lgo: x\n  - call: nothing\n  - log: ${gone}\n"
    codes = [d.code for d in check_text(text)]
    assert codes == ["RUNE-1100", "RUNE-1103", "RUNE-3007", "RUNE-3001"]


def test_what_a_broken_step_would_set_is_not_reported_as_unknown() -> None:
    text = "skript: x\ndo:\n  - call: [1]\n    into: x\n  - log: ${x}\n"
    assert [d.code for d in check_text(text)] == ["RUNE-1102"]


def test_compile_error_carries_the_diagnostics() -> None:
    with pytest.raises(CompileError) as caught:
        compile_text("skript: x\ndo: [{call: a}, {call: b}]", "bad.yaml")
    assert str(caught.value) == "bad.yaml: 2 errors"
    assert len(caught.value.diagnostics) == 2


def test_warnings_come_with_the_blueprint() -> None:
    text = "skript: x\ndo:\n  - if: input.a\n    set: {x: 1}\n  - return: ${x}\n"
    compiled = compile_text(text)
    assert [d.severity for d in compiled.diagnostics] == ["warning"]


def test_yaml_and_json_give_the_same_program() -> None:
    yaml = compile_text(SIMPLE)
    json = compile_text('{"skript": "simple", "do": [{"return": 1}]}')
    assert json.blueprint == yaml.blueprint
    assert digest(json.blueprint) == digest(yaml.blueprint)


def test_layout_takes_no_part_in_the_identity() -> None:
    other = compile_text("# a comment\nskript: simple\n\ndo: [{return: 1}]", "elsewhere.yaml")
    assert digest(other.blueprint) == digest(compile_text(SIMPLE).blueprint)


def test_stages_are_kept_only_when_asked_for() -> None:
    assert compile_text(SIMPLE).stages == {}
    assert set(compile_text(SIMPLE, options=Options(keep=True)).stages) == {
        "source",
        "tree",
        "document",
        "core",
        "optimized",
        "passes",
    }


def test_without_the_optimizer_every_step_is_its_own_region() -> None:
    text = "skript: x\ndo:\n  - set: {a: 1, b: 2, c: 3}\n  - return: ${a + b + c}\n"
    plain = compile_text(text, options=Options(passes=())).blueprint
    joined = compile_text(text).blueprint
    assert len(plain.regions) == 3
    assert len(joined.regions) == 1


# --- child skripts ----------------------------------------------------------------------------
PARENT = "skript: parent\ndo:\n  - run: ./child.yaml\n  - run: ./child.yaml\n"


def test_a_path_is_pinned_by_digest() -> None:
    compiled = compile_text(PARENT, "p.yaml", options=files(child=SIMPLE))
    child = digest(compile_text(SIMPLE).blueprint)
    assert [(s.name, s.digest) for s in compiled.blueprint.skripts] == [("simple", child)]
    assert set(compiled.children) == {child}


def test_children_of_children_come_along() -> None:
    middle = "skript: middle\ndo:\n  - run: ./leaf.yaml\n"
    options = files(child=middle, leaf=SIMPLE)
    compiled = compile_text(PARENT, "p.yaml", options=options)
    assert sorted(bp.name for bp in compiled.children.values()) == ["middle", "simple"]


def test_errors_of_a_child_are_reported_with_its_file() -> None:
    broken = "skript: broken\ndo:\n  - call: nothing\n"
    found = check_text(PARENT, "dir/p.yaml", options=files(child=broken))
    assert [(d.code, d.span.file) for d in found] == [
        ("RUNE-3007", "dir/child.yaml"),
        ("RUNE-3032", "dir/p.yaml"),
        ("RUNE-3032", "dir/p.yaml"),
    ]


def test_a_cycle_of_files_is_refused() -> None:
    options = files(a="skript: a\ndo: [{run: ./b.yaml}]", b="skript: b\ndo: [{run: ./a.yaml}]")
    found = check_text("skript: a\ndo: [{run: ./b.yaml}]", "a.yaml", options=options)
    cycle = [d for d in found if d.code == "RUNE-3031"]
    assert [d.message for d in cycle] == ["`./a.yaml` runs itself: a.yaml -> b.yaml -> a.yaml"]


@pytest.mark.parametrize("options", [Options(), files()])
def test_a_path_that_cannot_be_read(options: Options) -> None:
    assert [d.code for d in check_text(PARENT, options=options)] == ["RUNE-3030"] * 2


# --- documents built in Python -----------------------------------------------------------------
def document(*steps: ast.Step, **changes: Any) -> ast.Document:
    made = compile_text(SIMPLE).document
    return replace(made, body=steps, **changes)


def number(n: int) -> Expr:
    return Expr(str(n), ("const", n))


def test_a_built_document_compiles() -> None:
    step = ast.Set(Site("/do/0"), None, None, ((Target("x", ()), number(1)),))
    assert compile_document(document(step)).blueprint.name == "simple"


def test_the_names_of_a_built_document_are_checked() -> None:
    bad = ast.Set(
        Site("/do/0", id="one"),
        None,
        None,
        ((Target("input", ()), number(1)), (Target("a b", ()), number(1))),
    )
    again = ast.Log(Site("/do/1", id="one"), None, None, number(1))
    functions = (ast.Function("len", ("x", "x"), number(1)),)
    with pytest.raises(CompileError) as caught:
        compile_document(document(bad, again, functions=functions), EMPTY)
    codes = sorted(d.code for d in caught.value.diagnostics)
    assert codes == ["RUNE-1108", "RUNE-1109", "RUNE-1109", "RUNE-1110", "RUNE-1118"]


def test_flow_jumps_between_its_steps() -> None:
    """The unstructured node of the AST: a loop written with jumps."""
    name = Expr("n", ("name", "n"), names=(ast.Name("n", 0, "variable"),))
    add = Expr("n + 1", ("add", ("name", "n"), ("const", 1)), names=name.names)
    less = Expr("n < 3", ("compare", ("name", "n"), (("<", ("const", 3)),)), names=name.names)
    count = ast.Set(Site("/a"), None, None, ((Target("n", ()), add),))
    end = ast.Return(Site("/b"), None, None, name)
    flow = ast.Flow(
        Site("/do/0"),
        None,
        None,
        ("a", "b"),
        (count, end),
        (((less, 0), (None, 1)), ()),
    )
    made = document(flow, vars=(Var("n", number(0)),))
    from runeskript.testing import Simulation

    compiled = compile_document(made, any_handlers())
    assert Simulation(compiled.blueprint, {}, None).run().output == 3


# --- memory -------------------------------------------------------------------------------------
@pytest.mark.parametrize("keep", [False, True])
def test_what_only_the_checks_need_is_dropped_when_they_are_done(keep: bool) -> None:
    unit = pipeline._unit("t.yaml", EMPTY, Options(keep=keep))
    unit.source = SIMPLE
    pipeline._run(unit)
    assert unit.blueprint is not None
    assert (unit.tree.root is not None, unit.facts is not None, unit.types is not None) == (
        keep, keep, keep,
    )  # fmt: skip
    looked = pipeline.look_into(SIMPLE, "t.yaml")
    assert looked.tree.root is not None and looked.facts is not None and looked.types is not None


@pytest.mark.parametrize(
    ("size", "told", "runs"), [(1, False, True), (LARGE, False, False), (LARGE, True, True)]
)
def test_the_collector_is_paused_for_large_texts(
    size: int, told: bool, runs: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``told``: not to pause it."""
    seen: list[bool] = []
    real = pipeline.generate

    def watched(*given: Any) -> Any:
        seen.append(gc.isenabled())
        return real(*given)

    monkeypatch.setattr(pipeline, "generate", watched)
    with unpaused() if told else nullcontext():
        compile_text(SIMPLE + "#" * size, "t.yaml")
    assert seen == [runs] and gc.isenabled()


def test_spans_that_are_asked_for_later_are_those_of_the_steps() -> None:
    text = "skript: places\ndo:\n  - set: {a: 1}\n  - log: ${a}\n  - return: ${a}\n"
    blueprint = compile_text(text, "t.yaml", options=Options(passes=())).blueprint
    debug = blueprint.debug
    assert debug.span_counts == (len(blueprint.code), len(blueprint.steps))
    assert [str(span) for span in debug.step_spans[1:]] == [
        "t.yaml:3:5",
        "t.yaml:4:5",
        "t.yaml:5:5",
    ]
    assert debug.spans == tuple(debug.step_spans[site] for site in blueprint.sites)
    again = Debug(debug.spans, debug.step_spans, debug.slot_names, debug.source)
    assert again == debug and again.span_counts == debug.span_counts
