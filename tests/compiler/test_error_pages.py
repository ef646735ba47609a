"""The pages of the 3xxx codes: the bad example is refused with that code, the good one is fine."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from runeskript.compiler.pipeline import Options, check_text
from runeskript.model.catalog import ParamProblem, PlainHandler, StaticCatalog
from runeskript.model.codes import CODES
from runeskript.model.values import Value

PAGES = Path(__file__).parents[2] / "docs" / "errors"
MEANING = sorted(code for code in CODES if code.startswith("RUNE-3"))
BLOCK = re.compile(r"```yaml (bad|good)\n(.*?)```", re.DOTALL)


class Strict(PlainHandler):
    """A handler that knows its parameters."""

    def check(self, literals: Mapping[str, Value], dynamic: frozenset[str]) -> list[ParamProblem]:
        given = {*literals, *dynamic}
        problems = [ParamProblem(key, f"unknown parameter `{key}`") for key in given - ALLOWED]
        if "url" not in given:
            problems.append(ParamProblem(None, "the parameter `url` is missing"))
        return problems


ALLOWED = {"url", "headers"}
RESULT: Value = {
    "type": "object",
    "properties": {"status": {"type": "integer"}, "body": {}},
    "additionalProperties": False,
}
CATALOG = StaticCatalog(
    {
        "f": PlainHandler("f"),
        "g": PlainHandler("g"),
        "payments.charge": PlainHandler("payments.charge"),
        "http.get": Strict("http.get", idempotent=True, result_schema=RESULT),
    }
)


def codes(text: str) -> list[str]:
    files = {
        "./example.yaml": text,
        "./broken.yaml": "skript: broken\ndo: [{call: nothing}]",
        "./ship.yaml": "skript: ship\ninput: {type: object, properties: {items: {type: array}, "
        "express: {type: boolean}}}\ndo: [{log: '${input.items} ${input.express}'}]",
        "./sound.yaml": "skript: sound\ndo: [{log: fine}]",
    }

    def resolve(path: str, _file: str) -> str:
        if path not in files:
            raise FileNotFoundError(2, "no such file")
        return files[path]

    found = check_text(text, "example.yaml", CATALOG, Options(resolve, lint=True))
    return [d.code for d in found]


@pytest.mark.parametrize("code", MEANING)
def test_page(code: str) -> None:
    page = (PAGES / f"{code}.md").read_text(encoding="utf-8")
    assert page.startswith(f"# {code}: {CODES[code].name}\n")
    blocks = BLOCK.findall(page)
    assert [kind for kind, _ in blocks] == ["bad", "good"]
    bad, good = (text for _, text in blocks)
    assert code in codes(bad)
    assert [c for c in codes(good) if c != "RUNE-3140" or c == code] == []  # an info, no fault


def test_every_page_has_its_code() -> None:
    assert {p.stem for p in PAGES.glob("RUNE-3*.md")} == set(MEANING)
