r"""The line reader: the plain YAML that nearly every workflow is written in, read without a parser.

One regular expression takes a text apart into lines of ``indent``, ``- ``, ``key:`` and the rest;
a stack of columns puts the lines together. It knows block mappings and lists, scalars and flow
collections of one line, literal blocks and comments. Whatever else it meets (tabs, anchors, tags,
texts of several lines, an escape that is not common, a mistake of any kind) it gives up, and
``read_yaml`` reads the whole text with libyaml, which has the say: the tree of a text that this
reader accepts is the one libyaml makes, place by place, and every finding is that reader's.
"""

from __future__ import annotations

import re
from typing import Final, TypeAlias

from .nodes import Map, Node, Scalar, Seq, empty_map, empty_seq, enter, key_of, scalar
from .scalars import ScalarError, resolve

#: What a plain scalar cannot begin with; `-` can, before anything but a blank.
_INDICATORS: Final = frozenset("-?:,[]{}#&*!|>'\"%@` ")
#: One line: indent, `- `, key, the rest (after a key with the blanks before it). All lines match;
#: no part could match in a second way, and an eighth of the time went into leaving that open.
_LINE: Final = re.compile(
    r"( *+)(- ++)?+"
    r"(?:([^\n\-?:,\[\]{}#&*!|>'\"%@` ][^\n:#]*+|\"[^\"\\\n]*+\"|'[^'\n]*+'):(?=[ \n]))?+"
    r"([^\n]*+)\n"
)
#: Line breaks of YAML 1.1, and byte order marks.
_STRANGE: Final = re.compile("[\x85\u2028\u2029\ufeff]")
_DOUBLE: Final = re.compile(r'("((?:[^"\\]|\\["\\nt])*)")(?: *| +#.*)\Z')
_SINGLE: Final = re.compile(r"('((?:[^']|'')*)')(?: *| +#.*)\Z")
_ESCAPE: Final = re.compile(r"\\(.)")
_ESCAPED: Final = {'"': '"', "\\": "\\", "n": "\n", "t": "\t"}
#: A token of a flow collection after its blanks: a bracket or comma, a quoted or a plain text, `: `
#: where it ends a key; or a character of something else.
_FLOW: Final = re.compile(
    r"( *)(?:([\[\]{},]|\"[^\"\\]*\"|'[^']*'"
    r"|(?:[^?:,\[\]{}#&*!|>'\"%@` -]|-[0-9A-Za-z_])[^?:,\[\]{}#]*)"
    r"(: +)?|(.))"
)
_FLOW_END: Final = re.compile(r" *(?: #.*)?\Z")
#: libyaml looks no further for the `:` of a key (1,024, from where the key begins).
_KEY_CHARS: Final = 1000
#: Block collections in one another, and flow collections, are left to libyaml from here on; both
#: together stay far below `limits.DOCUMENT_DEPTH`.
_BLOCK_DEPTH: Final = 60
_FLOW_DEPTH: Final = 20

#: What a value begins with that is no scalar of one line, and the block scalars that are read here.
_LARGER: Final = frozenset("[{|")
_LITERALS: Final = frozenset(("|", "|-", "|+"))

#: A scalar of one line: value, text, style, blanks before it, and how many characters it takes.
_Read: TypeAlias = tuple[bool | int | float | str | None, str, str, int, int]


class _GiveUpError(Exception):
    """Something that libyaml is to read."""


def read_lines(text: str) -> Node | None:
    """The tree of a plain text; None where libyaml has to read it.

    The text has no characters but those that a document may contain (see ``read``).
    """
    if "\r" in text:
        text = text.replace("\r\n", "\n")  # places are lines and columns
    if "\r" in text or "\t" in text or (not text.isascii() and _STRANGE.search(text)):
        return None
    try:
        return _Reader(text).read()
    except (_GiveUpError, ScalarError):
        return None


class _Reader:
    """One reading of one text."""

    def __init__(self, text: str) -> None:
        self.ends_open = not text.endswith("\n")
        self.text = text + "\n" if self.ends_open else text
        #: Plain keys that were found good; each stands for itself, and once in memory.
        self.keys: dict[str, str] = {}
        #: A scalar as it is written, to the end of its line -> what it says.
        self.scalars: dict[str, _Read] = {}
        #: A flow collection as it is written, to the end of its line -> the first such tree.
        self.flows: dict[str, Node] = {}
        #: The lines without their breaks; made by the first literal block.
        self.lines: list[str] = []

    def read(self) -> Node:
        """The root. One loop, without calls for most lines. Raises _GiveUpError."""
        keys, scalars = self.keys, self.scalars
        # Stands around the root, to its left, with a key that waits for it.
        holder = empty_map(False, 0, -1)
        container: Map | Seq = holder
        #: The column of its entries, whether it is a list, and what the entries go into.
        at, listing, entries = -1, False, holder.entries
        items: list[Node] = []
        stack: list[tuple[Map | Seq, int]] = []
        #: The key whose value may begin on a line below.
        pending: str | None = ""
        #: Where the last scalar ended, or the key that waits: collections that end after it end
        #: there.
        end_line = end_column = 0
        lines = enumerate(_LINE.findall(self.text))
        for line, (indent, dash, name, rest) in lines:
            if not name and not dash:
                if not rest or rest[0] == "#":
                    continue
                raise _GiveUpError
            column = len(indent)
            if pending is not None:
                if column > at or (dash and column == at):
                    if len(stack) > _BLOCK_DEPTH:
                        raise _GiveUpError
                    stack.append((container, at))
                    at = column
                    if dash:
                        listing = True
                        entries[pending] = container = empty_seq(False, line, column)
                        items = container.items
                    else:
                        entries[pending] = container = empty_map(False, line, column)
                        entries = container.entries
                    container.above = end_line
                else:
                    entries[pending] = _nothing(end_line, end_column)
                pending = None
            if column != at or (not listing if dash else listing):
                while at > column or (at == column and listing and not dash):
                    container.end_line, container.end_column = end_line, end_column
                    container, at = stack.pop()
                    listing = type(container) is Seq
                if at != column or (not listing if dash else listing):
                    raise _GiveUpError
                if type(container) is Seq:
                    items = container.items
                elif type(container) is Map:
                    entries = container.entries
            if name:
                if dash:
                    if len(stack) > _BLOCK_DEPTH:
                        raise _GiveUpError
                    stack.append((container, at))
                    column = at = column + len(dash)
                    listing = False
                    container = Map()  # as `empty_map`; each step is one
                    container.entries = entries = {}
                    container.keys = None
                    container.flow = False
                    container.line = line
                    container.column = column
                    items.append(container)
                key = keys.get(name) or self._kept(name, container, line, column)
                if key in entries:
                    raise _GiveUpError
                column += len(name) + 1
                if not rest:
                    pending = key
                    end_line, end_column = line, column
                    continue
            else:
                column += len(dash)
            node: Node
            read = scalars.get(rest)
            if read is None:
                begins = rest.lstrip(" ")
                first = begins[:1]
                blanks = len(rest) - len(begins)
                if not first or first == "#":
                    if not name:
                        raise _GiveUpError
                    pending = key
                    end_line, end_column = line, column
                    continue
                if first in _LARGER:
                    column += blanks
                    if first == "|":
                        node = self._literal(begins, line, column, at)
                        for _ in range(line + 1, node.end_line):
                            next(lines)
                    else:
                        node = self._flow(begins, line, column)
                    if listing:
                        items.append(node)
                    else:
                        entries[key] = node
                    end_line, end_column = node.end_line, node.end_column
                    continue
                read = scalars[rest] = _scalar(begins, first, blanks)
            node = Scalar()
            node.value, node.text, node.style, blanks, length = read
            node.line = node.end_line = end_line = line
            node.column = column = column + blanks
            node.end_column = end_column = column + length
            if listing:
                items.append(node)
            else:
                entries[key] = node
        if not stack:  # no line says anything
            raise _GiveUpError
        if pending is not None:
            entries[pending] = _nothing(end_line, end_column)
        for opened in (container, *[opened for opened, _ in stack]):
            opened.end_line, opened.end_column = end_line, end_column
        return holder.entries[""]

    def _kept(self, written: str, container: Map | Seq, line: int, column: int) -> str:
        """The text of a key not met before, or quoted: such a one is kept as a node."""
        text, style = self._key(written)
        if style and type(container) is Map:
            key = scalar(text, text, style, line, column, line, column + len(written))
            if container.keys is None:
                container.keys = {}
            container.keys[text] = key
        return text

    def _key(self, written: str) -> tuple[str, str]:
        """The text and style of a key. Raises _GiveUpError for what is none."""
        style = written[0] if written[0] in "'\"" else ""
        text = written[1:-1] if style else written
        if len(written) > _KEY_CHARS or written[-1] == " ":
            raise _GiveUpError
        if not style and type(resolve(text)) is not str:
            raise _GiveUpError
        if text == "<<" or text.startswith("..."):  # a merge; perhaps the end of a document
            raise _GiveUpError
        if not style:
            self.keys[text] = text
        return text, style

    def _flow(self, begins: str, line: int, column: int) -> Node:
        """A flow collection. Each is read once and copied to where it stands again."""
        known = self.flows.get(begins)
        if known is not None:
            return _copied(known, line, column - known.column)
        node = self.flows[begins] = self._new_flow(begins, line, column)
        return node

    def _new_flow(self, begins: str, line: int, column: int) -> Map | Seq:
        #: The collections around, each with the key (of an object) whose value is being read.
        stack: list[tuple[Map | Seq | None, Scalar | None]] = []
        container: Map | Seq | None = None
        key: Scalar | None = None
        #: Whether a value or a key may come, and whether the closing bracket.
        opens, closes = True, False
        end = column
        for blanks, piece, colon, strange in _FLOW.findall(begins):
            column = end + len(blanks)
            end = column + len(piece) + len(colon)
            node: Node
            if strange or (colon and (key is not None or piece in "[]{},")):
                break
            if piece == ",":
                if opens:
                    break
                opens, closes = True, False
                continue
            if piece == "]" or piece == "}":
                if container is None or not closes:
                    break
                if (piece == "]") is not (type(container) is Seq):
                    break
                node = container
                node.end_column = end
                container, key = stack.pop()
                if container is None:
                    if _FLOW_END.match(begins, end - node.column) is None:
                        break
                    return node
            elif not opens:
                break
            elif piece == "[" or piece == "{":
                if len(stack) > _FLOW_DEPTH:
                    break
                stack.append((container, key))
                container = (empty_seq if piece == "[" else empty_map)(True, line, column)
                key, closes = None, True
                continue
            elif colon:
                text, style = self._key(piece)
                if type(container) is not Map or text in container.entries:
                    break
                key = scalar(text, text, style, line, column, line, column + len(piece))
                closes = False
                continue
            elif piece[0] == '"' or piece[0] == "'":
                text = piece[1:-1]
                node = scalar(text, text, piece[0], line, column, line, end)
            else:
                text = piece.rstrip(" ")
                node = scalar(resolve(text), text, "", line, column, line, column + len(text))
            if type(container) is Seq:
                container.items.append(node)
            elif type(container) is Map and key is not None:
                enter(container, key, node)
                key = None
            else:
                break
            opens, closes = False, True
        raise _GiveUpError

    def _literal(self, rest: str, line: int, column: int, at: int) -> Scalar:
        """A literal block, whose text begins below ``line``; it ends where the next line begins."""
        if rest not in _LITERALS:
            raise _GiveUpError
        if not self.lines:
            self.lines = self.text.split("\n")
            self.lines.pop()  # what follows the last line break
        lines = self.lines
        first = lines[line + 1] if line + 1 < len(lines) else ""
        indent = len(first) - len(first.lstrip(" "))
        if indent == len(first) or indent <= at:
            raise _GiveUpError  # empty, or begun by an empty line
        content: list[str] = []
        after = line + 1
        for after in range(line + 1, len(lines)):
            below = lines[after]
            if below[:indent].strip(" "):
                break
            content.append(below[indent:])
        else:
            after = len(lines)
            if self.ends_open:
                raise _GiveUpError
        text = "\n".join(content)
        if rest != "|+":
            text = text.rstrip("\n")
        if rest != "|-":
            text += "\n"
        return scalar(text, text, "|", line, column, after, 0)


def _nothing(line: int, column: int) -> Scalar:
    """The value of a key that has none."""
    return scalar(None, "", "", line, column, line, column)


def _scalar(begins: str, first: str, blanks: int) -> _Read:
    """What takes the rest of its line but for a comment; ``first``: its first character."""
    if first == '"' or first == "'":
        end = len(begins) - 1
        if begins.find(first, 1) == end > 0 and (first == "'" or "\\" not in begins):
            text = begins[1:-1]
            return text, text, first, blanks, end + 1
        quoted = (_DOUBLE if first == '"' else _SINGLE).match(begins)
        if quoted is None:
            raise _GiveUpError
        text = quoted[2]
        if first == "'":
            text = text.replace("''", "'")
        else:
            text = _ESCAPE.sub(lambda found: _ESCAPED[found[1]], text)
        return text, text, first, blanks, len(quoted[1])
    if first in _INDICATORS and (first != "-" or begins[1:2] in ("", " ")):
        raise _GiveUpError
    text = begins if " #" not in begins else begins[: begins.index(" #")]
    if text[-1] == " ":
        text = text.rstrip(" ")
    if text[-1] == ":" or ": " in text:
        raise _GiveUpError
    return resolve(text), text, "", blanks, len(text)


def _copied(node: Node, line: int, shift: int) -> Node:
    """A node of one line once more, on another line and ``shift`` columns further right."""
    copy: Node
    if type(node) is Scalar:
        copy = _copied_scalar(node, line, shift)
    elif type(node) is Seq:
        copy = empty_seq(True, line, node.column + shift)
        copy.items = [_copied(item, line, shift) for item in node.items]
    else:
        copy = empty_map(True, line, node.column + shift)
        for key, value in node.entries.items():
            kept = _copied_scalar(key_of(node, key), line, shift)
            enter(copy, kept, _copied(value, line, shift))
    copy.end_column = node.end_column + shift
    return copy


def _copied_scalar(node: Scalar, line: int, shift: int) -> Scalar:
    copy = Scalar()
    copy.value, copy.text, copy.style = node.value, node.text, node.style
    copy.line = copy.end_line = line
    copy.column = node.column + shift
    copy.end_column = node.end_column + shift
    return copy
