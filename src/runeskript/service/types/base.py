"""What all types of the service are made of."""

from __future__ import annotations

from typing import Annotated, Final, TypeAlias

from msgspec import Meta, Struct

#: Rows of one page, at the most.
PAGE_MAX: Final = 1_000

Name: TypeAlias = Annotated[str, Meta(min_length=1, max_length=128)]
Text: TypeAlias = Annotated[str, Meta(min_length=1, max_length=512)]
#: ``NAME=TEXT``, neither of them empty.
Pair: TypeAlias = Annotated[str, Meta(min_length=3, max_length=512, pattern=r"^[^=]+=[\s\S]")]
Long: TypeAlias = Annotated[str, Meta(max_length=10_000)]
Millis: TypeAlias = Annotated[int, Meta(ge=0, le=2**62)]
Count: TypeAlias = Annotated[int, Meta(ge=0, le=2**62)]
Limit: TypeAlias = Annotated[int, Meta(ge=1, le=PAGE_MAX)]
Priority: TypeAlias = Annotated[int, Meta(ge=-100, le=100)]
Labels: TypeAlias = Annotated[dict[Text, Text], Meta(max_length=100)]
#: ``"10s"``: a number and a unit.
Span: TypeAlias = Annotated[
    str, Meta(min_length=1, max_length=64, pattern=r"^[0-9]{1,15}(\.[0-9]{1,6})?(ms|s|m|h|d)$")
]
#: The same, or milliseconds: up to 100 years.
Duration: TypeAlias = Span | Annotated[int, Meta(ge=0, le=100 * 365 * 24 * 3600 * 1000)]


class Request(Struct, kw_only=True, forbid_unknown_fields=True):
    """The base of what is asked: a field that nobody reads is a mistake of whoever wrote it."""


class View(Struct, kw_only=True):
    """The base of what is answered: a client of an older version ignores what it does not know."""
