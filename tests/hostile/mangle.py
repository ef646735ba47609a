"""Mangled documents: their bytes, their words or their tree changed.

Bytes find what reads text, words what reads YAML and expressions, trees what reads meaning: a tree
is written out again, so that the reader takes it and the stages behind it have to deal with it.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable
from random import Random
from typing import Any

import yaml

from runeskript.compiler.tables import (
    DOCUMENT,
    MACHINE,
    MODIFIERS,
    STATE_FIELDS,
    TIMEOUT_FIELDS,
    TRANSITION_FIELDS,
    VERBS,
)

#: Pieces that mean something to a reader of YAML, of expressions or of the language.
TOKENS: tuple[str, ...] = (
    ":", ": ", "- ", "\n", "\n  ", "\n- ", "  ", "\t", "#", " #", "&a ", "*a", "!!str ", "|", ">", "|-\n",
    "---\n", "...\n", "%YAML 1.1\n", "<<: ", "? ", "'", '"', "[", "]", "{", "}", ",", "${", "}", "$${", "`",
    "~", "null", "true", "yes", "0x1F", "0o17", "1e400", ".inf", "1_000", "2001-01-01", "\\u0000", "\\x1b",
    "\ufeff", "\u2028", "\u0085", "\u202e", "\x00", "\x1b", "\r", "\U0001f600", "\u0130", "9" * 30, "-1",
    "5m", "5", "1.5h", "200ms..10s", "http.5xx", "handler.x", "limit.work", "./x.yaml", "a@3", "secrets.X",
    "input", "env", "job", "error", "event", "data", "actor", "data.x", " if ", " else ", " for x in ", " in ", " and ",
    "not ", "==", "<", "**", "//", "%", "(", ")", ".", "lambda: ", ":=", "f''", "len(", "range(9)", "uuid()",
    "now()", "[x for x in input.items]", "{'a': 1}", "a.b.c", "a['b']", "merge(", "parse_json('['",
)  # fmt: skip
KEYS: tuple[str, ...] = tuple(
    sorted(
        {key.name for verb in VERBS for key in (verb.value, *verb.keys)}
        | {key.name for key in (*DOCUMENT, *MODIFIERS, *MACHINE)}
        | {key.name for key in (*STATE_FIELDS, *TIMEOUT_FIELDS, *TRANSITION_FIELDS)}
    )
)
VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1.5, 2**63, "", "x", "${x}", "${input.n}", "a ${n} b", "${", "$${x}", "5m",
    "input.n > 1", "all", "any", 3, [], {}, [[]], [1, "a"], {"a": 1}, {"type": "object"}, "./x.yaml", "y@2",
    {"until": "now()"}, {"init": 0, "reduce": "sum"}, {"on": ["http.5xx"], "max": 3}, [{"log": "x"}],
    {"call": "work", "with": {"a": "${secrets.K}"}}, [{"when": "true", "do": []}], "\u0000", "${1 / 0}",
    {"reply": [{"yield": 1}]}, "[x for x in range(9)]", "x" * 300, {"$ref": "#/$defs/a"},
)  # fmt: skip
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*|[0-9.]+|\s+|[^\sA-Za-z0-9_]")


def mangled(data: bytes, other: bytes, random: Random) -> bytes:
    """One document changed, now and then with parts of another."""
    for _ in range(random.choice((1, 1, 1, 2, 3, 6))):
        data = random.choice(WAYS)(data, other, random)
    return data[:20_000]


# --- bytes ----------------------------------------------------------------------------------------
def flip(data: bytes, _: bytes, random: Random) -> bytes:
    """Some bytes become others."""
    out = bytearray(data)
    for _n in range(random.randint(1, 3)):
        if out:
            out[random.randrange(len(out))] = random.randrange(256)
    return bytes(out)


def cut(data: bytes, _: bytes, random: Random) -> bytes:
    """A stretch goes; often the whole end."""
    start = random.randrange(len(data) + 1)
    end = len(data) if random.random() < 0.3 else start + random.randint(1, 40)
    return data[:start] + data[end:]


def repeat(data: bytes, _: bytes, random: Random) -> bytes:
    """A stretch comes again, there or elsewhere."""
    start = random.randrange(len(data) + 1)
    stretch = data[start : start + random.randint(1, 60)]
    at = random.choice((start, random.randrange(len(data) + 1)))
    return data[:at] + stretch * random.choice((1, 1, 2, 50)) + data[at:]


def splice(data: bytes, other: bytes, random: Random) -> bytes:
    """The beginning of one, the end of another."""
    return data[: random.randrange(len(data) + 1)] + other[random.randrange(len(other) + 1) :]


# --- words ----------------------------------------------------------------------------------------
def insert_token(data: bytes, _: bytes, random: Random) -> bytes:
    """Something that means something, anywhere."""
    at = random.randrange(len(data) + 1)
    token = random.choice(TOKENS if random.random() < 0.7 else KEYS)
    return data[:at] + token.encode("utf-8", "surrogatepass") + data[at:]


def change_word(data: bytes, other: bytes, random: Random) -> bytes:
    """One word becomes another, of this document, of the other or of the language."""
    words = _WORD.findall(data.decode("utf-8", "replace"))
    if not words:
        return data
    pool = random.choice((words, _WORD.findall(other.decode("utf-8", "replace")), TOKENS, KEYS))
    words[random.randrange(len(words))] = random.choice(pool or TOKENS)
    return "".join(words).encode("utf-8", "replace")


def swap_lines(data: bytes, other: bytes, random: Random) -> bytes:
    """Lines trade places, go, come twice or change their indentation."""
    lines = data.split(b"\n")
    one, two = random.randrange(len(lines)), random.randrange(len(lines))
    change = random.randrange(5)
    if change == 0:
        lines[one], lines[two] = lines[two], lines[one]
    elif change == 1:
        del lines[one]
    elif change == 2:
        lines.insert(two, lines[one])
    elif change == 3:
        lines[one] = b" " * random.choice((1, 2, 4)) + lines[one]
    else:
        lines[one] = random.choice(other.split(b"\n"))
    return b"\n".join(lines)


# --- trees ----------------------------------------------------------------------------------------
def change_tree(data: bytes, other: bytes, random: Random) -> bytes:
    """Values and keys exchanged in the tree; it is written out again, as YAML or JSON."""
    try:
        tree, donor = _load(data), _load(other)
        for _ in range(random.choice((1, 1, 2, 3))):
            tree = _graft(tree, donor, random)
        if random.random() < 0.2:
            return json.dumps(tree, default=str).encode("utf-8", "replace")
        text = yaml.dump(tree, sort_keys=False, allow_unicode=True, Dumper=_Dumper)
    except (yaml.YAMLError, RecursionError, ValueError, TypeError):
        return insert_token(data, other, random)
    return text.encode("utf-8", "replace")


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


def _load(data: bytes) -> Any:
    text = data.decode("utf-8-sig")
    if any(isinstance(token, yaml.AliasToken) for token in yaml.scan(text)):
        raise ValueError("what aliases share may be endless when it is written out")
    return yaml.safe_load(text)


def _graft(tree: Any, donor: Any, random: Random) -> Any:
    places = list(_places(tree))
    if not places:
        return copy.deepcopy(random.choice((donor, *VALUES)))
    container, key = random.choice(places)
    change = random.randrange(7)
    if change == 0:
        container[key] = copy.deepcopy(random.choice(VALUES))
    elif change == 1:
        donors = list(_places(donor)) or places
        where, at = random.choice(donors)
        container[key] = copy.deepcopy(where[at])
    elif change == 2:
        del container[key]
    elif change == 3 and isinstance(container, dict):
        container[random.choice(KEYS)] = container.pop(key)
    elif change == 4 and isinstance(container, dict):
        container[random.choice(KEYS)] = copy.deepcopy(random.choice(VALUES))
    elif change == 5 and isinstance(container, list):
        container.insert(key, copy.deepcopy(container[key]))
    elif isinstance(container[key], str):
        text = container[key]
        at = random.randrange(len(text) + 1)
        token = random.choice(TOKENS)
        container[key] = text[:at] + token + text[at + random.choice((0, 0, 1, 3)) :]
    else:
        container[key] = [container[key]]
    return tree


def _places(tree: Any) -> Any:
    """Every (container, key) in a tree."""
    waiting = [tree]
    while waiting:
        container = waiting.pop()
        if isinstance(container, dict):
            keys: Any = list(container)
        elif isinstance(container, list):
            keys = range(len(container))
        else:
            continue
        for key in keys:
            yield container, key
            waiting.append(container[key])


WAYS: tuple[Callable[[bytes, bytes, Random], bytes], ...] = (
    flip, cut, repeat, splice, insert_token, insert_token, change_word, change_word, swap_lines,
    change_tree, change_tree, change_tree, change_tree,
)  # fmt: skip
