"""The YAML reader: parser events -> node tree, with everything refused that Runeskript refuses.

Events come from libyaml through PyYAML (its pure-Python parser where libyaml is missing); the tree,
the scalars (YAML 1.2 core schema) and all limits are ours. Nothing here recurses, and a text that
nests too deep is left at once: libyaml's own work grows with the square of the depth.
"""

from __future__ import annotations

from typing import Any, Final, Protocol, cast

import yaml
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from ..model.diagnostics import Diagnostics
from ..model.limits import ALIAS_NODES, DOCUMENT_DEPTH
from ..model.spans import Span
from ..model.values import is_text
from .masks import Mask
from .nodes import (
    UNREAD,
    Map,
    Node,
    Scalar,
    Seq,
    children_of,
    clip,
    empty_map,
    empty_seq,
    enter,
    scalar,
    span_of,
)
from .scalars import ScalarError, resolve
from .yaml_problem import Problem


class _Events(Protocol):
    """What either of PyYAML's parsers offers."""

    def __init__(self, text: str) -> None: ...

    def get_event(self) -> Any:
        """The next event, None after the last."""


class _PurePython(yaml.reader.Reader, yaml.scanner.Scanner, yaml.parser.Parser):
    """PyYAML's parser without its composer and constructor."""

    def __init__(self, text: str) -> None:
        yaml.reader.Reader.__init__(self, text)
        yaml.scanner.Scanner.__init__(self)
        yaml.parser.Parser.__init__(self)


def _libyaml() -> type[_Events] | None:
    try:
        from yaml._yaml import CParser
    except ImportError:
        return None
    return cast("type[_Events]", CParser)


#: None where PyYAML was built without libyaml.
CPARSER: Final = _libyaml()


def parser_for(text: str, *, pure_python: bool = False) -> _Events:
    """A parser that gives a text's events."""
    make = _PurePython if pure_python or CPARSER is None else CPARSER
    return make(text)


_MISSING: Final = object()
#: A character that may be mistyped locally, and what stands in for it while reading goes on.
_REPAIRS: Final = 5


class _StopReadingError(Exception):
    """A finding after which the rest of the text is not read."""


def read_yaml(
    text: str,
    file: str,
    diagnostics: Diagnostics,
    mask: Mask | None = None,
    *,
    pure_python: bool = False,
) -> tuple[Node | None, list[tuple[int, int]]]:
    """The tree of a YAML text (None: no usable one), and (line, column) of its syntax errors.

    ``mask`` takes stand-ins back in every scalar. A slip that concerns one character (a stray
    ``:``, an unknown escape) is reported and read over, so that the rest of the document is checked
    too.
    """
    stopped: list[tuple[int, int]] = []
    for _ in range(_REPAIRS):
        found = Diagnostics()
        builder = _Builder(file, found, mask)
        root: Node | None = None
        try:
            root = builder.build(parser_for(text, pure_python=pure_python))
        except _StopReadingError:
            pass
        except yaml.YAMLError as error:
            problem = Problem(error, text)
            problem.report(file, diagnostics)
            stopped.append((problem.line, problem.column))
            if problem.repaired is not None:
                text = problem.repaired
                continue
        break
    for item in found.sorted():
        diagnostics.add(
            item.code, item.message, item.span, "", item.hint,
            severity=item.severity, related=item.related,
        )  # fmt: skip
    return root, stopped


class _Builder:
    """One reading of one document."""

    def __init__(self, file: str, diagnostics: Diagnostics, mask: Mask | None) -> None:
        self.file = file
        self.diagnostics = diagnostics
        self.mask = mask
        #: Anchor -> its node, and how many nodes an alias to it adds; None while it is still open.
        self.anchors: dict[str, tuple[Node, int] | None] = {}
        self.heights: dict[int, int] = {}
        self.alias_nodes = 0
        self.documents = 0

    def build(self, events: _Events) -> Node | None:
        """Read the whole stream. Raises yaml.YAMLError and _StopReadingError."""
        get_event, mask = events.get_event, self.mask
        surrogates = isinstance(events, _PurePython)  # libyaml refuses their escapes itself
        memo: dict[str, Any] = {}  # plain text -> value
        texts: dict[str, str] = {}
        stack: list[tuple[Any, Scalar | None, str | None, int]] = []
        container: Map | Seq | None = None
        key: Scalar | None = None
        count = end_line = end_column = 0
        root: Node | None = None
        while True:
            event = get_event()
            kind = type(event)
            node: Node
            if kind is ScalarEvent:
                count += 1
                text = event.value
                style = event.style or ""
                start, end = event.start_mark, event.end_mark
                end_line, end_column = end.line, end.column
                if style:
                    value = text = texts.setdefault(text, text)
                elif text in memo:
                    value = memo[text]
                else:
                    value = self._resolve(text, memo, start, end)
                node = scalar(value, text, style, start.line, start.column, end_line, end_column)
                if event.tag is not None or event.anchor is not None:
                    self._properties(event)
                    if event.anchor is not None:
                        self.anchors[event.anchor] = (node, 1)
                if mask is not None:
                    _unmask(node, mask)
                    text = node.text
                if surrogates and not text.isascii() and not is_text(text):
                    self._surrogate(node)
            elif kind is MappingStartEvent or kind is SequenceStartEvent:
                count += 1
                stack.append((container, key, event.anchor, count))
                start = event.start_mark
                if len(stack) > DOCUMENT_DEPTH:
                    self._too_deep(start)
                if event.tag is not None or event.anchor is not None:
                    self._properties(event)
                make = empty_map if kind is MappingStartEvent else empty_seq
                container = make(bool(event.flow_style), start.line, start.column)
                key = None
                continue
            elif kind is MappingEndEvent or kind is SequenceEndEvent:
                node = cast("Map | Seq", container)
                if node.flow:
                    end = event.end_mark
                    end_line, end_column = end.line, end.column
                node.end_line, node.end_column = end_line, end_column
                container, key, anchor, before = stack.pop()
                if anchor is not None:
                    self.anchors[anchor] = (node, count - before + 1)
            elif kind is AliasEvent:
                node, size = self._alias(event, len(stack))
                count += size
                end_line, end_column = event.end_mark.line, event.end_mark.column
            elif event is None:
                return root
            else:
                if kind is DocumentStartEvent:
                    self._document(event)
                continue
            # A finished node: hand it to its container.
            if container is None:
                root = node
            elif type(container) is Seq:
                container.items.append(node)
            elif key is None:
                key = self._key(node)
            else:
                first = enter(container, key, node) if key.value is not None else None
                if first is not None:
                    self._duplicate(key, first)
                key = None

    def _resolve(self, text: str, memo: dict[str, Any], start: Any, end: Any) -> Any:
        """The value of a plain scalar met for the first time; a refused number reads as 0."""
        try:
            value = memo[text] = resolve(text)
        except ScalarError as error:
            self._add(error.code, error.message, start, end, error.hint)
            return 0
        return value

    def _surrogate(self, node: Scalar) -> None:
        self.diagnostics.add(
            "RUNE-1003",
            "an escape in this text is a lone surrogate, which is no character",
            span_of(node, self.file),
            "",
            "write the character itself, or `\\U0001F600` with all its digits",
        )
        node.value = node.text = node.text.encode("utf-8", "replace").decode()

    def _key(self, node: Node) -> Scalar:
        """A node in the place of a key. A key whose ``value`` is None drops its entry."""
        if type(node) is Scalar:
            if type(node.value) is str:
                if node.text == "<<" and not node.style:
                    self.diagnostics.add(
                        "RUNE-1014",
                        "merge keys (`<<`) are not part of YAML 1.2 and not allowed",
                        span_of(node, self.file),
                        "",
                        "write the entries out, or alias a whole value (`with: *name`)",
                    )
                    return _dropped(node)
                return node
            what = f"`{clip(node.text)}` is no text" if node.text else "this key is empty"
            hint = f'quote it: "{clip(node.text)}"' if node.text else "write a key before the `:`"
        else:
            what, hint = "a list or object cannot be a key", "texts with `[` or `{` need quotes"
        self.diagnostics.add(
            "RUNE-1016", f"{what}; keys must be texts", span_of(node, self.file), "", hint
        )
        if type(node) is Scalar and node.text:
            return scalar(node.text, node.text, node.style, node.line, node.column,
                          node.end_line, node.end_column)  # fmt: skip
        return _dropped(node)

    def _duplicate(self, key: Scalar, first: Scalar) -> None:
        self.diagnostics.add(
            "RUNE-1015",
            f"the key `{clip(key.text)}` stands twice in this object",
            span_of(key, self.file),
            "",
            "only one can count; delete or rename one",
            related=((span_of(first, self.file), "the first one"),),
        )

    def _properties(self, event: Any) -> None:
        """Tags are refused; an anchor is open until its node ends."""
        if event.tag is not None:
            start = event.start_mark
            tag = event.tag.replace("tag:yaml.org,2002:", "!!", 1)  # as it was probably written
            self._add(
                "RUNE-1009",
                f"tags are not allowed (`{clip(tag)}`)",
                start,
                None,
                "delete the tag: the kind of a value follows from how it is written; "
                "quote a text that begins with `!`",
            )
        if event.anchor is not None:
            self.anchors[event.anchor] = None

    def _alias(self, event: Any, depth: int) -> tuple[Node, int]:
        """The node an alias stands for, and how many nodes that adds to the document."""
        name = event.anchor
        start, end = event.start_mark, event.end_mark
        placeholder = scalar(None, "", UNREAD, start.line, start.column, end.line, end.column)
        known = self.anchors.get(name, _MISSING)
        if known is _MISSING:
            self._add(
                "RUNE-1010",
                f"no anchor `&{clip(name)}` stands above this alias",
                start,
                end,
                "anchors are defined before they are used; quote a text that begins with `*`",
            )
            return placeholder, 1
        if known is None:
            self._add(
                "RUNE-1011",
                f"`*{clip(name)}` stands inside the very node it names",
                start,
                end,
                "a value cannot contain itself",
            )
            return placeholder, 1
        node, size = cast("tuple[Node, int]", known)
        self.alias_nodes += size
        if self.alias_nodes > ALIAS_NODES:
            self._add(
                "RUNE-1012",
                f"aliases blow this document up by more than {ALIAS_NODES:,} nodes",
                start,
                end,
                "use fewer or smaller anchors; a `for` or a `functions` entry may say it better",
            )
            raise _StopReadingError
        if depth + self._height(node) > DOCUMENT_DEPTH:
            self._too_deep(start)
        return node, size

    def _height(self, node: Node) -> int:
        """Levels of containers in a node. Each node is measured once."""
        heights = self.heights
        pending = [node]
        while pending:
            top = pending[-1]
            children = children_of(top)
            unknown = [c for c in children if type(c) is not Scalar and id(c) not in heights]
            if unknown:
                pending.extend(unknown)
                continue
            pending.pop()
            if type(top) is Scalar:
                return 0
            heights[id(top)] = 1 + max((heights.get(id(c), 0) for c in children), default=0)
        return heights[id(node)]

    def _document(self, event: Any) -> None:
        self.documents += 1
        if self.documents > 1:
            self._add(
                "RUNE-1008",
                "a second document begins here; a file holds one",
                event.start_mark,
                None,
                "put it in a file of its own",
            )
            raise _StopReadingError
        if event.version is not None and tuple(event.version) != (1, 2):
            found = ".".join(str(part) for part in event.version)
            self._add(
                "RUNE-1020",
                f"this document declares YAML {found}; documents are read as YAML 1.2",
                event.start_mark,
                None,
                "delete the `%YAML` line",
            )

    def _too_deep(self, mark: Any) -> None:
        self._add(
            "RUNE-1013",
            f"the document nests deeper than {DOCUMENT_DEPTH} levels",
            mark,
            None,
            "move an inner part to a document of its own and `run` it",
        )
        raise _StopReadingError

    def _add(self, code: str, message: str, start: Any, end: Any, hint: str | None) -> None:
        line, column = start.line + 1, start.column + 1
        if end is None:
            span = Span(self.file, line, column, line, column + 1)
        else:
            span = Span(self.file, line, column, end.line + 1, end.column + 1)
        self.diagnostics.add(code, message, span, "", hint)


def _unmask(node: Scalar, mask: Mask) -> None:
    """Put the characters back that the parser was not to see."""
    node.text = mask.text(node.text, escaped=node.style == '"')
    if isinstance(node.value, str):
        node.value = node.text


def _dropped(node: Node) -> Scalar:
    return scalar(None, "", "", node.line, node.column, node.end_line, node.end_column)
