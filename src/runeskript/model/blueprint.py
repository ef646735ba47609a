"""The Blueprint: a compiled skript. Flat, immutable, content-addressed.

Identity is the SHA-256 of the encoded program sections; spans, names of slots and the source are a
debug section outside it. Expressions are data (IR tuples), never code: loading verifies them and
generates functions.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from .ast import IR
from .records import record
from .schedule import Schedule
from .spans import Place, Span
from .values import Value

Instruction: TypeAlias = tuple[object, ...]


@record
class HandlerRef:
    """A handler by name, with the flags the compiler relied on (checked again on load)."""

    name: str
    pure: bool
    idempotent: bool


@record
class SkriptRef:
    """A child skript: pinned by Blueprint ``digest`` (a path), or by name at run time."""

    name: str
    version: int | None
    digest: str | None


@record
class Policy:
    """How a CALL or RUN is attempted. ``timeout`` indexes ``exprs`` (ms per attempt)."""

    max_attempts: int = 1
    retry_on: tuple[str, ...] = ()
    backoff_ms: int = 1_000
    backoff_max_ms: int = 60_000
    timeout: int | None = None
    on_crash: Literal["rerun", "fail"] = "rerun"
    queue: str | None = None


@record
class ListenRef:
    """What a WAIT listens for: indexes into ``exprs``; in ``where`` local 0 is `event`."""

    topic: int
    key: int | None
    where: int | None
    schema: Value


@record
class Body:
    """A frame layout with an entry: the document (index 0), a branch, an iteration or an undo.

    ``captures`` are (outer slot, inner slot) pairs copied when a token starts; ``outs`` are
    (inner slot, outer slot, reducer or "") applied in branch order when the join goes on.
    ``item``/``index``/``result`` are inner slots of a FORKN element, its index and the yield.
    The code of a body is the address range [entry, end).
    """

    name: str
    entry: int
    end: int
    parent: int | None
    slots: int
    captures: tuple[tuple[int, int], ...] = ()
    outs: tuple[tuple[int, int, str], ...] = ()
    item: int | None = None
    index: int | None = None
    result: int | None = None


@record
class ExceptionRow:
    """One row of the exception table; see ``model/isa.py``. ``depth`` counts scopes kept.

    ``catch`` lets ``limit.*`` pass, and ``any``, by which a machine outlives its actions, does not.
    """

    start: int
    end: int
    handler: int
    kind: Literal["catch", "finally", "any"]
    depth: int
    slot: int


@record
class FunctionRow:
    """A user function: ``ir`` refers to parameters as ("local", i), to functions by index."""

    name: str
    params: int
    ir: IR


@record
class StateRow:
    """A state of a machine. ``after``: the event that its timeout raises."""

    name: str
    final: bool
    after: str | None


@record
class TransitionRow:
    """From one state on an event to another; states by index. ``roles`` None: for everybody."""

    source: int
    event: str
    to: int
    roles: tuple[str, ...] | None


@record
class MachineTable:
    """What a machine compiles to, beside the code of its guards and actions.

    Of the transitions of one state and event those that come first are tried first. ``data``: the
    slot of body 0 that holds it.
    """

    data: int
    initial: int
    states: tuple[StateRow, ...]
    transitions: tuple[TransitionRow, ...]


class _Places:
    """Makes the spans when they are first asked for, where there are places alone.

    What is compiled is run without anybody asking: the compiler gives ``places`` of the steps, and
    of each instruction its step (``sites``), in the place of the spans.
    """

    __slots__ = ("places", "sites")
    places: tuple[Place, ...]
    sites: tuple[int, ...]

    def __getattr__(self, name: str) -> Any:
        if name == "step_spans":
            found = tuple([Span(*place) for place in self.places])
        elif name == "spans":
            steps: tuple[Span, ...] = self.step_spans
            found = tuple([steps[site] for site in self.sites])
        else:
            raise AttributeError(name)
        object.__setattr__(self, name, found)
        return found

    @property
    def span_counts(self) -> tuple[int, int]:
        """How many there are of instructions and of steps."""
        if hasattr(self, "sites"):
            return len(self.sites), len(self.places)
        return len(self.spans), len(self.step_spans)


@record
class Debug(_Places):
    """Outside the identity: where each instruction and step came from, and slot names per body."""

    spans: tuple[Span, ...] = ()
    step_spans: tuple[Span, ...] = ()
    slot_names: tuple[tuple[str, ...], ...] = ()
    source: str = ""

    @classmethod
    def placed(
        cls,
        places: tuple[Place, ...],
        sites: tuple[int, ...],
        slot_names: tuple[tuple[str, ...], ...],
        source: str,
    ) -> Debug:
        """One whose spans are made when they are asked for."""
        made: Any = object.__new__(cls)
        made.places = places
        made.sites = sites
        made.slot_names = slot_names
        made.source = source
        return made  # type: ignore[no-any-return]


@dataclass(frozen=True, slots=True)
class Blueprint:
    """All program sections, then ``debug``."""

    name: str
    version: int | None
    labels: dict[str, str]
    #: Hex SHA-256 of the AST: the identity of the skript version.
    ast_hash: str
    input_schema: Value
    env: tuple[str, ...]
    #: Slots of body 0 filled at the start: ("input" | "env" | "job", slot).
    roots: tuple[tuple[str, int], ...]
    code: tuple[Instruction, ...]
    #: Index into ``steps`` for each instruction.
    sites: tuple[int, ...]
    #: Step names: id where given, else JSON pointer.
    steps: tuple[str, ...]
    bodies: tuple[Body, ...]
    exceptions: tuple[ExceptionRow, ...]
    exprs: tuple[IR, ...]
    #: Each region is a tuple of statements (``isa.STATEMENTS``).
    regions: tuple[tuple[IR, ...], ...]
    functions: tuple[FunctionRow, ...]
    handlers: tuple[HandlerRef, ...]
    policies: tuple[Policy, ...]
    listens: tuple[ListenRef, ...]
    skripts: tuple[SkriptRef, ...]
    #: Digest of the Blueprint that a job runs which is created where one of this has failed.
    on_failure: str | None = None
    schedule: Schedule | None = None
    machine: MachineTable | None = None
    debug: Debug = field(default_factory=Debug, compare=False)


def pins(blueprint: Blueprint) -> list[str]:
    """The digests of the Blueprints that one needs beside it."""
    found = [ref.digest for ref in blueprint.skripts if ref.digest is not None]
    return found if blueprint.on_failure is None else [*found, blueprint.on_failure]
