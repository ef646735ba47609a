"""``allow``: what it silences, where it reaches, and how a silence can be wrong."""

from __future__ import annotations

import pytest

from lints.linting import CATALOG, codes, lints
from runeskript.compiler.frontends.builder import Skript, step
from runeskript.compiler.load_text import parse_document
from runeskript.compiler.pipeline import Options, check_text, compile_document, compile_text
from runeskript.model.ast_value import ast_hash
from runeskript.model.blueprint_codec import digest
from runeskript.model.diagnostics import Diagnostics

RETRIED = """\
skript: x
{head}do:
  - do:
      - call: f
        retry: {{max: 2}}
{inner}{outer}"""


def retried(head: str = "", inner: str = "", outer: str = "") -> str:
    return RETRIED.format(
        head=head and f"allow: {head}\n",
        inner=inner and f"        allow: {inner}\n",
        outer=outer and f"    allow: {outer}\n",
    )


WHY = "{RUNE-3101: the service deduplicates}"
NAMED = "{retry-repeats: the service deduplicates}"


@pytest.mark.parametrize("why", [WHY, NAMED])
def test_a_silence_covers_its_step_the_steps_inside_and_the_document(why: str) -> None:
    assert codes(retried()) == ["RUNE-3101"]
    assert codes(retried(inner=why)) == []
    assert codes(retried(outer=why)) == []
    assert codes(retried(head=why)) == []


def test_a_silence_does_not_reach_the_next_step() -> None:
    text = "- log: x\n  allow: {RUNE-3101: why}\n- call: f\n  retry: {max: 2}"
    assert codes(text) == ["RUNE-3100", "RUNE-3101"]


def test_the_innermost_silence_is_the_one_that_is_used() -> None:
    found = lints(retried(inner=WHY, outer=WHY))
    assert [(d.code, d.pointer) for d in found] == [("RUNE-3100", "/do/0/allow/RUNE-3101")]


def test_a_needless_silence_can_be_allowed_and_that_be_needless() -> None:
    needless = "{RUNE-3110: later, needless-silence: the step is under construction}"
    assert codes(f"- log: x\n  allow: {needless}") == []
    assert codes("- log: x\n  allow: {needless-silence: nothing}") == ["RUNE-3100"]


def test_warnings_of_all_stages_can_be_silenced() -> None:
    parse = "- return: total * 2\n  allow: {looks-like-expression: it is a text}"
    text = f"skript: x\nvars: {{total: 1}}\ndo:\n  - log: ${{total}}\n  {parse}"
    assert codes(text.replace("\n  allow", "\n    allow")) == []
    flow = "- if: input.a\n  set: {b: 1}\n- log: ${b}\n  allow: {maybe-unset: a is always given}"
    assert codes(flow) == []


def test_without_lints_silences_count_and_are_not_judged() -> None:
    flow = "skript: x\ndo:\n- if: input.a\n  set: {b: 1}\n- log: ${b}\n"
    assert [d.code for d in check_text(flow)] == ["RUNE-3011"]
    assert check_text(flow + "  allow: {maybe-unset: why, RUNE-3110: why}\n") == ()


@pytest.mark.parametrize(
    ("allow", "words"),
    [
        ("{RUNE-3101: ''}", "without a reason"),
        ("{RUNE-3101: null}", "without a reason"),
        ("{RUNE-3101: [a]}", "without a reason"),
        ("{RUNE-3001: why}", "is an error and cannot be silenced"),
        ("{unknown-name: why}", "is an error and cannot be silenced"),
        ("{RUNE-9999: why}", "there is no finding `RUNE-9999`"),
        ("{retry-repeat: why}", "there is no finding `retry-repeat`"),
    ],
)
def test_a_silence_that_cannot_be_is_an_error(allow: str, words: str) -> None:
    found = lints(f"- call: safe\n  allow: {allow}")
    assert [d.code for d in found] == ["RUNE-1129"]
    assert words in found[0].message


def test_the_nearest_match_is_of_the_kind_that_was_written() -> None:
    assert lints("- log: x\n  allow: {retry-repeat: y}")[0].hint == "did you mean `retry-repeats`?"
    assert "RUNE-31" in (lints("- log: x\n  allow: {RUNE-3191: y}")[0].hint or "")


@pytest.mark.parametrize("allow", ["[RUNE-3101]", "RUNE-3101", "3", "{}"])
def test_an_allow_of_another_shape_is_refused(allow: str) -> None:
    found = codes(f"- log: x\n  allow: {allow}")
    assert found in (["RUNE-1102"], ["RUNE-1123"])


def test_a_code_and_its_name_are_the_same_finding() -> None:
    assert codes("- log: x\n  allow: {RUNE-3101: a, retry-repeats: b}")[0] == "RUNE-1118"


def test_the_identity_of_a_skript_does_not_depend_on_its_silences() -> None:
    plain, silenced = retried(), retried(head=WHY, inner=WHY)
    one, other = (parse_document(text, "x.yaml", Diagnostics()) for text in (plain, silenced))
    assert one is not None
    assert other is not None
    assert ast_hash(one) == ast_hash(other)
    first, second = (compile_text(text, "x.yaml", CATALOG) for text in (plain, silenced))
    assert digest(first.blueprint) == digest(second.blueprint)


def test_the_builder_takes_silences() -> None:
    s = Skript("x", allow={"RUNE-3110": "an example"})
    with s.do(allow={"retry-repeats": "the service deduplicates"}):
        s.call("f", retry={"max": 2}, undo=step.call("g", retry={"max": 2}))
    s.set(a=1)
    assert s.to_value()["do"][0]["allow"] == {"retry-repeats": "the service deduplicates"}  # type: ignore[index, call-overload]
    quiet = Options(lint=True, levels={"RUNE-3140": "off"})
    compiled = compile_document(s.document(), CATALOG, quiet)
    assert compiled.diagnostics == ()


def test_a_silence_of_a_child_is_its_own() -> None:
    child = "skript: child\ndo:\n  - call: f\n    retry: {max: 2}\n"
    parent = "skript: parent\nallow: {RUNE-3101: why}\ndo:\n  - run: ./child.yaml\n"

    def found(text: str) -> list[tuple[str, str]]:
        options = Options(lambda _path, _file: text, lint=True, levels={"RUNE-3140": "off"})
        rows = check_text(parent, "parent.yaml", CATALOG, options)
        return [(d.span.file, d.code) for d in rows]

    needless = ("parent.yaml", "RUNE-3100")
    assert found(child) == [("child.yaml", "RUNE-3101"), needless]
    assert found(child + "    allow: {RUNE-3101: why}\n") == [needless]


# --- levels -----------------------------------------------------------------------------------
def test_a_level_changes_what_a_finding_counts() -> None:
    text = retried()
    assert [d.severity for d in lints(text)] == ["warning"]
    assert [d.severity for d in lints(text, RUNE3101="info")] == ["info"]
    assert [d.severity for d in lints(text, RUNE3101="error")] == ["error"]
    assert lints(text, RUNE3101="off") == ()


def test_a_silence_beats_a_level_and_off_needs_no_silence() -> None:
    assert codes(retried(inner=WHY), RUNE3101="error") == []
    assert codes(retried(inner=WHY), RUNE3101="off") == []


def test_a_finding_raised_to_an_error_before_its_silence_is_known() -> None:
    text = "skript: x\nvars: {total: 1}\ndo:\n  - log: ${total}\n  - return: total * 2\n"
    assert [d.severity for d in lints(text, RUNE1124="error")] == ["error"]
    assert lints(text + "    allow: {RUNE-1124: a text}\n", RUNE1124="error") == ()


def test_an_error_that_the_table_calls_a_warning_stays() -> None:
    """What a parallel body lost and nothing else sets is an error, though the code is a warning."""
    text = (
        "- for: i\n  in: [1]\n  parallel: 2\n  do: [{set: {a: 1}}]\n"
        "- log: ${a}\n  allow: {lost-write: why}"
    )
    found = [d for d in lints(text, RUNE3013="off") if d.code == "RUNE-3013"]
    assert [d.severity for d in found] == ["error"]
