"""One syntax error of a YAML parser: its place, its cause in words, and how to read over it."""

from __future__ import annotations

import re
from typing import Any, Final

import yaml

from ..model.diagnostics import Diagnostics
from ..model.spans import Span
from .yaml_messages import STARTS, explain

#: What a parser was in the middle of -> caption of the place where that began.
_BEGINS: Final = {
    "flow sequence": "the list begins here",
    "flow mapping": "the object begins here",
}


class Problem:
    """A syntax error of the parser, explained; ``repaired`` is the text without the slip."""

    def __init__(self, error: yaml.YAMLError, text: str) -> None:
        self.code = "RUNE-1006"
        self.repaired: str | None = None
        self.related: tuple[tuple[int, int], str] | None = None
        problem = str(getattr(error, "problem", None) or getattr(error, "reason", None) or error)
        context = str(getattr(error, "context", None) or "")
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        begin = getattr(error, "context_mark", None)
        self.message, self.hint = explain(problem)
        if mark is None:
            offset = max(int(getattr(error, "position", 0) or 0), 0)
            before = text[:offset].replace("\r\n", "\n").replace("\r", "\n")
            self.line = before.count("\n")
            self.column = len(before) - before.rfind("\n") - 1
            return
        self.line, self.column = mark.line, mark.column
        inside = "escape" in problem or "hexdecimal" in problem
        if begin is not None and not inside and ("simple key" in context or "quoted" in context):
            self.line, self.column = begin.line, begin.column
        for what, caption in _BEGINS.items():
            if begin is not None and what in context:
                self.related = ((begin.line, begin.column), caption)
        self._details(problem, text, mark)

    def _details(self, problem: str, text: str, mark: Any) -> None:
        """What the parser's text alone does not tell, and slips that can be read over."""
        at = text[mark.index : mark.index + 1]
        if "tab" in problem.split() or at == "\t":
            self._tab(text)
        elif "cannot start any token" in problem:
            self.message, self.hint = STARTS.get(
                at, (f"a plain text cannot begin with `{at}`", "quote the text")
            )
            self._repair(text, mark.index)
        elif "Unicode character escape" in problem:
            self.code = "RUNE-1003"
            self.column -= 2
            self._repair(text, mark.index - 2)
        elif text[mark.index - 1 : mark.index + 1] == "${":
            self._insert(text, mark.index)
        elif "mapping values" in problem:
            line = text[text.rfind("\n", 0, mark.index) + 1 : mark.index]
            if line.strip() and " " not in line.strip():  # a key at the start of its line
                self.message = "this line is indented further than the object it belongs to"
                self.hint = "keys of one object begin in one column"
                self.column = len(line) - len(line.lstrip())
            else:
                self._repair(text, mark.index)
        elif "escape" in problem:
            self._repair(text, mark.index)

    def _repair(self, text: str, index: int) -> None:
        """Put a harmless letter in the place of the slip."""
        if text[index : index + 1] != "\\" and text[index - 1 : index] == "\\":
            index -= 1  # PyYAML's own parser stands behind the backslash
            self.column -= 1
        if text[index : index + 1] in (":", "@", "`", "%", "\\"):
            self.repaired = f"{text[:index]}_{text[index + 1 :]}"

    def _insert(self, text: str, index: int) -> None:
        """``${`` in a plain text inside braces or brackets: YAML takes the `{` for its own."""
        self.message = "inside braces or brackets a text with `${…}` needs quotes"
        self.hint = 'write "${…}" with the quotes around the whole text'
        self.column -= 1
        self.related = None
        end = re.compile(r"[}\r\n]").search(text, index)
        if end is not None and end[0] == "}":
            close = end.start()
            self.repaired = f"{text[:index]}_{text[index + 1 : close]}_{text[close + 1 :]}"

    def _tab(self, text: str) -> None:
        self.code = "RUNE-1007"
        indented = sum(
            1 for line in text.splitlines() if "\t" in line[: len(line) - len(line.lstrip())]
        )
        self.message = "a tab cannot indent a line in YAML"
        self.hint = "indent with spaces" + (
            f"; {indented} lines here begin with tabs" if indented > 1 else ""
        )
        self.related = None

    def report(self, file: str, diagnostics: Diagnostics) -> None:
        """Add the finding."""
        span = Span(file, self.line + 1, self.column + 1, self.line + 1, self.column + 2)
        related: tuple[tuple[Span, str], ...] = ()
        if self.related is not None:
            (line, column), caption = self.related
            place = Span(file, line + 1, column + 1, line + 1, column + 2)
            related = ((place, caption),)
        diagnostics.add(self.code, self.message, span, "", self.hint, related=related)
