"""What a runtime is asked for, checked and put into the store's own words."""

from __future__ import annotations

from collections.abc import Mapping

from ..errors import NotAValueError, RuntimeOptionError
from ..kernel import Program
from ..model.limits import TOPIC
from ..model.values import Value, is_text, normalise
from ..stores.base import JobRow, Message
from .handlers.durations import milliseconds
from .skripts import needed


def name(text: object, what: str) -> str:
    """A key, label, topic or id. Raises RuntimeOptionError, which says what it was to be."""
    if not isinstance(text, str) or not text or len(text) > TOPIC or not is_text(text):
        raise RuntimeOptionError(f"{what} is a text of 1 to {TOPIC} characters")
    return text


def labels(given: Mapping[str, str] | None) -> dict[str, str]:
    """Labels for a job. Raises RuntimeOptionError."""
    return {name(k, "a label"): name(v, "a label") for k, v in (given or {}).items()}


def job_row(
    id_: str,
    program: Program,
    value: Value,
    now: int,
    key: str | None,
    own: dict[str, str],
    owner: str | None,
) -> JobRow:
    """A new job that runs a program; ``own``: its labels besides those of the skript."""
    blueprint = program.blueprint
    return JobRow(
        id=id_,
        key=key,
        labels={**blueprint.labels, **own},
        skript=blueprint.name,
        version=blueprint.version,
        blueprint=program.digest,
        ast_hash=blueprint.ast_hash,
        input=value,
        created_at=now,
        updated_at=now,
        handlers=needed(blueprint),
        owner=owner,
    )


def message(
    id_: str, topic: str, key: object, data: object, keep: str | int, job: str | None
) -> Message:
    """A message from outside. Raises RuntimeOptionError for what is no value or no duration."""
    try:
        body, given_key = normalise(data), normalise(key)
        kept = milliseconds(keep)
    except (NotAValueError, ValueError) as exc:
        raise RuntimeOptionError(f"the message cannot be sent: {exc}") from None
    return Message(id_, name(topic, "a topic"), given_key, job, body, kept)
