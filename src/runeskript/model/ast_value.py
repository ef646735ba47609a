"""The AST as a plain value, and the hash that identifies a skript version.

The value holds what a document means and nothing of how it was written: no spans, no source texts,
no comments, no choice between YAML and JSON. Its form is part of the version identity, so it only
ever grows: a field that is None is left out, and a field added later must default to None.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from json.encoder import encode_basestring_ascii
from operator import attrgetter, call
from typing import Any, Final, TypeAlias, cast

from ..errors import CodecError
from . import ast
from .ast import IR, Args, Document, Expr, Name, Site, Target
from .records import fields_of, is_record
from .schedule import Schedule
from .spans import NOWHERE
from .values import Value

#: Fields that say where or how, not what; a silence changes nothing that a job does.
_OUTSIDE: Final = frozenset(
    {"span", "handler_span", "skript_span", "source", "names", "pointer", "allow"}
)
#: Fields whose content is a value or a table of texts, taken as it is.
_PLAIN: Final = frozenset({"schema", "input_schema", "labels"})

_CLASSES: Final[dict[str, type[Any]]] = {
    name: item
    for name, item in vars(ast).items()
    if isinstance(item, type)
    and is_record(item)
    and (item.__module__ == ast.__name__ or item is Schedule)
}


def _fields(cls: type[Any]) -> tuple[str, ...]:
    names = fields_of(cls)
    # A step's pointer is its name in events, hence part of what the document means.
    return tuple(n for n in names if n not in _OUTSIDE or (cls is ast.Site and n == "pointer"))


_FIELDS: Final = {name: _fields(cls) for name, cls in _CLASSES.items()}


def _getters(fields: tuple[str, ...]) -> Callable[[Any], tuple[Any, ...]]:
    """What takes the values of some fields from a node."""
    if len(fields) > 1:
        return attrgetter(*fields)
    return lambda item: tuple(getattr(item, field) for field in fields)


#: Class -> what takes the values of its fields from a node, in order.
_VALUES: Final = {_CLASSES[name]: _getters(fields) for name, fields in _FIELDS.items()}
#: JSON of one value, as compact ASCII.
_json: Final = json.JSONEncoder(
    ensure_ascii=True, allow_nan=False, separators=(",", ":"), check_circular=False
).encode


def to_value(document: Document) -> Value:
    """The canonical value of a document: lists and objects only, no shared containers."""
    return cast(Value, _plain(document))


def ast_hash(document: Document) -> str:
    """Hex SHA-256 over the canonical value, as compact ASCII JSON with keys in field order."""
    digest = hashlib.sha256()
    for piece in _Writer().pieces(document):
        digest.update(piece.encode("ascii"))
    return digest.hexdigest()


#: Writes a value as JSON.
_Write: TypeAlias = Callable[[Any], str]
#: The text of a node with a hole for each field, and what writes the values that go there.
_Form: TypeAlias = tuple[str, list[_Write]]


class _Writer:
    """Writes the JSON of the canonical value of one document, without making the value first.

    ``json`` would make an object of each node and write it key by key, and a document of ten
    thousand steps has thirty thousand nodes and as many expressions. Here a node is written by the
    form of those that have the same fields, and an IR once, however often it stands there.
    """

    def __init__(self) -> None:
        #: Identity of an IR, which the document keeps alive -> its text.
        self._irs: dict[int, str] = {}
        #: Class of a node, and of the value of each field -> how such a node is written.
        self._forms: dict[tuple[type[Any], ...], _Form] = {}
        #: Class -> what writes it; all others are plain values.
        self._by_class: dict[type[Any], _Write] = {
            **dict.fromkeys(_VALUES, self._node),
            Expr: self._expr,
            Site: _site,
            Args: self._args,
            Target: self._target,
            tuple: self._tuple,
            str: encode_basestring_ascii,
            int: int.__repr__,
        }

    def pieces(self, document: Document) -> Iterator[str]:
        """The text of a document, in pieces: a text of all its steps would be copied a few times
        over, and is longer than the document.
        """
        yield '{"node":"Document"'
        for field, value in zip(_FIELDS["Document"], _VALUES[Document](document), strict=True):
            if value is None:
                continue
            yield f',"{field}":'
            if field == "body":
                comma = "["
                for step in value:
                    yield comma
                    yield self.text(step)
                    comma = ","
                yield "]" if value else "[]"
            else:
                yield self.text(value)
        yield "}"

    def text(self, item: Any) -> str:
        """The JSON of a node, of a tuple of parts, or of a plain value."""
        return self._by_class.get(type(item), _json)(item)

    def _expr(self, item: Expr) -> str:
        ir = item.ir
        text = self._irs.get(id(ir))
        if text is None:
            if ir[0] == "const" and type(ir[1]) is str:  # every second one
                text = f'{{"ir":["const",{encode_basestring_ascii(ir[1])}]}}'
            else:
                text = f'{{"ir":{_json(ir)}}}'
            self._irs[id(ir)] = text
        return text

    def _args(self, item: Args) -> str:
        expr = self._expr
        entries = [f"[{encode_basestring_ascii(key)},{expr(value)}]" for key, value in item.entries]
        whole = "" if item.whole is None else f',"whole":{expr(item.whole)}'
        return f'{{"node":"Args","entries":[{",".join(entries)}]{whole}}}'

    def _target(self, item: Target) -> str:
        path = self._tuple(item.path) if item.path else "[]"
        name = encode_basestring_ascii(item.name)
        return f'{{"node":"Target","name":{name},"path":{path}}}'

    def _tuple(self, items: tuple[Any, ...]) -> str:
        get = self._by_class.get
        return f"[{','.join([get(type(item), _json)(item) for item in items])}]"

    def _node(self, item: Any) -> str:
        cls = type(item)
        values = _VALUES[cls](item)
        kinds = (cls, *map(type, values))
        form = self._forms.get(kinds)
        if form is None:
            form = self._forms[kinds] = self._form(kinds)
        text, writers = form
        return text % tuple(map(call, writers, values))

    def _form(self, kinds: tuple[type[Any], ...]) -> _Form:
        name = kinds[0].__name__
        text = f'{{"node":"{name}"'
        writers: list[_Write] = []
        for field, kind in zip(_FIELDS[name], kinds[1:], strict=True):
            if kind is type(None):  # it is left out: nothing of what is written is taken
                text += "%.0s"
                writers.append(repr)
            else:
                text += f',"{field}":%s'
                writers.append(self._by_class.get(kind, _json))
        return text + "}", writers


def _site(item: Site) -> str:
    text = f'{{"node":"Site","pointer":{encode_basestring_ascii(item.pointer)}'
    return f"{text}}}" if item.id is None else f'{text},"id":{encode_basestring_ascii(item.id)}}}'


def _object(item: Any) -> dict[str, Any]:
    """A node as an object, its parts as they are."""
    if type(item) is Expr:
        return {"ir": item.ir}
    name = type(item).__name__
    values = zip(_FIELDS[name], _VALUES[type(item)](item), strict=True)
    return {"node": name, **{field: value for field, value in values if value is not None}}


def _plain(item: Any) -> Any:
    """A copy with lists for tuples and objects for nodes."""
    if isinstance(item, list | tuple):
        return [_plain(part) for part in item]
    if isinstance(item, dict):
        return {key: _plain(part) for key, part in item.items()}
    return _plain(_object(item)) if type(item) in _VALUES else item


def from_value(value: Value) -> Document:
    """The document a canonical value describes; spans, sources and name offsets are not in it.

    Raises CodecError where the value is no such thing. The IR is not verified here (that is done
    where a Blueprint is loaded, ``expr/ir_check.py``).
    """
    try:
        document = _build(value)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise CodecError(f"this value is no AST: {error}") from error
    if not isinstance(document, Document):
        raise CodecError("this value is no AST: it is no Document")
    return document


def _build(item: Any) -> Any:
    if isinstance(item, list):
        return tuple(_build(part) for part in item)
    if not isinstance(item, dict):
        return item
    if "node" not in item:
        ir = _to_ir(item["ir"])
        return Expr("", ir, names=tuple(_names(ir)))
    name = item["node"]
    cls = cast("Callable[..., Any]", _CLASSES[name])
    given: dict[str, Any] = dict.fromkeys(_FIELDS[name])
    for field, part in item.items():
        if field == "node":
            continue
        if field not in given:
            raise ValueError(f"{name} has no field {field!r}")
        given[field] = part if field in _PLAIN else _build(part)
    spans = {n: NOWHERE for n in ("handler_span", "skript_span") if n in _all_fields(name)}
    return cls(**given, **spans)


def _all_fields(name: str) -> frozenset[str]:
    return frozenset(fields_of(_CLASSES[name]))


def _to_ir(item: Any) -> Any:
    """Lists back to tuples; the payload of ``const`` stays as it is."""
    if not isinstance(item, list):
        return item
    if len(item) == 2 and item[0] == "const":
        return ("const", item[1])
    return tuple(_to_ir(part) for part in item)


def _names(ir: IR) -> Iterator[Name]:
    """Every use of a variable, user function or secret in an expression."""
    if not ir or ir[0] == "const":
        return
    if ir[0] == "name":
        yield Name(ir[1], 0, "variable")
    elif ir[0] == "secret":
        yield Name(ir[1], 0, "secret")
    elif ir[0] == "ucall" and isinstance(ir[1], str):
        yield Name(ir[1], 0, "function")
    for part in ir:
        if isinstance(part, tuple):
            yield from _names(part)
