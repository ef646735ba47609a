"""What all types of the service are made of."""

from __future__ import annotations

from typing import Annotated, Final, TypeAlias

from msgspec import Meta, Struct

#: Rows of one page, at the most.
PAGE_MAX: Final = 1_000

Name: TypeAlias = Annotated[str, Meta(min_length=1, max_length=128)]
Text: TypeAlias = Annotated[str, Meta(min_length=1, max_length=512)]
#: ``NAME=TEXT``.
Pair: TypeAlias = Annotated[str, Meta(min_length=2, max_length=512, pattern="^[^=]+=")]
Long: TypeAlias = Annotated[str, Meta(max_length=10_000)]
Millis: TypeAlias = Annotated[int, Meta(ge=0, le=2**62)]
Count: TypeAlias = Annotated[int, Meta(ge=0, le=2**62)]
Limit: TypeAlias = Annotated[int, Meta(ge=1, le=PAGE_MAX)]
Priority: TypeAlias = Annotated[int, Meta(ge=-100, le=100)]
Labels: TypeAlias = Annotated[dict[Text, Text], Meta(max_length=100)]
#: ``"10s"``, or milliseconds.
Duration: TypeAlias = Annotated[str, Meta(min_length=1, max_length=64)] | Millis


class Request(Struct, kw_only=True, forbid_unknown_fields=True):
    """The base of what is asked: a field that nobody reads is a mistake of whoever wrote it."""


class View(Struct, kw_only=True):
    """The base of what is answered: a client of an older version ignores what it does not know."""
