"""Where in a Python program something is written, for the builder's diagnostics."""

from __future__ import annotations

import sys
from itertools import islice

from ...model.rows import NamedTuple


class Origin(NamedTuple):
    """A call in a Python file. Lines and columns count from 0, as in ``nodes.py``."""

    file: str
    line: int
    column: int
    end_line: int
    end_column: int


def origin_outside(modules: frozenset[str]) -> Origin:
    """The innermost call on the stack that is not in one of the given files."""
    frame = sys._getframe(1)
    while frame.f_code.co_filename in modules and frame.f_back is not None:
        frame = frame.f_back
    code = frame.f_code
    found = next(islice(code.co_positions(), frame.f_lasti // 2, None), (None,) * 4)
    line, end_line, column, end_column = found
    if line is None or end_line is None or column is None or end_column is None:
        number = (frame.f_lineno or 1) - 1
        return Origin(code.co_filename, number, 0, number, 1)
    return Origin(code.co_filename, line - 1, column, end_line - 1, end_column)
