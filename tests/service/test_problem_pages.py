"""What the type of a problem leads to: the page of its code."""

from __future__ import annotations

import pytest

from runeskript.engine.pages import page_of
from runeskript.model.codes import CODES
from runeskript.service import problems
from serving import served


async def test_the_type_of_a_problem_leads_to_its_page() -> None:
    async with served() as client:
        reply = await client.get("/jobs/none")
        page = await client.get(reply.json["type"])
        assert (reply.status, page.status) == (404, 200)
        assert page.headers["content-type"] == "text/markdown; charset=utf-8"
        assert page.body.decode().startswith(f"# {reply.json['code']}: ")
        for path in ("RUNE-0000", "README", "..%2fREADME", "%2e%2e%2findex", "RUNE-6521.md"):
            assert (await client.get(f"/errors/{path}")).status == 404, path


async def test_a_problem_without_a_page_says_no_more_than_its_status(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(problems, "page_of", lambda code: None)
    async with served() as client:
        assert (await client.get("/jobs/none")).json["type"] == "about:blank"


def test_every_code_has_a_page_that_is_served() -> None:
    assert [code for code in CODES if page_of(code) is None] == []
