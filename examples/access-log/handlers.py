"""The handlers of the access-log report: find where to cut the file, count one piece.

Relative paths are relative to this folder. Both only read, so running them again is harmless.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from runeskript import StepError, handler

HERE = Path(__file__).parent
#: The combined format of Apache and nginx, with the request time in seconds at its end.
LINE = re.compile(
    rb"(?P<client>\S+) \S+ \S+ \[\d+/\w+/\d+:(?P<hour>\d\d):\d\d:\d\d [+-]\d{4}\] "
    rb'"(?P<method>[A-Z]+) (?P<path>\S+) [^"]*" (?P<status>\d{3}) (?P<bytes>\d+|-) '
    rb'"[^"]*" "[^"]*" (?P<seconds>\d+\.\d+)'
)


@dataclass
class Split:
    """Cut the file into about ``pieces`` pieces."""

    path: str
    pieces: int = 16


@dataclass
class Piece:
    """The bytes from ``start`` up to, but without, ``end``: whole lines."""

    path: str
    start: int
    end: int


def _file(path: str) -> Path:
    file = HERE / path
    if not file.is_file():
        raise StepError("logs.missing", f"there is no file {path}")
    return file


@handler("logs.split", mode="thread", idempotent=True)
def split(params: Split, ctx: Any) -> list[dict[str, int]]:
    """Where to cut the file so that no line is cut: a list of {start, end}."""
    file = _file(params.path)
    size = file.stat().st_size
    step = max(size // max(params.pieces, 1), 1)
    cuts = [0]
    with file.open("rb") as stream:
        while cuts[-1] + step < size:
            stream.seek(cuts[-1] + step)
            stream.readline()
            cuts.append(stream.tell())
    if cuts[-1] < size:
        cuts.append(size)
    return [{"start": a, "end": b} for a, b in pairwise(cuts)]


@handler("logs.count", mode="thread", idempotent=True)
def count(params: Piece, ctx: Any) -> dict[str, Any]:
    """Count one piece: lines, bytes, and tables by status, path and hour."""
    with _file(params.path).open("rb") as stream:
        stream.seek(params.start)
        lines = stream.read(params.end - params.start).splitlines()
    status: Counter[str] = Counter()
    paths: Counter[str] = Counter()
    requests: Counter[str] = Counter()
    seconds: Counter[str] = Counter()
    sent = malformed = 0
    for line in lines:
        found = LINE.fullmatch(line)
        if found is None:
            malformed += 1
            continue
        status[found["status"].decode()] += 1
        paths[found["path"].partition(b"?")[0].decode(errors="replace")] += 1
        sent += 0 if found["bytes"] == b"-" else int(found["bytes"])
        hour = found["hour"].decode()
        requests[hour] += 1
        # Whole milliseconds: sums of integers do not depend on how the file was cut.
        seconds[hour] += round(float(found["seconds"]) * 1000)
    return {
        "lines": len(lines),
        "malformed": malformed,
        "bytes": sent,
        "status": dict(status),
        "paths": dict(paths),
        "hours": dict(requests),
        "hours_ms": dict(seconds),
    }
