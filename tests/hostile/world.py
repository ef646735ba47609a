"""What happens around a program that nobody has read: handlers, children and messages for any name.

``small_world`` shrinks the bounds of the language, so that a program that uses them up does so in
milliseconds; everything else is the production kernel.
"""

from __future__ import annotations

import sys
import zlib
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Final
from unittest import mock

from runeskript.errors import StepError
from runeskript.kernel import Program, load
from runeskript.model.blueprint import Blueprint, Body
from runeskript.model.catalog import HandlerInfo, PlainHandler
from runeskript.model.isa import Op
from runeskript.testing import HANG, After

#: A job's input with something for every name that documents of the corpus use, and the values that
#: surprise: large, empty, nested, of every type.
INPUT: dict[str, Any] = {
    "items": [{"sku": "a", "qty": 1, "price": 2.5}, {"sku": "b", "qty": 0, "price": -1}, None, 3],
    "user": {"level": "VIP", "name": "n\u00e9", "tags": ["x", "y"]},
    "ids": [1, 2, 3],
    "n": 3,
    "a": 2**62,
    "b": -7,
    "x": 0.5,
    "flag": True,
    "nothing": None,
    "text": "a,b;c",
    "empty": [],
    "job": "j",
    "name": "n",
    "vip": True,
}
ENV: dict[str, Any] = {"PRICING": "u"}
MESSAGES = (("parcel.scanned", "j", {"weight": 3}), ("ping", None, {"n": 4}), ("done", 1, None))

CHILD = Blueprint(
    "child", 1, {}, "00" * 32, None, (), (), ((Op.RETURN, None),), (0,), ("",),
    (Body("child", 0, 1, None, 0),), (), (), (), (), (), (), (), (),
)  # fmt: skip

ANSWERS: tuple[Any, ...] = (
    {"price": 2, "seen": {}, "body": {"price": 1.5, "items": [1]}, "status": 200, "ok": True},
    {"ok": True},
    None,
    [],
    "text",
    3,
    -0.0,
    [[1, {"a": []}]],
    HANG,
    After(20, {"late": 1}),
    StepError("http.503", "no", retryable=True, data={"k": [1]}),
    After(5, StepError("declined", "no")),
    ValueError("broken"),
)


class Handlers:
    """Mocks of a Blueprint's handlers; what they answer is drawn from a seed, the name, the turn."""

    def __init__(self, bp: Blueprint, seed: int) -> None:
        self.seed = seed
        self.turns: dict[str, int] = {}
        self.mocks = {ref.name: self.mock(ref.name) for ref in bp.handlers}

    def mock(self, name: str) -> Any:
        return lambda params: self.answer(name, params)

    def answer(self, name: str, params: dict[str, Any]) -> Any:
        turn = self.turns[name] = self.turns.get(name, -1) + 1
        # Whatever it is given it may spoil: it is a copy.
        params["spoilt"] = params.get("spoilt")
        drawn = zlib.crc32(f"{self.seed} {name} {turn}".encode("utf-8", "replace"))
        answer = ANSWERS[drawn % len(ANSWERS)] if self.seed else ANSWERS[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


def children(bp: Blueprint) -> dict[str, Program]:
    """The same small skript under every name and digest that a Blueprint runs."""
    program = load(CHILD)
    names = {name for ref in bp.skripts for name in (ref.name, ref.digest) if name is not None}
    return dict.fromkeys(names, program)


class Catalog:
    """A handler under every name, for the compiler."""

    def names(self) -> Collection[str]:
        return ("http.get", "work", "echo")

    def get(self, name: str) -> HandlerInfo | None:
        return PlainHandler(name, pure=name.startswith("pure"), idempotent=len(name) % 2 == 0)


@contextmanager
def small_world() -> Iterator[None]:
    """Bounds a hundredth of the language's, so that programs which use them up are quick."""
    with ExitStack() as patched:
        for module, names in _BOUNDED.items():
            for name in names:
                patched.enter_context(mock.patch.object(module, name, _SMALL[name]))
        yield


#: The bounds of the small world. They are patched wherever they were imported: were the kernel's
#: unit of work not the regions', a slice would grow where it should shrink.
_SMALL: Final = {"BRANCHES": 300, "PURE_WORK": 20_000}
_BOUNDED: Final = {
    module: names
    for name, module in sorted(sys.modules.items())
    if name.startswith("runeskript.") and (names := [n for n in _SMALL if n in vars(module)])
}
