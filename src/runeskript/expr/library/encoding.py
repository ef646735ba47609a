"""JSON, hashes, encodings, and what is drawn from the run's seed."""

from __future__ import annotations

import binascii
import json
import re
from functools import partial
from hashlib import sha256 as _sha256
from math import isfinite
from typing import Any, NoReturn

from ...errors import StepError
from ...model.limits import COLLECTION, INT_DIGITS, VALUE_DEPTH
from ..faults import bad_value, fault, int_limit
from ..runtime import Context, burn, fit, measure
from ..show import to_json
from .table import Function, charge_list, charge_text, function, need_int, need_text

ROWS: dict[str, Function] = {}
_row = partial(function, ROWS, "Encoding")
_chance = partial(function, ROWS, "Chance", effect="entropy")

_NESTING = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]', re.DOTALL)


@_row(
    "json(value: any, indent: int = null) -> text",
    ("json({'a': [1, 2.0, null]})", '{"a":[1,2.0,null]}'),
    ("json([1], 2)", "[\n  1\n]"),
)
def json_(c: Context, value: Any, indent: Any = None) -> str:
    """The value as JSON: compact, or indented by `indent` (0 to 10) spaces; keys in their order."""
    if indent is not None and not 0 <= need_int("json", indent) <= 10:
        raise bad_value("json: indent must be from 0 to 10")
    return to_json(value, c, indent)


def _refuse_constant(name: str) -> NoReturn:
    raise bad_value(f"parse_json: {name} is no JSON")


def _parse_int(digits: str) -> int:
    if len(digits) > INT_DIGITS + 1:
        raise int_limit("the integer does not fit 64 bits")
    number: int = fit(int(digits))
    return number


def _parse_float(digits: str) -> float:
    number = float(digits)
    if not isfinite(number):
        raise fault("math.overflow", "parse_json: a number is not finite")
    return number


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        raise bad_value("parse_json: an object has a key twice")
    return made


def _check_depth(text: str) -> None:
    """Refuse deep nesting before the host's parser recurses into it."""
    if text.count("[") + text.count("{") <= VALUE_DEPTH:
        return
    depth = 0
    for match in _NESTING.finditer(text):
        mark = match[0]
        if mark in "[{":
            depth += 1
            if depth > VALUE_DEPTH:
                raise fault("limit.depth", f"the JSON is nested deeper than {VALUE_DEPTH} levels")
        elif mark in "]}":
            depth -= 1


@_row(
    "parse_json(text: text) -> any",
    ("parse_json('{\"a\": [1, 2.5, null]}')", {"a": [1, 2.5, None]}),
    ("parse_json('3')", 3),
)
def parse_json(c: Context, text: Any) -> Any:
    """The value of a JSON text (RFC 8259). A key that stands twice, NaN and infinity are errors
    `value`; integers past 64 bits, too much nesting and too many elements are `limit` errors."""
    burn(c, len(need_text("parse_json", text)) >> 4)
    _check_depth(text)
    try:
        value = json.loads(
            text,
            parse_constant=_refuse_constant,
            parse_int=_parse_int,
            parse_float=_parse_float,
            object_pairs_hook=_unique_keys,
        )
        if "\\u" in text:
            json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise bad_value("parse_json: a text has a lone surrogate") from None
    except StepError:
        raise
    except ValueError as error:
        where = f" at character {error.pos}" if isinstance(error, json.JSONDecodeError) else ""
        raise bad_value(f"parse_json: the text is not JSON{where}") from None
    if text.count(",") >= COLLECTION:
        _check_sizes(value, c)
    return value


def _check_sizes(value: Any, c: Context) -> None:
    measure(value)
    stack = [value]
    while stack:
        part = stack.pop()
        if type(part) is dict or type(part) is list:
            charge_list(c, len(part))
            stack.extend(part.values() if type(part) is dict else part)


@_row(
    "sha256(text: text) -> text",
    ("sha256('')", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
)
def sha256(c: Context, text: Any) -> str:
    """SHA-256 (FIPS 180-4) of the text in UTF-8, as 64 hexadecimal digits."""
    burn(c, len(need_text("sha256", text)) >> 5)
    return _sha256(text.encode()).hexdigest()


@_row("base64(text: text) -> text", ("base64('äh')", "w6Ro"))
def base64(c: Context, text: Any) -> str:
    """Base64 (RFC 4648, with padding) of the text in UTF-8."""
    charge_text(c, len(need_text("base64", text)) * 2)
    encoded = binascii.b2a_base64(text.encode(), newline=False).decode("ascii")
    charge_text(c, len(encoded))
    return encoded


@_row("base64_decode(text: text) -> text", ("base64_decode('w6Ro')", "äh"))
def base64_decode(c: Context, text: Any) -> str:
    """The text whose UTF-8 is the Base64 given; anything else is an error `value`."""
    charge_text(c, len(need_text("base64_decode", text)))
    try:
        return binascii.a2b_base64(text.encode("ascii"), strict_mode=True).decode()
    except ValueError:
        raise bad_value("base64_decode: the text is no Base64 of a text") from None


_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_ESCAPED = tuple([chr(b) if b in _UNRESERVED else f"%{b:02X}" for b in range(256)])


@_row("url_encode(text: text) -> text", ("url_encode('a b/ä')", "a%20b%2F%C3%A4"))
def url_encode(c: Context, text: Any) -> str:
    """The text for one part of a URL: all but letters, digits and `-._~` percent-encoded
    (RFC 3986)."""
    charge_text(c, len(need_text("url_encode", text)) * 8)
    encoded = "".join([_ESCAPED[b] for b in text.encode()])
    charge_text(c, len(encoded))
    return encoded


@_chance("uuid() -> text")
def uuid(c: Context) -> str:
    """A random UUID (RFC 9562, version 4). It is drawn from the run's seed, the token's path and a
    counter, so a replay gives the same."""
    raw = bytearray(c.draw(16))
    raw[6] = raw[6] & 0x0F | 0x40
    raw[8] = raw[8] & 0x3F | 0x80
    text = raw.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


@_chance("random() -> float")
def random(c: Context) -> float:
    """A random number from 0 up to, but without, 1, drawn as `uuid` is."""
    return (int.from_bytes(c.draw(8), "big") >> 11) * 2.0**-53
