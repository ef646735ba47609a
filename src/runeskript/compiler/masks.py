r"""Stand-ins for what YAML 1.2 means otherwise than libyaml, which knows YAML 1.1.

NEL, LS and PS are characters like any other now, where they were line breaks. And a text in double
quotes may hold what a JSON text may hold (YAML 1.2 means to contain JSON, section 1.2 of its
specification), so that ``\ud83d\ude00`` is one character, which libyaml refuses. What stands in are
private-use characters that the text does not contain, in stretches of the same length, so that all
places stay what they are.
"""

from __future__ import annotations

import re
from typing import Final

_OLD_BREAKS: Final = re.compile("[\x85\u2028\u2029]")
#: Both halves of a surrogate pair, the backslash not escaped itself.
_PAIR: Final = re.compile(
    r"(?<!\\)((?:\\\\)*)\\u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})"
)


class Mask:
    """The stand-ins of one text, to be taken back."""

    __slots__ = ("_chars", "_escapes", "_pattern")

    def __init__(self, chars: dict[int, int | None], escapes: dict[str, str]) -> None:
        #: Stand-in -> the character it stands for, None for the second half of a pair.
        self._chars = chars
        #: The escapes that stand for a pair, as they are written -> those of the pair.
        self._escapes = escapes
        self._pattern = re.compile("|".join(map(re.escape, escapes)), re.IGNORECASE)

    def text(self, text: str, *, escaped: bool) -> str:
        """A text that was read, with what stood there; ``escaped``: in double quotes."""
        if not escaped and self._escapes:
            return self.source(text)  # nothing was read as an escape there
        return text.translate(self._chars)

    def source(self, text: str) -> str:
        """The same for a text as it is written."""
        if self._escapes:
            text = self._pattern.sub(lambda found: self._escapes[found[0].lower()], text)
        return text.translate(self._chars)


def mask(text: str) -> tuple[str, Mask | None]:
    """A text for libyaml, and how to take the stand-ins back; None where there are none."""
    breaks = not text.isascii() and _OLD_BREAKS.search(text) is not None
    pairs = "\\u" in text and _PAIR.search(text) is not None
    if not breaks and not pairs:
        return text, None
    lowered = text.lower() if "\\u" in text else ""
    free = (
        point
        for point in range(0xE000, 0xF8FF)
        if chr(point) not in text and f"\\u{point:04x}" not in lowered
    )
    chars: dict[int, int | None] = {}
    escapes: dict[str, str] = {}
    if breaks:
        masks = {old: next(free) for old in (0x85, 0x2028, 0x2029)}
        text = text.translate(masks)
        chars |= {stand_in: old for old, stand_in in masks.items()}
    if pairs:
        nothing = next(free)
        chars[nothing] = None
        known: dict[str, str] = {}

        def replace(found: re.Match[str]) -> str:
            pair = found[0][len(found[1]) :]
            if pair not in known:
                point = next(free, None)
                if point is None:
                    return found[0]
                high, low = int(found[2], 16), int(found[3], 16)
                chars[point] = 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00)
                known[pair] = f"\\u{point:04x}\\u{nothing:04x}"
                escapes[known[pair]] = pair
            return found[1] + known[pair]

        text = _PAIR.sub(replace, text)
    return text, Mask(chars, escapes)
