"""The targets of the fuzzers: a corpus, a way to change one of it, and what must hold."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import NamedTuple

from blueprints import seal, take_apart
from hostile import oracles, seeds
from hostile.forge import Forger
from hostile.mangle import mangled
from runeskript.errors import BlueprintError, CodecError, NotAValueError
from runeskript.model.blueprint_codec import decode, encode

#: A change that knows nothing of the form (the fuzzer's own), of at most so many bytes.
Plain = Callable[[bytes, int], bytes]


class Target(NamedTuple):
    """``change`` draws from a source of chance, and may use a second input and a plain change."""

    corpus: Callable[[], list[bytes]]
    change: Callable[[bytes, bytes, Random, Plain], bytes]
    check: Callable[[bytes], object]
    largest: int


def change_blueprint(data: bytes, other: bytes, random: Random, plain: Plain) -> bytes:
    """Rows exchanged; now and then bytes of a section, behind a right digest."""
    try:
        bp = decode(data)
        if random.random() < 0.8:
            return encode(Forger(bp, random).forge(random.choice((1, 1, 2, 3))))
        size = int.from_bytes(data[10:18], "big")
        program, debug = data[90 : 90 + size], data[90 + size :]
        if random.random() < 0.8:
            return seal(plain(program, size + 100), debug)
        return seal(take_apart(data)[0], plain(debug, len(debug) + 100))
    except (BlueprintError, CodecError, NotAValueError):
        return other if random.random() < 0.5 else plain(data, len(data) + 100)


def change_document(data: bytes, other: bytes, random: Random, plain: Plain) -> bytes:
    """Words and trees; now and then bytes."""
    if random.random() < 0.2:
        return plain(data, len(data) + 100)
    return mangled(data, other, random)


def check_document(data: bytes) -> object:
    """As YAML, or as JSON where it begins like it."""
    return oracles.document(data, "fuzz.json" if data[:1] in b"[{" else "fuzz.yaml")


TARGETS = {
    "blueprints": Target(
        lambda: [encode(bp) for bp in seeds.blueprints()],
        change_blueprint,
        oracles.blueprint,
        60_000,
    ),
    "documents": Target(
        lambda: [data for _, data in seeds.documents()],
        change_document,
        check_document,
        20_000,
    ),
}
