"""Reading Markdown as far as the test needs it: fenced blocks, links, headings, generated parts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]

_FENCE = re.compile(r"( *)(`{3,})(.*)")
_LINK = re.compile(
    r"(?<!!)\[(?:[^\]\[]|\[[^\]]*\])*\]\(([^()\s]+(?:\([^()]*\))?)\)|!\[[^\]]*\]\(([^()\s]+)\)"
)
_REGION = re.compile(r"(<!-- generated: (\S+) -->\n)(.*?)(<!-- end -->)", re.DOTALL)


def pages() -> list[Path]:
    """Every page of the documentation."""
    top = [path for path in ROOT.glob("*.md") if not path.name.startswith(".")]
    return sorted([*top, *(ROOT / "docs").rglob("*.md")])


@dataclass
class Block:
    """One fenced block. ``line`` (from 1) is its opening fence; ``info`` what stands behind it."""

    page: Path
    line: int
    indent: int
    info: list[str]
    text: str

    @property
    def language(self) -> str:
        return self.info[0] if self.info else ""

    @property
    def flags(self) -> list[str]:
        return [word for word in self.info[1:] if "=" not in word]

    def option(self, name: str) -> str | None:
        for word in self.info[1:]:
            key, equals, value = word.partition("=")
            if equals and key == name:
                return value
        return None

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page, in order."""
    found: list[Block] = []
    lines = page.read_text(encoding="utf-8").split("\n")
    at = 0
    while at < len(lines):
        fence = _FENCE.fullmatch(lines[at])
        if fence is None:
            at += 1
            continue
        indent, ticks, info = len(fence[1]), fence[2], fence[3].split()
        end = at + 1
        while not re.fullmatch(rf" *{ticks}`* *", lines[end]):
            end += 1
            assert end < len(lines), f"{page}:{at + 1}: the block is never closed"
        text = "".join(line[indent:].rstrip("\r") + "\n" for line in lines[at + 1 : end])
        found.append(Block(page, at + 1, indent, info, text))
        at = end + 1
    return found


def rewrite(page: Path, changed: list[tuple[Block, str]]) -> None:
    """Replace the text of blocks; of a page read with ``blocks`` just before."""
    if not changed:
        return
    lines = page.read_text(encoding="utf-8").split("\n")
    for block, text in sorted(changed, key=lambda pair: -pair[0].line):
        pad = " " * block.indent
        new = [pad + line if line else "" for line in text.rstrip("\n").split("\n")]
        lines[block.line : block.line + block.text.count("\n")] = new
    page.write_text("\n".join(lines), encoding="utf-8")


def prose(page: Path) -> list[str]:
    """The lines of a page with those inside fenced blocks and `code` blanked."""
    out, ticks = [], ""
    for line in page.read_text(encoding="utf-8").split("\n"):
        fence = _FENCE.fullmatch(line)
        if ticks:
            if fence is not None and fence[2].startswith(ticks) and not fence[3].strip():
                ticks = ""
            out.append("")
        elif fence is not None:
            ticks = fence[2]
            out.append("")
        else:
            out.append(line)
    return out


def links(page: Path) -> Iterator[tuple[int, str]]:
    """(line, target) of every link of a page."""
    for number, line in enumerate(prose(page), 1):
        bare = re.sub(r"(`+)(?:(?!\1).)+\1", lambda m: "`" * len(m[0]), line)
        for found in _LINK.finditer(bare):
            yield number, line[slice(*found.span(1 if found[1] else 2))]


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    out: set[str] = set()
    for line in prose(page):
        if not (heading := re.match(r"#{1,6} +(.*?) *#* *$", line)):
            continue
        text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading[1]).replace("`", "")
        slug = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
        unique, n = slug, 0
        while unique in out:
            n += 1
            unique = f"{slug}-{n}"
        out.add(unique)
    return out


def regions(text: str) -> Iterator[tuple[str, str]]:
    """(name, content) of every generated part: what stands between its two comments."""
    for found in _REGION.finditer(text):
        yield found[2], found[3]


def replace_regions(text: str, make: dict[str, str]) -> str:
    """The page with every generated part made anew."""
    return _REGION.sub(lambda m: f"{m[1]}\n{make[m[2]].strip()}\n\n{m[4]}", text)
