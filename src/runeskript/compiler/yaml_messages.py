"""What libyaml's (and PyYAML's own) syntax errors mean, in words that help.

The parsers' texts name their inner states ("did not find expected key"); each row here gives the
cause a writer can see and what to do about it.
"""

from __future__ import annotations

from typing import Final

from ..model.rows import NamedTuple


class Row(NamedTuple):
    """``found`` is a part of the parser's problem text."""

    found: str
    message: str
    hint: str


#: The first row whose ``found`` occurs in the parser's text counts.
ROWS: Final[tuple[Row, ...]] = (
    Row(
        "mapping values are not allowed",
        "a `:` is not allowed here",
        "put a text that contains `: ` in quotes; or the line is indented too far",
    ),
    Row(
        "could not find expected ':'",
        "this line is no `key: value`",
        "a `:` with a space after it is missing, or the line above is not finished",
    ),
    Row(
        "did not find expected key",
        "expected a key here",
        "check the indentation: keys of one object begin in one column; text after a closing "
        "quote is not allowed",
    ),
    Row(
        "expected <block end>",
        "expected a key or a `-` here",
        "check the indentation: keys of one object, and the `-` of one list, begin in one column",
    ),
    Row(
        "did not find expected '-' indicator",
        "expected a `-` here, like the list items above",
        "check the indentation: the `-` of one list stand in one column",
    ),
    Row(
        "block sequence entries are not allowed",
        "a list cannot begin here",
        "put the `-` on a line of its own, indented; or quote the text",
    ),
    Row(
        "sequence entries are not allowed",
        "a list cannot begin here",
        "put the `-` on a line of its own, indented; or quote the text",
    ),
    Row(
        "did not find expected ',' or ']'",
        "this list in brackets is not finished: expected `,` or `]`",
        "close the bracket; texts with `,` `[` `{` or `: ` inside brackets need quotes",
    ),
    Row(
        "did not find expected ',' or '}'",
        "this object in braces is not finished: expected `,` or `}`",
        "close the brace; texts with `,` `[` `{` or `: ` inside braces need quotes",
    ),
    Row(
        "expected ',' or ']'",
        "this list in brackets is not finished: expected `,` or `]`",
        "close the bracket; texts with `,` `[` `{` or `: ` inside brackets need quotes",
    ),
    Row(
        "expected ',' or '}'",
        "this object in braces is not finished: expected `,` or `}`",
        "close the brace; texts with `,` `[` `{` or `: ` inside braces need quotes",
    ),
    Row(
        "unexpected end of stream",
        "a quote that opens here is never closed",
        "close it; inside single quotes a quote is written twice",
    ),
    Row(
        "unexpected document indicator",
        "a quote that opens here is never closed",
        "close it before the `---` or `...`",
    ),
    Row(
        "unknown escape character",
        "this escape does not exist in double quotes",
        "write `\\\\` for a backslash, or use single quotes",
    ),
    Row(
        "did not find expected hexdecimal number",
        "this escape needs hexadecimal digits",
        "\\xNN, \\uNNNN or \\UNNNNNNNN; `\\\\` is a backslash",
    ),
    Row(
        "expected escape sequence",
        "this escape needs hexadecimal digits",
        "\\xNN, \\uNNNN or \\UNNNNNNNN; `\\\\` is a backslash",
    ),
    Row(
        "invalid Unicode character escape",
        "this escape is a lone surrogate or past U+10FFFF, which is no character",
        "write the character itself, or `\\U0001F600` with all its digits",
    ),
    Row(
        "unacceptable character",
        "this character may not stand in a document",
        "delete it",
    ),
    Row(
        "did not find expected alphabetic or numeric character",
        "`&` and `*` name an anchor and need a name after them",
        "quote a text that begins with `&` or `*`",
    ),
    Row(
        "expected alphabetic or numeric character",
        "`&` and `*` name an anchor and need a name after them",
        "quote a text that begins with `&` or `*`",
    ),
    Row(
        "did not find expected comment or line break",
        "nothing but a comment may follow here",
        "the text of a `|` or `>` block begins on the next line",
    ),
    Row(
        "expected chomping or indentation indicators",
        "nothing but a comment may follow here",
        "the text of a `|` or `>` block begins on the next line",
    ),
    Row(
        "did not find expected <document start>",
        "text goes on after the end of the document",
        "check the indentation of this line and the one above",
    ),
    Row(
        "expected '<document start>'",
        "text goes on after the end of the document",
        "check the indentation of this line and the one above",
    ),
    Row(
        "incompatible YAML document",
        "this `%YAML` version is not supported",
        "delete the line: documents are YAML 1.2",
    ),
    Row(
        "undefined tag handle",
        "tags (`!name`) are not allowed",
        "delete the tag; quote a text that begins with `!`",
    ),
    Row(
        "wrongly indented line in block scalar",
        "this line is indented less than its block",
        "indent all lines of a `|` or `>` block alike",
    ),
)

#: For the characters that begin no plain text.
STARTS: Final[dict[str, tuple[str, str]]] = {
    "@": ("a plain text cannot begin with `@`", "quote the text"),
    "`": ("a plain text cannot begin with a backquote", "quote the text"),
    "%": ("a plain text cannot begin with `%`", "quote the text"),
    "-": ("a list item needs a space after its `-`", "write `- ` or quote the text"),
}


def explain(problem: str) -> tuple[str, str | None]:
    """Message and hint for a parser's problem text."""
    for row in ROWS:
        if row.found in problem:
            return row.message, row.hint
    return f"this is no YAML: {problem}", None
