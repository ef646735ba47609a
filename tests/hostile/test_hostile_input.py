"""Thousands of forged Blueprints and mangled documents: refused with diagnostics, or run rightly.

``make fuzz`` draws others, for as long as one likes; ``targets.py`` says from what.
"""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from hostile import oracles, seeds
from hostile.forge import forged
from hostile.guided import Findings, with_own_loop
from hostile.mangle import mangled
from hostile.targets import TARGETS
from runeskript.errors import BlueprintError, NotAValueError
from runeskript.model.blueprint_codec import encode

BLUEPRINTS = 125
DOCUMENTS = 125


@pytest.mark.parametrize("batch", range(8))
def test_forged_blueprints(batch: int) -> None:
    corpus = seeds.blueprints()
    seen: Counter[str] = Counter()
    for seed in range(batch * BLUEPRINTS, (batch + 1) * BLUEPRINTS):
        random = Random(seed)
        try:
            data = forged(random.choice(corpus), random)
        except (BlueprintError, NotAValueError):
            seen["no bytes can say it"] += 1
            continue
        seen[oracles.blueprint(data)] += 1
    assert seen["ran"] > BLUEPRINTS / 5
    assert seen["refused"] > BLUEPRINTS / 5


@pytest.mark.parametrize("batch", range(12))
def test_mangled_documents(batch: int) -> None:
    corpus = seeds.documents()
    seen: Counter[str] = Counter()
    for seed in range(batch * DOCUMENTS, (batch + 1) * DOCUMENTS):
        random = Random(seed)
        (name, data), (_, other) = random.choice(corpus), random.choice(corpus)
        file = "mangled.json" if name.endswith(".json") else "mangled.yaml"
        seen[oracles.document(mangled(data, other, random), file)] += 1
    assert seen["ran"] > 0
    assert seen["refused"] > DOCUMENTS / 5


def test_the_corpus_itself_runs() -> None:
    """Whatever is changed begins as something that holds."""
    for bp in seeds.blueprints()[::5]:
        assert oracles.blueprint(encode(bp)) == "ran"


@pytest.mark.parametrize("target", TARGETS)
def test_what_the_fuzzers_change_can_be_looked_at(target: str) -> None:
    chosen = TARGETS[target]
    corpus = sorted(chosen.corpus(), key=len)[:20]
    random = Random(1)
    for data in corpus:
        for _ in range(3):
            data = chosen.change(data, corpus[0], random, lambda plain, most: plain[1:most])
            chosen.check(data)


def test_the_fuzzers_find_and_keep_what_fails(
    tmp_path: object, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A loop over a check that fails for one input in three: each kind is written once."""
    from pathlib import Path

    def check(data: bytes) -> None:
        if data[:1] in b"abc":
            raise ValueError(f"no {data!r}")

    target = TARGETS["documents"]._replace(
        corpus=lambda: [b"xyz", b"abc", b"bcd"], check=check, change=lambda d, o, r, p: d
    )
    monkeypatch.setitem(TARGETS, "documents", target)
    folder = Path(str(tmp_path))
    assert with_own_loop("documents", 0.2, 1, Findings("documents", folder)) == 1
    (found,) = folder.iterdir()
    assert found.read_bytes() == b"abc"
    assert f'make fuzz ARGS="documents --file {found}"' in capsys.readouterr().out
