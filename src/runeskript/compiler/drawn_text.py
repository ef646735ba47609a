"""Texts of the document in the languages that graphs are drawn in."""

from __future__ import annotations


def dot_text(text: str) -> str:
    """Quoted for Graphviz."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def mermaid_text(text: str) -> str:
    """Quoted, with the characters that would end the quote or begin markup as entities."""
    for char, entity in (("&", "#amp;"), ('"', "#quot;"), ("<", "#lt;"), (">", "#gt;")):
        text = text.replace(char, entity)
    return '"' + text.replace("\n", " ") + '"'
