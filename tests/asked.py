"""What schemathesis asks the service for, by ``/openapi.json``, and what it may be answered with.

All of its checks are on, with what it expects by itself. A request that fits the table may be
refused besides only for what no schema can say of it, and that stands here, operation by operation.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from functools import cache
from typing import Any
from zlib import crc32

import schemathesis
from schemathesis.core.failures import AcceptedNegativeData
from schemathesis.openapi.checks import RejectedPositiveData

from replayable import Present, Replayable
from runeskript.service.openapi import document
from runeskript.service.settings import MAX_BODY

#: Requests drawn for each operation.
EXAMPLES = int(os.environ.get("RUNE_SCHEMATHESIS", "3"))
#: From how many on it is no test any more, but a search.
MANY = 10
SCOPES = ("read", "operate", "deploy", "admin")
DOOR = """
machine: door
initial: open
states: {open: {}, shut: {}}
transitions:
  - {from: open, event: close, to: shut}
  - {from: shut, event: open, to: open}
"""
WAITS = "skript: waits\ndo:\n  - listen: go\n    into: got\n  - return: 1\n"
DOCUMENTS = (
    WAITS,
    "skript: asks\ndo:\n  - call: leave\n",
    "skript: ends\ndo:\n  - return: 1\n",
    "skript: fails\ndo:\n  - raise: {type: sad}\n",
    DOOR,
)
#: The jobs there are: one of each document, and a bare one.
JOBS = tuple(f"job-{number}" for number in range(1, len(DOCUMENTS) + 2))
#: Names that mean something, by where they stand.
PLACES = {"id": JOBS, "name": ("waits", "door"), "version": ("1",)}
EVENTS = ("open", "close", "start", "suspend", "resume", "complete", "fail")
#: Which service is asked.
PRESENT = Present()

# --- what may be refused --------------------------------------------------------------------------
DOCUMENT = "RUNE-1000 document: "
KIND = "RUNE-6520 the document is a (skript|machine): "
CHOICE = "RUNE-6520 say "
DURATION = "RUNE-[0-9]+ .* is no duration: (longer than 100 years|no whole number of milliseconds)"
NUMBER = "RUNE-[0-9]+ .*: the integer does not fit 64 bits"
BARE = "RUNE-6009 (a bare job's data|what comes with an event for a bare job) is an object"
STATE = "RUNE-6009 job .* runs a skript: its state is set without data, and whatever its version"
INPUT = "RUNE-6001 "
AGAIN = "RUNE-6525 "
#: By operation: how the problem of a 422 begins that a request may get which fits the schema.
UNSAID: dict[str, tuple[str, ...]] = {
    "jobs.submit": (DOCUMENT, CHOICE, NUMBER, BARE, INPUT),
    "jobs.list": ("RUNE-6024 ", "RUNE-6520 `data`: what ", "RUNE-6520 `(label|data)` asks for two"),
    "jobs.move": (CHOICE, DURATION, NUMBER, BARE, STATE),
    "jobs.fork": (NUMBER,),
    "jobs.cancel": (DURATION,),
    "jobs.signal": (DURATION, NUMBER),
    "jobs.complete": ("RUNE-6520 a call has a `result` or an `error`", NUMBER),
    "jobs.variables": ("RUNE-6030 ",),
    "signals": (DURATION, NUMBER),
    "hooks": (DURATION, NUMBER),
    "skripts.deploy": (DOCUMENT, KIND),
    "machines.deploy": (DOCUMENT, KIND),
    "audit": ("RUNE-6009 the cursor is none of this log",),
}


def expected(case: Any, response: Any) -> bool:
    """Whether a request may be refused like this, though it fits the schema."""
    if response.status_code == 412:
        return True  # see `conditions`
    if response.status_code == 413:
        return len(response.request.body or b"") > MAX_BODY
    if response.status_code != 422:
        return False
    problem = response.json()
    told = f"{problem['code']} {problem['detail']}"
    known = (AGAIN, *UNSAID.get(_operation(case.operation), ()))
    return any(re.match(one, told, re.DOTALL) for one in known)


@schemathesis.check
def conditions(ctx: Any, response: Any, case: Any) -> None:
    """What only a condition leads to is answered to who has made one."""
    sent = {name.lower() for name in response.request.headers}
    assert response.status_code != 304 or "if-none-match" in sent
    assert response.status_code != 412 or "if-match" in sent


def _operation(operation: Any) -> str:
    found: str = operation.definition.raw["operationId"]
    return found


# --- what is asked --------------------------------------------------------------------------------
@cache
def filled(*scopes: str) -> Replayable:
    """A service that has something to ask for, and has stopped; with a token of each scope."""
    with Replayable(*scopes) as running:
        for path, text in (("/skripts", WAITS), ("/machines", DOOR)):
            assert running.ask("PUT", path, {"document": text}).status == 201
        for body in (*({"document": text} for text in DOCUMENTS), {"data": {"n": 1}}):
            made = running.ask("POST", "/jobs", body)
            assert made.status == 201, made.json
            assert made.json["id"] in JOBS
    return running


@contextmanager
def fresh(scope: str | None) -> Iterator[Replayable]:
    """A service like that which nobody has asked for anything is asked meanwhile. Without a scope
    it is open.
    """
    with filled(*(SCOPES if scope else ())).copy() as PRESENT.service:
        PRESENT.told.clear()
        yield PRESENT.service


def schema_of(scope: str | None = None) -> Any:
    """The table as schemathesis reads it. ``scope``: asked with a token that has it."""
    said = deepcopy(document())
    given: dict[str, Any] = {}
    if scope is not None:
        for path in said["paths"].values():
            for operation in path.values():  # here a token is needed
                operation["security"] = [one for one in operation["security"] if one]
        given["generation"] = {"with-security-parameters": False}  # each brings its token
        if EXAMPLES < MANY:
            given["phases"] = {"coverage": {"enabled": False}}  # that of the open service will do
    schema = schemathesis.openapi.from_dict(said, config=schemathesis.Config.from_dict(given))
    schema.app = PRESENT
    schema.hook(map_path_parameters)
    schema.hook(map_body)
    schema.hook(filter_failure)
    return schema


def filter_failure(context: Any, failure: Any, case: Any, response: Any) -> bool:
    """What is a failure."""
    if isinstance(failure, AcceptedNegativeData) and response.status_code == 413:
        return not expected(case, response)  # refused it is
    return not (isinstance(failure, RejectedPositiveData) and expected(case, response))


def map_path_parameters(context: Any, path_parameters: Any) -> Any:
    """Half of what is asked for is there."""
    for name, known in PLACES.items():
        given = (path_parameters or {}).get(name)
        if isinstance(given, str) and len(given) % 2:
            path_parameters[name] = known[len(given) // 2 % len(known)]
    return path_parameters


def map_body(context: Any, body: Any) -> Any:
    """Much of what is sent means something. What does not fit the schema goes on not to."""
    operation = _operation(context.operation)
    if not isinstance(body, dict):
        return body
    if operation == "batch" and isinstance(body.get("jobs"), list):
        return {**body, "jobs": [_submit(one) for one in body["jobs"]]}
    if operation == "jobs.submit":
        return _submit(body)
    if operation == "jobs.move":
        return _one(body, {"event": EVENTS, "state": ("open", "shut", "Running")}, null=True)
    if operation in ("signals", "jobs.signal"):
        return _one(body, {"topic": ("go",)})
    return _one(body, {"document": DOCUMENTS}) if "document" in body else body


def _submit(body: Any) -> Any:
    if not isinstance(body, dict) or not isinstance(body.get("data"), dict | None):
        return body
    known = {"document": DOCUMENTS, "skript": ("waits",), "machine": ("door",)}
    return _one(body, known, null=True)


def _one(
    body: dict[str, Any], known: dict[str, tuple[str, ...]], *, null: bool = False
) -> dict[str, Any]:
    """Three of four say one of these things, and one that there is. ``null``: they need not."""
    number = crc32(repr(body).encode("utf-8", "surrogatepass"))
    fits = all(
        (null and body.get(name) is None)
        or (isinstance(body.get(name), str) and 0 < len(body[name]) <= 128)
        for name in known
    )
    if not fits or number % 4 == 0:
        return body
    name = sorted(known)[number // 4 % len(known)]
    others = {one: None for one in known if one in body}
    return {**body, **others, name: known[name][number // 16 % len(known[name])]}
