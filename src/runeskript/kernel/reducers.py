"""Reducers: how a join combines what its branches contribute to one variable."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from ..errors import StepError
from ..expr.ops import add, lt
from ..expr.runtime import Context
from ..model import limits
from ..model.values import Value, type_name


def _append(left: Any, right: Any, _context: Context) -> Value:
    """Contributions to ``append`` are lists of elements, so that nested forks flatten."""
    if type(left) is not list or type(right) is not list:
        raise StepError("type", f"`append` extends a list, not {type_name(left)}")
    if len(left) + len(right) > limits.COLLECTION:
        raise StepError("limit.size", f"a list has at most {limits.COLLECTION} elements")
    return left + right


def _merge(left: Any, right: Any, _context: Context) -> Value:
    if type(left) is not dict or type(right) is not dict:
        other = left if type(left) is not dict else right
        raise StepError("type", f"`merge` combines objects, not {type_name(other)}")
    return {**left, **right}


_REDUCERS: Final[dict[str, Callable[[Any, Any, Context], Value]]] = {
    "sum": add,
    "min": lambda left, right, c: right if lt(right, left, c) else left,
    "max": lambda left, right, c: right if lt(left, right, c) else left,
    "append": _append,
    "merge": _merge,
}


def reduce_value(reducer: str, left: Value, right: Value, context: Context) -> Value:
    """Combine what is there with one contribution; StepError where the types do not fit."""
    out = _REDUCERS[reducer](left, right, context)
    if type(out) is int and not limits.INT_MIN <= out <= limits.INT_MAX:
        raise StepError("limit.int", "the sum does not fit a 64-bit integer")
    return out
