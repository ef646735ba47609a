"""The faster codec, and the slower one that a small run makes do with: the same bytes."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from runeskript.errors import CodecError, NotAValueError
from runeskript.stores import fastcodec
from runeskript.stores.slots import Limit

VALUES: list[Any] = [
    None,
    True,
    -7,
    2**63 - 1,
    1.5,
    "é",
    [1, [2, {"a": None}]],
    {"b": 1, "a": []},
    (1, (2,)),
]


@pytest.fixture(params=["slow", "fast"])
def codec(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    if request.param == "slow":
        for name, value in {"_encode": None, "_decode": None, "_calls": 0, "_bytes": 0}.items():
            monkeypatch.setattr(fastcodec, name, value)
        monkeypatch.delitem(sys.modules, "msgspec", raising=False)
    else:
        fastcodec._load()
    return fastcodec


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_both_write_the_same(value: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    fastcodec._load()
    fast = fastcodec.dumps(value)
    monkeypatch.setattr(fastcodec, "_encode", None)
    monkeypatch.setattr(fastcodec, "_calls", 0)
    monkeypatch.setattr(fastcodec, "_spent", lambda size: False)
    assert fastcodec.dumps(value) == fast


def test_a_named_tuple_is_a_list(codec: Any) -> None:
    assert codec.loads(codec.dumps([Limit("a", 1)])) == [["a", 1, None]]


def test_what_is_no_value_is_refused(codec: Any) -> None:
    with pytest.raises(NotAValueError):
        codec.dumps([object()])
    with pytest.raises(CodecError):
        codec.loads(b"\xc1")


def test_much_to_do_is_worth_the_faster_one() -> None:
    code = (
        "import sys\n"
        "from runeskript.stores import fastcodec as codec\n"
        "assert codec.loads(codec.dumps([1])) == [1] and 'msgspec' not in sys.modules\n"
        "codec.dumps('x' * 70_000); codec.dumps(1)\n"
        "assert 'msgspec' in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
