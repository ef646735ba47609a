"""Which keys stand beside which verb, and which verb a misspelt one was to be."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Final, TypeAlias

from ...model.nearest import nearest
from ..kinds import Key, Verb
from ..nodes import Node, Scalar
from ..tables import BY_VERB, MODIFIERS, VERBS

#: Key -> (key, value), as they stand in the document.
Pairs: TypeAlias = dict[str, tuple[Scalar, Node]]

#: The keys any step may have.
MODIFIER_ROWS: Final = {key.name: key for key in MODIFIERS}


def _rows(verb: Verb) -> dict[str, Key]:
    """Every key a step with this verb may have; its own keys count over modifiers."""
    own = {verb.name: verb.value, **{key.name: key for key in verb.keys}}
    return {**own, **{k: row for k, row in MODIFIER_ROWS.items() if k not in own}}


#: The keys a step with a verb must have.
REQUIRED: Final = {v.name: tuple(row for row in v.keys if row.required) for v in VERBS}
#: The keys a step with a verb may have.
STEP_ROWS: Final = {verb.name: _rows(verb) for verb in VERBS}
#: Verbs that are also keys of others (`do`, `parallel`): those others.
TAKEN_BY: Final = {
    verb.name: frozenset(o.name for o in VERBS if any(k.name == verb.name for k in o.keys))
    for verb in VERBS
}
#: Key -> the verbs that have it, for the hint about a key that stands beside the wrong verb.
OWNERS: Final = {
    name: [v.name for v in VERBS if any(k.name == name for k in v.keys)]
    for name in {k.name for v in VERBS for k in v.keys}
}


@lru_cache(1024)
def nearest_verb(key: str) -> str | None:
    """The verb that was probably meant. Kept: one mistake is often made in thousands of steps."""
    return nearest(key, BY_VERB)


def renamed(entries: Pairs, verb: str) -> Pairs:
    """The entries with the first key that looks like ``verb`` renamed to it."""
    out: Pairs = {}
    for key, entry in entries.items():
        meant = key not in OWNERS and key not in MODIFIER_ROWS and verb not in out
        out[verb if meant and nearest_verb(key) == verb else key] = entry
    return out


def is_if(entries: Mapping[str, object]) -> bool:
    """Whether an `if` without `then` was meant as a verb."""
    return "elif" in entries or "else" in entries


def beside(key: str) -> str:
    """The hint that a key belongs to other verbs."""
    quoted = [f"`{name}`" for name in OWNERS[key]]
    verbs = quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} or {quoted[-1]}"
    return f"`{key}` stands beside {verbs}"


def hint_of(doc: str) -> str:
    """The first sentence of a row's text, as a hint."""
    first = doc.split(". ")[0].rstrip(".")
    return first[:1].lower() + first[1:]
