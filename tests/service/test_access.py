"""The decision: which scope opens which route, and that nothing else does."""

from __future__ import annotations

from itertools import combinations
from typing import NamedTuple

import pytest

from runeskript.errors import ForbiddenError, UnauthorizedError
from runeskript.service.access import OPEN, SCOPES, Caller, authorise


class Row(NamedTuple):
    name: str
    scope: str
    whole: bool = False


def caller(*scopes: str) -> Caller:
    return Caller("sif", "", frozenset(scopes), (), "id")


def test_what_is_public_is_for_nobody_too() -> None:
    authorise(Row("healthz", "public"), None)
    authorise(Row("healthz", "public"), caller())


@pytest.mark.parametrize("scope", [*SCOPES, "hook", "unheard-of", ""])
def test_nobody_needs_a_token_for_anything_else(scope: str) -> None:
    with pytest.raises(UnauthorizedError):
        authorise(Row("r", scope), None, "t")


@pytest.mark.parametrize("needed", SCOPES)
def test_each_scope_is_for_itself_and_admin_for_all(needed: str) -> None:
    for size in range(len(SCOPES) + 1):
        for scopes in combinations(SCOPES, size):
            if needed in scopes or "admin" in scopes:
                authorise(Row("r", needed), caller(*scopes))
            else:
                with pytest.raises(ForbiddenError) as caught:
                    authorise(Row("r", needed), caller(*scopes))
                assert (caught.value.route, caught.value.scope) == ("r", needed)
    authorise(Row("r", needed), OPEN)


def test_a_hook_is_for_the_token_of_its_topic_and_for_admin() -> None:
    row = Row("hooks.post", "hook")
    authorise(row, caller("hook:a"), "a")
    authorise(row, caller("admin"), "a")
    for who in (caller("hook:b"), caller("hook:"), caller("hook"), caller("operate", "read")):
        with pytest.raises(ForbiddenError):
            authorise(row, who, "a")
    with pytest.raises(ForbiddenError):
        authorise(row, caller("hook:None"), None)


@pytest.mark.parametrize("scope", [*SCOPES, "public-ish", "hook:a", ""])
def test_a_token_of_a_hook_opens_nothing_else(scope: str) -> None:
    with pytest.raises(ForbiddenError):
        authorise(Row("r", scope), caller("hook:a"), "a")


@pytest.mark.parametrize("scope", ["unheard-of", "", "READ", "hook:a", "public "])
def test_a_scope_that_nobody_knows_is_for_nobody(scope: str) -> None:
    with pytest.raises(ForbiddenError):
        authorise(Row("r", scope), caller(*SCOPES, scope), "a")


def test_what_tells_of_all_tenants_is_for_the_default_one() -> None:
    row = Row("metrics", "read", True)
    authorise(row, Caller("ada", "", frozenset({"read"})))
    with pytest.raises(ForbiddenError):
        authorise(row, Caller("ada", "shop", frozenset({"read", "admin"})))
