"""What ``/openapi.json`` says is what the service does: requests that fit it, and ones that do not,
with all of schemathesis' checks on. No 5xx, no answer that is not in it.

Each request is the first of a service of its own; each run of requests, too, where one goes on from
what another was answered with. So what is found is found again.

``RUNE_SCHEMATHESIS`` is the number of requests drawn for each operation besides those that stand
for each limit and each mistake; ``make fuzz`` gives many.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from schemathesis.core.failures import FailureGroup

from asked import EXAMPLES, JOBS, MANY, PRESENT, SCOPES, fresh, schema_of
from runeskript.service.call import Answer, Call
from runeskript.service.endpoints import ENDPOINTS

DRAWN = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=EXAMPLES < MANY,
    database=None,
    suppress_health_check=list(HealthCheck),
)
schema = schema_of()
of_read, of_operate, of_deploy, of_admin = map(schema_of, SCOPES)


# --- one request ----------------------------------------------------------------------------------
def check(case: Any, scope: str | None = None) -> None:
    """Ask a service that nobody has asked for anything yet."""
    with fresh(scope) as service:
        case.call_and_validate(headers=service.bearing(scope) if scope else None)


@schema.parametrize()
@DRAWN
def test_an_open_service(case: Any) -> None:
    check(case)


@of_read.parametrize()
@DRAWN
def test_with_a_token_that_may_read(case: Any) -> None:
    check(case, "read")


@of_operate.parametrize()
@DRAWN
def test_with_a_token_that_may_operate(case: Any) -> None:
    check(case, "operate")


@of_deploy.parametrize()
@DRAWN
def test_with_a_token_that_may_deploy(case: Any) -> None:
    check(case, "deploy")


@of_admin.parametrize()
@DRAWN
def test_with_a_token_that_may_do_everything(case: Any) -> None:
    check(case, "admin")


# --- runs of requests -----------------------------------------------------------------------------
def walks(scope: str | None = None) -> Any:
    """Runs of requests that follow the links."""

    class Walk(schema_of(scope).as_state_machine()):  # type: ignore[misc]
        def setup(self) -> None:
            self.around = ExitStack()
            self.service = self.around.enter_context(fresh(scope))

        def teardown(self) -> None:
            self.around.close()

        def get_call_kwargs(self, case: Any) -> dict[str, Any]:
            return {"headers": self.service.bearing(scope)} if scope else {}

    return Walk


def run(walk: Any, number: int, steps: int = 20, **more: Any) -> None:
    walk.run(settings=settings(DRAWN, max_examples=number, stateful_step_count=steps, **more))


@pytest.mark.parametrize("scope", [None, "admin"])
def test_requests_that_follow_the_links(scope: str | None) -> None:
    run(walks(scope), 2 * EXAMPLES, 20 if EXAMPLES < MANY else 40)


def test_the_same_requests_get_the_same_answers() -> None:
    asked = 0

    class Again(walks()):  # type: ignore[misc]
        def teardown(self) -> None:
            nonlocal asked
            super().teardown()
            told = list(PRESENT.told)
            with fresh(None) as service:
                for scope, body, before in told:
                    after = service.answer(scope, body)
                    if scope["path"] != "/metrics":  # they measure, too
                        assert after == before
                        asked += 1

    run(Again, 5)
    assert asked > 50


def test_a_run_finds_what_one_request_cannot(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = ENDPOINTS["jobs.get"]

    async def forgets(call: Call) -> Answer:
        answer = await usual(call)
        if call.params["id"] not in JOBS:  # it was made meanwhile
            answer.status = 418
        return answer

    monkeypatch.setitem(ENDPOINTS, "jobs.get", forgets)
    with pytest.raises(FailureGroup, match="Undocumented status code"):
        run(walks(), 100, phases=(Phase.generate,))
