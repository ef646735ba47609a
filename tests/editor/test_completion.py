"""Completion in texts that are being written: the place is found whatever is broken around it."""

from __future__ import annotations

import pytest

from editor.marked import KNOWN, MARK, labels, offered
from runeskript.compiler.editor.analysis import Analysis, analyse
from runeskript.compiler.tables import VERBS

HEAD = "skript: a\ndo:\n"
VERB_NAMES = {verb.name for verb in VERBS}


@pytest.mark.parametrize(
    ("text", "first", "absent"),
    [
        # --- keys of the document and of steps
        ("sk¦", {"skript", "do", "vars", "input"}, {"call"}),
        ("skript: a\n¦", {"do", "vars", "catch"}, {"skript"}),
        ("skript: a\nfin¦\ndo:\n  - log: x\n", {"finally", "vars"}, {"do", "skript"}),
        (HEAD + "  - ¦", VERB_NAMES, {"skript"}),
        (HEAD + "  - id: one\n    ¦", VERB_NAMES, {"id"}),
        (HEAD + "  - call: work\n    ¦", {"with", "into", "retry", "timeout"}, {"call", "log"}),
        (HEAD + "  - wi¦\n    call: work\n    into: x\n", {"with", "retry"}, {"into", "call"}),
        (HEAD + "  - if: true\n    then:\n      - log: x\n    ¦", {"elif", "else"}, {"then", "if"}),
        (HEAD + "  - for: x\n    in: input.items\n    ¦", {"do", "collect", "parallel"}, {"in"}),
        (HEAD + "  - try:\n      - log: x\n    catch:\n      - ¦", {"when", "do"}, {"call"}),
        (HEAD + "  - call: work\n    retry:\n      ¦", {"max", "on", "backoff"}, {"with"}),
        (HEAD + "  - call: work\n    retry: {max: 3, ¦", {"on", "backoff"}, {"max"}),
        (HEAD + "  - call: work\n    undo:\n      ¦", {"call", "run"}, {"with"}),
        (HEAD + "  - call: work\n    undo: {call: work, ¦}", {"with"}, {"call"}),
        (HEAD + "  - raise: {¦", {"type", "message", "compensate"}, {"raise"}),
        (HEAD + "  - wait: {¦", {"until"}, {"wait"}),
        (HEAD + "  - parallel:\n      left:\n        - ¦", VERB_NAMES, {"left"}),
        (HEAD + "  - switch: 1\n    cases:\n      - is: 1\n        ¦", {"do"}, {"is"}),
        ("skript: a\nallow:\n  ¦", {"RUNE-3011"}, {"RUNE-1001"}),
        ("skript: a\ninput:\n  type: object\n  ¦", {"properties", "required"}, {"type"}),
        ("skript: a\ninput:\n  properties:\n    user:\n      ¦", {"type", "enum"}, {"do"}),
        # --- parameters
        (HEAD + "  - call: web.fetch\n    with:\n      ¦", {"url", "tries"}, {"call"}),
        (HEAD + "  - call: web.fetch\n    with: {¦", {"url", "tries"}, {"with"}),
        (HEAD + "  - call: web.fetch\n    with: {url: x, ¦}\n    into: y", {"tries"}, {"url"}),
        (HEAD + "  - with:\n      ¦\n    call: web.fetch\n", {"url"}, {"call"}),
        (HEAD + "  - call: nothing.known\n    with:\n      ¦", set(), {"url"}),
        # --- values
        (HEAD + "  - call: ¦", {"web.fetch", "work"}, {"len"}),
        (HEAD + "  - call: we¦\n    with: {}", {"web.fetch"}, set()),
        (HEAD + "  - {call: ¦", {"web.fetch"}, set()),
        (HEAD + "  - log: x\n    level: ¦", {"debug", "error"}, {"true"}),
        (HEAD + "  - call: work\n    on_crash: ¦", {"rerun", "fail"}, {"debug"}),
        (HEAD + "  - run: b\n    detach: ¦", {"true", "false"}, set()),
        (HEAD + "  - parallel:\n      a: []\n    join: ¦", {"all", "any"}, set()),
        (HEAD + "  - wait: ¦", {"5m"}, set()),
        (HEAD + "  - call: work\n    into: ¦", {"total", "page", "pages"}, {"len"}),
        (HEAD + "  - set: {¦", {"total"}, {"len"}),
        (HEAD + "  - set:\n      ¦", {"total"}, {"call"}),
        (HEAD + "  - call: work\n    retry: {on: [¦", {"timeout", "http"}, {"limit", "cancel"}),
        (HEAD + "  - call: work\n    retry:\n      on:\n        - ti¦", {"timeout"}, {"max"}),
        (HEAD + "  - call: work\n    retry:\n      on: ¦", {"timeout"}, {"max"}),
        ("skript: a\ninput:\n  type: ¦", {"object", "string"}, {"text"}),
        ("skript: a\nvars:\n  n: {init: 0, reduce: ¦", {"sum", "append"}, set()),
        # --- expressions
        (HEAD + "  - if: ¦", {"total", "input", "net", "len", "not"}, {"error", "secrets"}),
        (HEAD + "  - if: total > 1 and inp¦", {"input"}, set()),
        (HEAD + "  - if: input.¦", {"user", "items"}, {"total"}),
        (HEAD + "  - if: input.user.na¦", {"name"}, {"user"}),
        (HEAD + "  - if: len(input.us¦", {"user"}, set()),
        (HEAD + "  - if: env.¦", {"PRICING"}, set()),
        (HEAD + "  - if: job.¦", {"id", "key"}, set()),
        (HEAD + '  - log: "a ${tot¦', {"total"}, {"a"}),
        (HEAD + '  - log: "a ${tot¦} b"', {"total"}, set()),
        (HEAD + "  - log: a ${total} b ${pa¦", {"page", "pages"}, set()),
        (HEAD + '  - log: "a ${total} b¦', set(), {"total"}),
        (HEAD + "  - log: $${to¦", set(), {"total"}),
        (HEAD + "  - if: 'to¦", {"total"}, set()),
        (HEAD + "  - if: total == 'to¦", set(), {"total"}),
        (HEAD + "  - return: {a: \"${item.¦", {"sku"}, set()),
        (HEAD + "  - yield: [x.sku for x in input.items if ¦", {"x", "total"}, set()),
        (HEAD + "  - try: []\n    catch:\n      - when: ¦", {"error"}, {"event"}),
        (HEAD + "  - try: []\n    finally:\n      - log: ${¦", {"error"}, set()),
        (HEAD + "  - listen: a\n    where: ¦", {"event"}, {"error"}),
        (HEAD + "  - call: work\n    with: {a: \"${sec¦", {"secrets"}, {"event"}),
        (HEAD + "  - emit: a\n    with: {a: \"${sec¦", {"total"}, {"secrets"}),
        ("skript: a\nfunctions:\n  f(price, n): pr¦", {"price", "n", "net"},
         {"total", "input"}),
        # --- nothing to say
        (HEAD + "  - log: x # ¦", set(), VERB_NAMES),
        ("# ¦", set(), {"skript"}),
        (HEAD + "  - log: |\n      call¦", set(), VERB_NAMES),
        (HEAD + "  - log: >-\n      some\n\n      wi¦", set(), {"with"}),
        (HEAD + "  - id: ¦", set(), {"total"}),
        # --- JSON
        ('{"¦', {"skript", "do"}, {"call"}),
        ('{"skript": "a", "do": [{"ca¦', VERB_NAMES, {"skript"}),
        ('{\n "skript": "a",\n "do": [\n  {"call": "¦', {"web.fetch"}, set()),
        ('{"do": [{"call": "web.fetch", "with": {"¦', {"url", "tries"}, {"call"}),
        ('{"do": [{"if": "inp¦', {"input"}, set()),
    ],
)  # fmt: skip
def test_offers(text: str, first: set[str], absent: set[str]) -> None:
    found = set(labels(text))
    assert first <= found, first - found
    assert not absent & found


@pytest.mark.parametrize(
    ("text", "label", "insert", "written"),
    [
        (HEAD + "  - ca¦", "call", "call: ", "ca"),
        (HEAD + "  - pa¦", "parallel", "parallel:", "pa"),
        (HEAD + "  - {pa¦", "parallel", "parallel: ", "pa"),
        (HEAD + "  ¦", "call", "- call: ", ""),
        ('{"do": [{"ca¦', "call", "call", "ca"),
        (HEAD + "  - call: we¦", "web.fetch", "web.fetch", "we"),
        (HEAD + '  - call: "we¦', "web.fetch", "web.fetch", "we"),
        (HEAD + "  - if: input.us¦", "user", "user", "us"),
        (HEAD + '  - log: "${tot¦', "total", "total", "tot"),
        (HEAD + "  - yield: le¦", "len", "len(", "le"),
        (HEAD + "  - call: work\n    retry: {on: [ti¦", "timeout", "timeout", "ti"),
        (HEAD + "  - call: web.fetch\n    with: {u¦", "url", "url: ", "u"),
    ],
)
def test_what_is_written_is_replaced(text: str, label: str, insert: str, written: str) -> None:
    before = text.partition(MARK)[0].split("\n")[-1]
    (item,) = [item for item in offered(text) if item.label == label]
    assert item.insert == insert
    assert before[item.start :] == written


def test_required_keys_come_first() -> None:
    assert labels(HEAD + "  - call: web.fetch\n    with:\n      ¦") == ["url", "tries"]
    assert labels(HEAD + "  - call: work\n    retry:\n      ¦")[0] == "max"


def test_items_explain_themselves() -> None:
    (verb,) = [i for i in offered(HEAD + "  - ¦") if i.label == "call"]
    assert "Calls a handler." in verb.doc and "```yaml" in verb.doc
    (handler,) = [i for i in offered(HEAD + "  - call: ¦") if i.label == "web.fetch"]
    assert (handler.detail, handler.doc) == ("pure, idempotent", "Gets a page.")
    url, tries = offered(HEAD + "  - call: web.fetch\n    with:\n      ¦")
    assert (url.detail, url.doc) == ("string (required)", "Where it is.")
    assert (tries.detail, tries.doc) == ("integer or null", "Left out: `3`.")
    (total,) = [i for i in offered(HEAD + "  - if: ¦") if i.label == "total"]
    assert total.detail == "int"


def test_documents_beside_this_one() -> None:
    found = offered(HEAD + "  - run: ¦", files=("./part.yaml",))
    assert [item.label for item in found] == ["./part.yaml", "shop"]


def test_names_of_a_text_that_never_was_readable() -> None:
    text = "skript: a\nfunctions:\n  net(a, b): a\ndo:\n  - call: x\n    into: page\n  - if: [¦"
    known = analyse(text.replace(MARK, ""), "a.yaml")
    assert known.root is None and known.diagnostics
    assert {"page"} <= set(known.variables)
    assert known.functions["net"].params == ("a", "b")
    assert "page" in labels("skript: a\ndo:\n  - if: ¦", known)


def test_positions_outside_of_the_text() -> None:
    from runeskript.compiler.editor.complete import complete

    for line, column in ((0, 100), (7, 0), (99, 99)):
        complete(["skript: a"], line, column, _nothing(), Analysis("a"))
    assert complete([""], 0, 0, _nothing(), KNOWN)


def _nothing() -> object:
    from runeskript.model.catalog import EMPTY

    return EMPTY
