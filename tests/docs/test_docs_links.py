"""Every relative link leads somewhere, and every page can be found from the front page."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from .markdown import ROOT, anchors, links, pages

#: Pages nobody has to be led to: found by an error's code, or listed in their folder.
UNLINKED = ("docs/errors/RUNE-", "docs/decisions/0")


def target_of(page: Path, link: str) -> tuple[Path, str]:
    file, _, anchor = link.partition("#")
    return ((page.parent / file) if file else page).resolve(), anchor


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_links_resolve(page: Path) -> None:
    wrong = []
    for line, link in links(page):
        if re.match(r"[a-z]+:", link):
            continue
        target, anchor = target_of(page, link)
        if not target.exists():
            wrong.append(f"{page.name}:{line}: {link} leads nowhere")
        elif anchor and target.suffix == ".md" and anchor not in anchors(target):
            wrong.append(f"{page.name}:{line}: {target.name} has no heading #{anchor}")
        elif not target.is_relative_to(ROOT):
            wrong.append(f"{page.name}:{line}: {link} leaves the project")
    assert not wrong, "\n".join(wrong)


def test_every_page_can_be_reached() -> None:
    seen, todo = set(), [ROOT / "README.md"]
    while todo:
        page = todo.pop()
        if page in seen or page.suffix != ".md" or not page.is_file():
            continue
        seen.add(page)
        todo += [target_of(page, link)[0] for _, link in links(page) if ":" not in link]
    missing = [
        str(page.relative_to(ROOT))
        for page in pages()
        if page not in seen and not str(page.relative_to(ROOT)).startswith(UNLINKED)
    ]
    assert not missing, f"no link leads to {missing}"
