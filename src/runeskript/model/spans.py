"""Where something stands in a source text."""

from __future__ import annotations

from typing import TypeAlias

from .records import record

#: The fields of a span in their order, kept where hardly anybody asks for the span. The garbage
#: collector looks at a tuple of atoms once, at an object again and again.
Place: TypeAlias = tuple[str, int, int, int, int]


@record
class Span:
    """A stretch of one file. Lines and columns count from 1, in characters; ``end_*`` is exclusive.

    ``file`` is the name the user gave (``-`` for standard input, ``<string>`` for a text).
    """

    file: str
    line: int
    column: int
    end_line: int
    end_column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"

    def shift(self, offset: int, length: int = 1) -> Span:
        """The stretch ``length`` characters long that begins ``offset`` characters into this line.

        Clamped to the span's own line, because a folded scalar has no such position.
        """
        if self.line != self.end_line:
            return self
        start = min(self.column + offset, max(self.end_column - 1, self.column))
        end = min(start + max(length, 1), max(self.end_column, start + 1))
        return Span(self.file, self.line, start, self.line, end)


#: For things that no user wrote.
NOWHERE = Span("<none>", 0, 0, 0, 0)
