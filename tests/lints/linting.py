"""Helpers of these tests: a document to the codes and places of what the lints say."""

from __future__ import annotations

from runeskript.compiler.pipeline import Options, check_text
from runeskript.model.catalog import PlainHandler, StaticCatalog
from runeskript.model.codes import Level
from runeskript.model.diagnostics import Diagnostic

#: ``f`` and ``g`` have effects that nothing says may be repeated.
CATALOG = StaticCatalog(
    {
        "f": PlainHandler("f"),
        "g": PlainHandler("g"),
        "safe": PlainHandler("safe", idempotent=True),
        "pure": PlainHandler("pure", pure=True),
    }
)


def lints(text: str, **levels: Level) -> tuple[Diagnostic, ...]:
    """All findings of a document; a text without `skript:` is a list of steps.

    ``levels``: codes without their dash (``RUNE3110="off"``).
    """
    if "skript:" not in text:
        text = "skript: x\ndo:\n" + "".join(f"  {line}\n" for line in text.splitlines())
    # How many calls a job can make is said of nearly every document; tests ask for it by itself.
    levels = {"RUNE3140": "off", **levels}
    set_levels = {code.replace("RUNE", "RUNE-"): level for code, level in levels.items()}
    return check_text(text, "x.yaml", CATALOG, Options(lint=True, levels=set_levels))


def said(text: str, code: str) -> list[str]:
    """The messages of one code; findings of other codes are left out."""
    return [d.message for d in lints(text) if d.code == code]


def codes(text: str, **levels: Level) -> list[str]:
    """The codes of all findings, in the order of the text."""
    return [d.code for d in lints(text, **levels)]
