"""The AST as a plain value, and the hash that identifies a skript version.

The value holds what a document means and nothing of how it was written: no spans, no source texts,
no comments, no choice between YAML and JSON. Its form is part of the version identity, so it only
ever grows: a field that is None is left out, and a field added later must default to None.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from operator import attrgetter
from typing import Any, Final, cast

from ..errors import CodecError
from . import ast
from .ast import IR, Document, Expr, Name, Site
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
    and (item.__module__.startswith(ast.__name__) or item is Schedule)
}


def _fields(cls: type[Any]) -> tuple[str, ...]:
    names = fields_of(cls)
    # A step's pointer is its name in events, hence part of what the document means.
    return tuple(n for n in names if n not in _OUTSIDE or (cls is ast.Site and n == "pointer"))


_FIELDS: Final = {name: _fields(cls) for name, cls in _CLASSES.items()}


def _maker(name: str, fields: tuple[str, ...]) -> Callable[[Any], dict[str, Any]]:
    """A function that gives a node of one class as an object, its parts as they are.

    JSON asks for every node it meets, which takes longer than to write it: so expressions and
    sites, most of all nodes, are made objects with the nodes that they stand in.
    """

    # Of one name it would give no tuple; that of the class is always there, and told apart.
    get = attrgetter(*fields, "__class__")

    def make(item: Any) -> dict[str, Any]:
        out: dict[str, Any] = {"node": name}
        for field, value in zip(fields, get(item)):  # noqa: B905 - but for the class
            if value is not None:
                kind = type(value)
                if kind is Expr:
                    out[field] = {"ir": value.ir}
                else:
                    out[field] = _WITHIN[kind](value) if kind in _WITHIN else value
        return out

    return make


def _expr(item: Expr) -> dict[str, Any]:
    return {"ir": item.ir}


def _args(item: ast.Args) -> dict[str, Any]:
    entries = [(key, {"ir": value.ir}) for key, value in item.entries.items()]
    out: dict[str, Any] = {"node": "Args", "entries": entries}
    if item.whole is not None:
        out["whole"] = item.whole
    return out


def _site(item: Site) -> dict[str, Any]:
    out = {"node": "Site", "pointer": item.pointer}
    if item.id is not None:
        out["id"] = item.id
    return out


#: What is made an object at once, with the node around it.
_WITHIN: Final[dict[type[Any], Callable[[Any], dict[str, Any]]]] = {
    Expr: _expr,
    Site: _site,
    ast.Args: _args,
    ast.Target: _maker("Target", _FIELDS["Target"]),
    ast.Retry: _maker("Retry", _FIELDS["Retry"]),
}


def _set(item: ast.Set) -> dict[str, Any]:
    out = _any_set(item)
    target = _WITHIN[ast.Target]
    out["assignments"] = [(target(to), {"ir": value.ir}) for to, value in item.assignments]
    return out


_any_set: Final = _maker("Set", _FIELDS["Set"])


#: Class -> what makes an object of a node. Most nodes are of those that are written out.
_OBJECTS: Final[dict[type[Any], Callable[[Any], dict[str, Any]]]] = {
    **{_CLASSES[name]: _maker(name, fields) for name, fields in _FIELDS.items()},
    **_WITHIN,
    ast.Set: _set,
}


def to_value(document: Document) -> Value:
    """The canonical value of a document: lists and objects only, no shared containers."""
    return cast(Value, _plain(document))


def ast_hash(document: Document) -> str:
    """Hex SHA-256 over the canonical value, as compact ASCII JSON with keys in field order."""
    # A writer of ours (nodes by the form of their fields, an IR once) was measured: it takes more
    # than this one on an idle machine, for all that it leaves out.
    text = json.dumps(
        document,
        ensure_ascii=True,
        allow_nan=False,
        separators=(",", ":"),
        check_circular=False,
        default=_object,
    )
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def _object(item: Any) -> dict[str, Any]:
    """A node, of which JSON asks how to write it (it writes tuples as lists)."""
    return _OBJECTS[type(item)](item)


def _plain(item: Any) -> Any:
    """A copy with lists for tuples and objects for nodes."""
    if isinstance(item, list | tuple):
        return [_plain(part) for part in item]
    if isinstance(item, dict):
        return {key: _plain(part) for key, part in item.items()}
    return _plain(_object(item)) if type(item) in _OBJECTS else item


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
    if cls is ast.Args:
        given["entries"] = dict(given["entries"] or ())
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
