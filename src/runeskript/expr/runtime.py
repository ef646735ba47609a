"""What generated code needs at run time: the evaluation context, iteration, bounds on leaving.

Work is counted in source-level units: a comprehension turn and a call of a user function are one
unit each, operators and functions over long lists and texts are charged by length, so that a unit
is about a tenth of a microsecond of host time everywhere. The charge is a function of the values
alone, so it is the same on every tier and in every replay.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from hashlib import blake2b
from itertools import chain
from types import FrameType
from typing import Any

from ..model.faults import INTERNAL
from ..model.limits import CALL_DEPTH, COLLECTION, INT_MAX, INT_MIN, PURE_WORK, VALUE_DEPTH
from ..model.records import record
from ..model.values import Value, type_name
from .faults import bad_value, fault, int_limit, raise_work, too_big, wrong_type

#: Logical nodes (shared parts counted as often as they occur) of one value an expression may build;
#: eight characters of text count as one node. Bounds what a store or a handler must carry.
VALUE_NODES = 10 * COLLECTION
#: Call depth from which user functions run under a raised host recursion limit.
GATE = 24


class Context:
    """What an evaluation may know and spend. The kernel sets the fields before each evaluation.

    ``fuel``: units of work left; ``depth``: user calls in flight; ``now_ms``: time of the latest
    event, ms since 1970 UTC; ``seed``: 16 to 64 bytes; ``path``: the token's path; ``draws``: how
    many random values the token has drawn. ``gate`` belongs to :func:`descend`; ``budget``,
    ``mark``, ``turns`` and ``woken`` to ``turns.py``.
    """

    __slots__ = (
        "budget",
        "depth",
        "draws",
        "fuel",
        "gate",
        "mark",
        "now_ms",
        "path",
        "seed",
        "turns",
        "woken",
    )

    def __init__(
        self,
        *,
        fuel: int = PURE_WORK,
        now_ms: int = 0,
        seed: bytes = b"\0" * 16,
        path: tuple[int, ...] = (),
        draws: int = 0,
    ) -> None:
        self.fuel = fuel
        self.depth = 0
        self.now_ms = now_ms
        self.seed = seed
        self.path = path
        self.draws = draws
        self.gate = GATE
        self.budget: Iterator[None] = iter(())
        self.mark = self.turns = 0
        self.woken = -1

    def draw(self, size: int) -> bytes:
        """``size`` (at most 64) random bytes: keyed BLAKE2b (RFC 7693) of (path, draws)."""
        message = f"{'.'.join(map(str, self.path))}:{self.draws}".encode()
        self.draws += 1
        return blake2b(message, digest_size=size, key=self.seed, person=b"rune.draw").digest()


@record
class SecretRef:
    """A secret by name; the engine puts its text in after the commit."""

    name: str


@record
class SecretText:
    """A text with references to secrets. No value: it lives only inside parameters of a call."""

    parts: tuple[str | SecretRef, ...]


def burn(c: Context, units: int) -> None:
    """Spend units of work; raises ``limit.work`` when none are left."""
    c.fuel -= units
    if c.fuel < 0:
        raise_work()


def spend(c: Context, units: int) -> None:
    """:func:`burn`, for callers whose charge is mostly nothing."""
    if units:
        burn(c, units)


# --- leaving an expression --------------------------------------------------------------------


def fit(value: Any) -> Any:
    """Check that an integer that is stored or leaves an expression has 64 bits."""
    if type(value) is int and not INT_MIN <= value <= INT_MAX:
        raise int_limit("the integer does not fit 64 bits")
    return value


def leave(value: Any, c: Context, below: int = 0) -> Any:
    """Check nesting and total size of a container that was built from other containers.

    ``below``: how many levels deeper than its own root it will stand.
    """
    kind = type(value)
    if kind is dict:
        inner = [v for v in value.values() if type(v) is dict or type(v) is list]
    elif kind is list:
        inner = [v for v in value if type(v) is dict or type(v) is list]
    else:
        return fit(value)
    if inner or below:
        _, weight = measure(inner, below)
        c.fuel -= weight >> 1
        if c.fuel < 0:
            raise_work()
    return value


def measure(value: Any, below: int = 0, *, texts: bool = False) -> tuple[int, int]:
    """(nesting, logical nodes) of a value: what is shared counts as often as it occurs.

    With ``texts`` eight characters count as one node. Takes time linear in the nodes, of which
    ``VALUE_NODES`` are the most: raises ``limit.size`` past it, and ``limit.depth`` where
    ``below`` levels more than the nesting exceed ``limits.VALUE_DEPTH``.
    """
    level = [value]
    depth, weight = 0, 1
    while True:
        level = [v for v in level if type(v) is dict or type(v) is list]
        if not level:
            return depth, weight
        if len(level) > _SHARED and len(set(map(id, level))) * 2 < len(level):
            return _measure_shared(level, depth, weight, below, texts)
        depth += 1
        weight += sum(map(len, level))
        _bound(depth + below, weight)
        level = list(chain.from_iterable([v.values() if type(v) is dict else v for v in level]))
        if texts:
            weight += sum([len(v) for v in level if type(v) is str]) >> 3
            _bound(0, weight)


#: Containers on one level from which it pays to look whether they are mostly the same ones.
_SHARED = 2_000


def _measure_shared(
    level: list[Any], depth: int, weight: int, below: int, texts: bool
) -> tuple[int, int]:
    """The rest of :func:`measure` for containers that are mostly shared: each is looked at once."""
    counts: dict[int, int] = {}
    for v in level:
        counts[id(v)] = counts.get(id(v), 0) + 1
    parts = {id(v): v for v in level}
    while parts:
        depth += 1
        size = characters = 0
        inner: dict[int, Any] = {}
        inner_counts: dict[int, int] = {}
        for key, part in parts.items():
            count = counts[key]
            size += count * len(part)
            for v in part.values() if type(part) is dict else part:
                if type(v) is dict or type(v) is list:
                    inner[id(v)] = v
                    inner_counts[id(v)] = inner_counts.get(id(v), 0) + count
                elif texts and type(v) is str:
                    characters += count * len(v)
        weight += size + (characters >> 3)
        _bound(depth + below, weight)
        parts, counts = inner, inner_counts
    return depth, weight


def _bound(depth: int, weight: int) -> None:
    if depth > VALUE_DEPTH:
        raise fault("limit.depth", f"the value is nested deeper than {VALUE_DEPTH} levels")
    if weight > VALUE_NODES:
        raise too_big(f"the value has more than {VALUE_NODES} parts")


# --- iteration --------------------------------------------------------------------------------


def each(c: Context, value: Any) -> Iterable[Any]:
    """What a comprehension runs over: a list, or the keys of an object. Charges its length."""
    kind = type(value)
    if kind is not list and kind is not dict:
        hint = "; split it first" if kind is str else ""
        raise wrong_type(f"cannot iterate over {type_name(value)}, only over a list{hint}")
    c.fuel -= len(value)
    if c.fuel < 0:
        raise_work()
    return value  # type: ignore[no-any-return]


def whole(value: Any, what: str) -> int:
    """An argument that must be an int."""
    if type(value) is not int:
        raise wrong_type(f"{what} must be int, not {type_name(value)}")
    return value


def make_range(c: Context, start: Any, stop: Any = None, step: Any = 1) -> range:
    """``range`` as Python's, at most ``limits.COLLECTION`` long; charges its length."""
    if stop is None:
        start, stop = 0, start
    first, last, by = whole(start, "range"), whole(stop, "range"), whole(step, "range")
    if by == 0:
        raise bad_value("the step of a range cannot be 0")
    # len() of a range fails past the host's word size, so the length is computed by hand.
    length = max(0, (last - first + (by - 1 if by > 0 else by + 1)) // by)
    if length > COLLECTION:
        raise too_big(f"the range has more than {COLLECTION} elements")
    burn(c, length)
    return range(first, last, by)


def each_enumerated(c: Context, value: Any, start: Any = 0) -> Iterator[tuple[int, Any]]:
    """``for i, x in enumerate(list)`` without building the pairs."""
    if type(value) is not list:
        raise wrong_type(f"enumerate takes a list, not {type_name(value)}")
    burn(c, len(value))
    first = whole(start, "start of enumerate")
    fit(first + len(value))
    return enumerate(value, first)


def each_item(c: Context, value: Any) -> Iterable[tuple[str, Any]]:
    """``for k, v in items(object)`` without building the pairs."""
    if type(value) is not dict:
        raise wrong_type(f"items takes an object, not {type_name(value)}")
    burn(c, len(value))
    return value.items()


def each_zipped(c: Context, *lists: Any) -> Iterator[tuple[Any, ...]]:
    """``for a, b in zip(x, y)`` without building the tuples; as long as the shortest."""
    for value in lists:
        if type(value) is not list:
            raise wrong_type(f"zip takes lists, not {type_name(value)}")
    burn(c, min(map(len, lists)))
    return zip(*lists, strict=False)


def unpack(value: Any, count: int) -> list[Value]:
    """The elements of a list that must have ``count`` of them (``for a, b in ...``)."""
    if type(value) is not list:
        raise wrong_type(f"cannot unpack {type_name(value)} into {count} names; it must be a list")
    if len(value) != count:
        raise bad_value(f"cannot unpack a list of {len(value)} into {count} names")
    return value


def bounded(value: Any) -> Any:
    """A list or object that a comprehension built, checked against ``limits.COLLECTION``."""
    if len(value) > COLLECTION:
        raise too_big(f"a list or object may have at most {COLLECTION} elements")
    return value


def text_key(key: Any) -> Any:
    """A key of an object must be text."""
    if type(key) is not str:
        raise wrong_type(f"the key of an object must be text, not {type_name(key)}")
    return key


# --- call depth -------------------------------------------------------------------------------

_limit_lock = threading.Lock()
_limit_users = 0
_limit_before = 0


@contextmanager
def host_depth(frames: int) -> Iterator[None]:
    """Make sure that ``frames`` more host frames fit; restores the host's limit when the last
    user leaves.

    The limit is the interpreter's, so concurrent users share one raise; a raised limit lets other
    threads recurse deeper for that long, never less deep.
    """
    global _limit_before, _limit_users  # noqa: PLW0603 - guards a process-wide setting
    here = 0
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        here += 1
        frame = frame.f_back
    with _limit_lock:
        current = sys.getrecursionlimit()
        if _limit_users == 0:
            _limit_before = current
        _limit_users += 1
        if here + frames > current:
            sys.setrecursionlimit(here + frames)
    try:
        yield
    finally:
        with _limit_lock:
            _limit_users -= 1
            if _limit_users == 0:
                sys.setrecursionlimit(_limit_before)


def descend(c: Context, function: Callable[..., Any], frames: int, *args: Any) -> Any:
    """A user call at depth ``c.gate``: refuse it at ``limits.CALL_DEPTH``, else make room.

    ``frames`` is how many host frames one level of user calls takes at most. Generated functions
    call each other without native recursion, so only the host's counter has to be raised.
    """
    if c.gate >= CALL_DEPTH:
        raise fault("limit.depth", f"functions call each other deeper than {CALL_DEPTH} levels")
    c.gate = CALL_DEPTH
    try:
        with host_depth((CALL_DEPTH - GATE) * frames + 1_000):
            return function(c, *args)
    finally:
        c.gate = GATE


def as_list(value: Any, _c: Context) -> Any:
    """What a loop goes over; raises ``type`` for anything but a list."""
    if type(value) is list:
        return value
    raise wrong_type(f"a loop goes over a list, not {type_name(value)}")


def unshared(value: Any, _c: Context) -> Any:
    """The value, or a list of its own with the same elements."""
    return list(value) if type(value) is list else value


def push(holder: Any, value: Any, _c: Context) -> Any:
    """``holder`` with ``value`` appended in place; for a list that one hidden variable holds."""
    if type(holder) is not list:
        raise wrong_type(f"cannot append to {type_name(holder)}")
    if len(holder) >= COLLECTION:
        raise too_big(f"a list may have at most {COLLECTION} elements")
    holder.append(value)
    return holder


def paid(value: Any, units: int, c: Context) -> Any:
    """A value computed before the run; charges what computing it costs."""
    burn(c, units)
    return value


def public_fault(value: Any, _c: Context) -> Any:
    """The error object the language sees: without what the kernel keeps to raise it again."""
    if type(value) is not dict:
        return None
    return {key: part for key, part in value.items() if key != INTERNAL}
