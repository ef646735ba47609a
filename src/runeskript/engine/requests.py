"""What a runtime is asked for, checked and put into the store's own words."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from ..errors import NotAValueError, RuntimeOptionError
from ..kernel import Program
from ..model.limits import INT_MAX, TOPIC
from ..model.values import Value, copy_value, is_text, normalise, type_name
from ..stores.base import HELD, JobRow, Message, OnConflict
from .handlers.durations import milliseconds
from .secrets import PREFIX
from .skripts import needed

#: A lease is renewed three times in its length; one that is longer holds up recovery.
LEASE_MIN: Final = 100
LEASE_MAX: Final = 3_600_000
#: The highest priority of a job; the lowest is its negative.
PRIORITY: Final = 100
#: Characters of a tenant's name.
TENANT: Final = 64
_NAME: Final = re.compile(f"[a-z0-9][a-z0-9_-]{{0,{TENANT - 1}}}")


#: Places of what is a new job's own.
_ID, _KEY, _LABELS, _INPUT, _CREATED_AT, _UPDATED_AT, _TENANT, _PRIORITY, _OWNER, _DUE, _DATA = map(
    JobRow._fields.index,
    ("id", "key", "labels", "input", "created_at", "updated_at", "tenant", "priority", "owner",
     "due", "data"),
)  # fmt: skip


def name(text: object, what: str) -> str:
    """A key, label, topic or id. Raises RuntimeOptionError, which says what it was to be."""
    if not isinstance(text, str) or not text or len(text) > TOPIC or not is_text(text):
        raise RuntimeOptionError(f"{what} is a text of 1 to {TOPIC} characters")
    return text


def queues(given: Collection[str] | None) -> tuple[str, ...] | None:
    """The queues a runtime is told to take from. Raises RuntimeOptionError."""
    if given is None:
        return None
    if isinstance(given, str) or not given:
        raise RuntimeOptionError('queues are names, such as ("", "gpu"); "" is the unnamed queue')
    return tuple(one if one == "" else name(one, "a queue") for one in given)


def labels(given: Mapping[str, str] | None) -> dict[str, str]:
    """Labels for a job. Raises RuntimeOptionError."""
    if not given:
        return {}
    if not isinstance(given, Mapping):
        raise RuntimeOptionError("labels are a mapping of texts to texts")
    return {name(k, "a label"): name(v, "a label") for k, v in given.items()}


def tenant(text: object) -> str:
    """Who a job belongs to; "" is the tenant of who names none. Raises RuntimeOptionError."""
    if not isinstance(text, str) or (text and not _NAME.fullmatch(text)):
        raise RuntimeOptionError(
            f"a tenant is a text of 1 to {TENANT} characters from `a-z 0-9 _ -`, the first of them "
            "a letter or a digit"
        )
    return text


def on_conflict(given: OnConflict) -> OnConflict:
    """What becomes of a key that a job has already. Raises RuntimeOptionError."""
    if given not in ("reject", "return", "replace"):
        raise RuntimeOptionError("on_conflict is `reject`, `return` or `replace`")
    return given


def declared(environment: Mapping[str, str], names: Sequence[str]) -> dict[str, Value]:
    """The variables of the environment that a skript declares; null where one is not set, or holds
    a secret: those are for ``secrets`` alone.
    """
    found: dict[str, Value] = {}
    for key in names:
        text = None if key.startswith(PREFIX) else environment.get(key)
        if text is not None and not is_text(text):
            text = text.encode("utf-8", "replace").decode()
        found[key] = text
    return found


def lease_ms(text: str | int) -> int:
    """How long a worker's lease is, in ms. Raises RuntimeOptionError."""
    try:
        found = milliseconds(text)
    except ValueError as exc:
        raise RuntimeOptionError(f"lease: {exc}") from None
    if not LEASE_MIN <= found <= LEASE_MAX:
        raise RuntimeOptionError("lease is a duration from 100ms to 1h")
    return found


def version(number: int) -> int:
    """The revision that a job is to have. Raises RuntimeOptionError."""
    if type(number) is not int or not 0 <= number <= INT_MAX:
        raise RuntimeOptionError("the version of a job is a number, at least 0")
    return number


def priority(number: int) -> int:
    """Check a job's priority. Raises RuntimeOptionError."""
    if type(number) is not int or not -PRIORITY <= number <= PRIORITY:
        raise RuntimeOptionError(f"a priority is a number from -{PRIORITY} to {PRIORITY}")
    return number


def job_shape(program: Program, version: int | None = None) -> JobRow:
    """What all jobs that run a program have in common. ``version``: the one it is deployed as,
    where it was named so and may have none of its own.
    """
    blueprint = program.blueprint
    table = blueprint.machine
    return JobRow(
        id="",
        key=None,
        labels=dict(blueprint.labels),
        skript=blueprint.name,
        version=blueprint.version if version is None else version,
        blueprint=program.digest,
        ast_hash=blueprint.ast_hash,
        input=None,
        created_at=0,
        updated_at=0,
        state="Pending" if table is None else table.states[table.initial].name,
        kind="skript" if table is None else "machine",
        handlers=needed(blueprint),
    )


def job_row(
    shape: JobRow,
    id_: str,
    value: Value,
    now: int,
    key: str | None,
    own: dict[str, str],
    owner: str | None,
    rank: int = 0,
    tenant: str = "",
    hold: bool = False,
) -> JobRow:
    """A new job of a shape; ``own``: its labels besides those of the skript."""
    # As ``_replace``, in half its time.
    fields: list[Any] = list(shape)
    fields[_ID], fields[_KEY], fields[_LABELS] = id_, key, {**shape.labels, **own}
    fields[_INPUT], fields[_CREATED_AT], fields[_UPDATED_AT] = value, now, now
    fields[_TENANT], fields[_PRIORITY], fields[_OWNER] = tenant, rank, owner
    if hold:
        fields[_DUE] = HELD
    if shape.kind == "machine":
        fields[_DATA] = value
    return JobRow._make(fields)


def bare_data(data: object) -> Value:
    """The data of a bare job. Raises RuntimeOptionError for what is no object."""
    try:
        value = normalise({} if data is None else data)
    except NotAValueError as exc:
        raise RuntimeOptionError(f"the job's data is no value: {exc.message}") from None
    if not isinstance(value, dict):
        raise RuntimeOptionError(f"a bare job's data is an object, not {type_name(value)}")
    return value


def bare_row(
    id_: str,
    value: Value,
    now: int,
    key: str | None,
    own: dict[str, str],
    rank: int,
    tenant: str,
) -> JobRow:
    """A new job that others move; ``value``: its data."""
    return JobRow(
        id=id_,
        key=key,
        labels=own,
        skript="",
        version=None,
        blueprint="",
        ast_hash="",
        input=value,
        data=copy_value(value),
        created_at=now,
        updated_at=now,
        kind="bare",
        priority=rank,
        tenant=tenant,
        due=HELD,
    )


def message(
    id_: str,
    topic: str,
    key: object,
    data: object,
    keep: str | int,
    job: str | None,
    tenant: str = "",
) -> Message:
    """A message from outside. Raises RuntimeOptionError for what is no value or no duration."""
    try:
        body, given_key = normalise(data), normalise(key)
        kept = milliseconds(keep)
    except (NotAValueError, ValueError) as exc:
        raise RuntimeOptionError(f"the message cannot be sent: {exc}") from None
    return Message(id_, name(topic, "a topic"), given_key, job, body, kept, tenant)
