"""Blueprints and programs that all simulated processes share: they are the same, and only read."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Final

from ...kernel import Program
from ...kernel import load as _load
from ...model import blueprint_codec
from ...model.blueprint import Blueprint

#: Results that are kept.
_KEPT: Final = 128
_results: OrderedDict[tuple[str, int], tuple[object, Any]] = OrderedDict()


def load(blueprint: Blueprint) -> Program:
    """The program of a Blueprint."""
    program: Program = _once("load", blueprint, _load)
    return program


def encode(blueprint: Blueprint) -> bytes:
    """The bytes of a Blueprint."""
    data: bytes = _once("encode", blueprint, blueprint_codec.encode)
    return data


def decode(data: bytes) -> Blueprint:
    """The Blueprint that bytes hold."""
    what = f"decode {hash(data)} {len(data)}"
    blueprint: Blueprint = _once(what, data, blueprint_codec.decode, equal=True)
    return blueprint


def _once(what: str, given: Any, work: Callable[[Any], Any], *, equal: bool = False) -> Any:
    key = what, 0 if equal else id(given)
    known = _results.get(key)
    if known is None or not (known[0] is given or (equal and known[0] == given)):
        known = _results[key] = (given, work(given))
        while len(_results) > _KEPT:
            _results.popitem(last=False)
    return known[1]
