"""What a handler returns whose result will be told later, by somebody else."""

from __future__ import annotations

from typing import Final

from ...model.values import Value

#: The type that stands for it on its way to the driver; no error of a handler can have it.
PENDING: Final = "$pending"


class Pending:
    """ "The result comes later": see ``HandlerContext.pending``."""

    __slots__ = ()


def pending_outcome() -> dict[str, Value]:
    """What an executor reports of a call whose handler returned it."""
    return {"type": PENDING}
