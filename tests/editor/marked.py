"""Texts with a cursor in them, and handlers to complete."""

from __future__ import annotations

from typing import Any

from runeskript.compiler.editor.analysis import Analysis, analyse
from runeskript.compiler.editor.complete import Item, complete
from runeskript.model.catalog import PlainHandler, StaticCatalog

FETCH: dict[str, Any] = {
    "type": "object",
    "properties": {
        "url": {"type": "string", "description": "Where it is."},
        "tries": {"type": ["integer", "null"], "default": 3},
    },
    "required": ["url"],
}
CATALOG = StaticCatalog(
    {
        "web.fetch": PlainHandler("web.fetch", True, True, "async", "Gets a page.", FETCH),
        "work": PlainHandler("work", doc="Works."),
    }
)
#: A readable document, the last that was looked at before the text was broken.
LAST = """\
skript: shop
input:
  type: object
  properties:
    user: {type: object, properties: {name: {type: string}}}
    items: {type: array, items: {type: object, properties: {sku: {type: string}}}}
env: [PRICING]
vars: {total: 0}
functions:
  net(price, qty): price * qty
do:
  - for: item
    in: input.items
    collect: pages
    do:
      - id: fetch
        call: web.fetch
        with: {url: "${env.PRICING}"}
        into: page
      - yield: page
  - return: {total: "${net(total, 1)}", pages: "${pages}"}
"""
KNOWN = analyse(LAST, "shop.yaml", CATALOG)
MARK = "¦"


def split(text: str) -> tuple[list[str], int, int]:
    """The lines of a text without its mark, and where the mark stood."""
    before, _, after = text.partition(MARK)
    lines = before.split("\n")
    return (before + after).split("\n"), len(lines) - 1, len(lines[-1])


def offered(text: str, known: Analysis = KNOWN, files: tuple[str, ...] = ()) -> list[Item]:
    """What is offered at the mark, best first."""
    lines, line, column = split(text)
    items = complete(lines, line, column, CATALOG, known, files)
    return sorted(items, key=lambda item: (item.rank, item.label))


def labels(text: str, known: Analysis = KNOWN) -> list[str]:
    return [item.label for item in offered(text, known)]
