"""``--input``: the job's input from ``key=value`` words, files and standard input.

    --input user.level=VIP --input copies=3 --input 'tags=["a", "b"]' --input @order.json --input -

A value that reads as JSON is that value, anything else is text; ``a.b=1`` sets a field of an
object. Later ones win over earlier ones. A file (JSON or YAML, read with the bounds of documents)
that holds an object is merged by its top-level keys; any other value must be the only ``--input``.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from ..errors import CompileError, NotAValueError
from ..model.limits import INT_DIGITS
from ..model.values import Value, normalise
from . import documents
from .usage import UsageError

_HINT = "--input key=value, --input @file.json, or --input - for JSON on standard input"


def parse(words: Sequence[str]) -> Value:
    """The input the options describe; an empty object without any. Raises UsageError (8004)."""
    whole: Any = {}
    for word in words:
        if word == "-" or word.startswith("@"):
            value = _read(word.removeprefix("@"))
            if isinstance(value, dict):
                whole.update(value)
            elif len(words) > 1:
                raise _wrong(
                    f"{word} holds no object, so it must be the only --input",
                    "only objects can be merged",
                )
            else:
                return value
        else:
            _assign(whole, word)
    try:
        return normalise(whole)
    except NotAValueError as error:
        raise _wrong(error.message) from None


def _assign(whole: dict[str, Any], word: str) -> None:
    """``a.b=value`` into the object."""
    path, equals, text = word.partition("=")
    keys = path.split(".")
    if not equals or not all(keys):
        raise _wrong(f"`{word}` is no key=value", _HINT)
    here = whole
    for key in keys[:-1]:
        inner = here.get(key, {})
        if not isinstance(inner, dict):
            raise _wrong(f"`{path}`: `{key}` already has a value that is no object")
        # A copy, so that an object read from a file is not shared with anything.
        here[key] = here = dict(inner)
    here[keys[-1]] = _value(text, word)


def _value(text: str, word: str) -> Any:
    """JSON where it reads as JSON, else the text."""

    def integer(digits: str) -> int:
        if len(digits) > INT_DIGITS:
            raise _wrong(
                f"`{word[:40]}…`: the integer does not fit 64 bits", "quote it: 'key=\"123\"'"
            )
        return int(digits)

    def constant(name: str) -> Any:
        raise ValueError(name)  # NaN and Infinity are no JSON: they are texts here

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for key, value in pairs:
            if key in made:
                raise _wrong(f"`{word[:40]}`: the key `{key[:40]}` stands twice in one object")
            made[key] = value
        return made

    try:
        return json.loads(text, parse_int=integer, parse_constant=constant, object_pairs_hook=once)
    except (ValueError, RecursionError):
        return text


def _read(name: str) -> Value:
    """The value in a file; everything the reader of documents refuses is refused here too."""
    from ..compiler.nodes import to_value
    from ..compiler.read import read
    from ..model.diagnostics import Diagnostics

    if not name:
        raise _wrong("`@` names no file", _HINT)
    found = Diagnostics()
    source = read(documents.load(name), name, found)
    if found.has_errors or source.root is None:
        raise CompileError(f"{name} cannot be read", found.sorted())
    return to_value(source.root)


def _wrong(message: str, hint: str | None = None) -> UsageError:
    return UsageError(f"--input: {message}", code="RUNE-8004", hint=hint)
