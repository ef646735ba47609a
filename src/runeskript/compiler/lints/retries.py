"""A retried call that is not safe to repeat, and retries that do nothing.

An attempt that failed may have done its work all the same: a timeout says that no answer came, not
that nothing happened. The handler's author says with ``idempotent`` (or ``pure``) that repeating it
with the same idempotency key changes nothing; without that a retry may charge a card twice.
"""

from __future__ import annotations

from typing import Final

from ...model import ast
from ...model.faults import matches
from .subject import Subject

#: Types of errors after which nothing has happened yet: the request never got there, or was
#: turned away at the door.
_BEFORE: Final = ("connect", "http.429")


def check_retries(subject: Subject) -> None:
    """Report each retry of a call that may have had its effect, and those without effect."""
    for call, _ in subject.steps(ast.Call):
        if call.retry is None:
            continue
        info = subject.catalog.get(call.handler)
        repeats = call.retry.max > 1
        if repeats and info is not None and not info.idempotent and not info.pure:
            _check_types(call, call.retry, subject)
        _check_use(call, call.retry, subject)
    for run, _ in subject.steps(ast.Run):
        if run.retry is not None:
            _check_use(run, run.retry, subject)


def _check_types(step: ast.Call, retry: ast.Retry, subject: Subject) -> None:
    if retry.on and all(any(matches(type_, b) for b in _BEFORE) for type_ in retry.on):
        return
    subject.found.add(
        "RUNE-3101",
        f"`{step.handler}` is retried, and nothing says that it may be repeated",
        step.handler_span,
        f"{step.site.pointer}/retry",
        "declare the handler `idempotent=True` if it uses the idempotency key, or retry only "
        "`on: [connect]`",
    )


def _check_use(step: ast.Call | ast.Run, retry: ast.Retry, subject: Subject) -> None:
    pointer = f"{step.site.pointer}/retry"
    if retry.max == 1:
        subject.found.add(
            "RUNE-3102",
            "`max: 1` is one attempt in all: nothing is retried",
            subject.place(pointer),
            pointer,
            "`max: 2` retries once",
        )
    for number, type_ in enumerate(retry.on):
        others = (*retry.on[:number], *(t for t in retry.on[number + 1 :] if t != type_))
        wider = next((other for other in others if matches(type_, other)), None)
        if wider is not None:
            subject.found.add(
                "RUNE-3102",
                f"`{type_}` adds nothing to `on`: `{wider}` covers it",
                subject.place(f"{pointer}/on/{number}"),
                f"{pointer}/on/{number}",
                "delete it",
            )
