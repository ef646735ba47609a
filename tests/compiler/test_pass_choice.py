"""Which passes run: ``Options.passes``, and what ``explain`` says of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from runeskript.compiler.explain import explain
from runeskript.compiler.passes import PASSES, choose
from runeskript.compiler.pipeline import Options, compile_text
from runeskript.errors import UnknownPassError
from runeskript.model.catalog import PlainHandler, StaticCatalog
from runeskript.model.isa import Op

NAMES = [one.name for one in PASSES]
TEXT = "skript: x\ndo:\n  - set: {a: 1, b: 2}\n  - return: ${a + b}\n"


def test_all_some_and_none() -> None:
    assert choose(None) == PASSES
    assert choose(()) == ()
    assert [one.name for one in choose(reversed(NAMES))] == NAMES, "in the order in which they run"
    assert choose([NAMES[0], NAMES[0]]) == PASSES[:1]


def test_an_unknown_pass_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(UnknownPassError, match="did you mean `join_pure`"):
        choose(["jion_pure"])
    with pytest.raises(UnknownPassError, match="passes: fold, propagate"):
        compile_text(TEXT, options=Options(passes=("zzz",)))


def test_every_pass_says_why_it_pays_and_has_a_document_that_shows_it() -> None:
    folder = Path(__file__).parents[2] / "docs" / "reference" / "passes"
    assert len(set(NAMES)) == len(NAMES)
    assert {path.stem for path in folder.iterdir()} == set(NAMES)
    for one in PASSES:
        assert one.why
        assert one.why == one.why.strip(". ")


def test_explain_shows_what_a_pass_changed() -> None:
    compiled = compile_text(TEXT, options=Options(keep=True, passes=("join_pure",)))
    text = explain(compiled, "optimize")
    assert text.startswith("--- join_pure: ")
    change, _, whole = text.partition("--- after all passes")
    assert "-     pure" in change
    assert compiled.stages["optimized"] in whole


def test_explain_says_so_where_nothing_is_done() -> None:
    for text, passes in ((TEXT, ()), ("skript: x\ndo: [{return: 1}]", None)):
        compiled = compile_text(text, options=Options(keep=True, passes=passes))
        assert explain(compiled, "optimize") == "(the optimizer found nothing to do)\n"
        assert compiled.stages["optimized"] == compiled.stages["core"]


def test_what_catches_nothing_lets_no_call_ahead() -> None:
    """What stands behind an empty `try` is not reached, and no pass has taken it away."""
    text = "skript: t\ndo:\n  - try: []\n    catch: [{do: [{call: work}, {call: work}]}]\n"
    catalog = StaticCatalog({"work": PlainHandler("work", pure=True, idempotent=True)})
    compiled = compile_text(text, "t.yaml", catalog, Options(passes=("group_calls",)))
    calls = [one for one in compiled.blueprint.code if one[0] == Op.CALL]
    assert len(calls) == 2
    assert not any(one[-1] for one in calls)
