"""Blueprints as bytes: what ``rune compile`` writes and every store keeps.

Layout, big-endian::

    6  magic ``RUNEBP``
    2  format version          the oldest that can say it; at most versions.BLUEPRINT
    2  semantics version       versions.SEMANTICS
    8  length of the program   32  SHA-256 of the ten bytes above and the program: the identity
    8  length of the debug     32  SHA-256 of the debug section
       program, debug          one value each, in the encoding of ``model/codec.py``

The program is a list of the sections in the order of the fields of ``Blueprint``; a record is the
list of its fields, an IR tuple is a list whose first element is its tag. The debug section is
``[files, span table, spans, step spans, slot names, source]``: each distinct span stands once in
the table, five ints each (file, line less the line of the span before, column, lines it runs over,
end column), and instructions and steps refer to it by number.

Decoding checks the kind of every field, so that what comes out has the types ``Blueprint``
declares; whether it makes sense (ranges, flow) is the verifier's work. N reads N-1. A Blueprint
that does without the sections that a format adds is written in the one before: the same Blueprint
has one identity, whichever version of Runeskript wrote it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import fields
from struct import Struct
from typing import Any, Final, NoReturn

from ..errors import BlueprintError, CodecError, NotAValueError
from . import versions
from .blueprint import (
    Blueprint,
    Body,
    Debug,
    ExceptionRow,
    FunctionRow,
    HandlerRef,
    ListenRef,
    MachineTable,
    Policy,
    SkriptRef,
    StateRow,
    TransitionRow,
)
from .codec import decode as decode_value
from .codec import encode as encode_value
from .fields import (
    Check,
    flag,
    instruction,
    integer,
    ir,
    natural,
    natural_or_none,
    naturals,
    row,
    sequence,
    text,
    text_or_none,
    texts,
    texts_by_name,
    value,
    word,
)
from .limits import BLUEPRINT_BYTES, BLUEPRINT_PARTS
from .records import fields_of
from .schedule import Schedule
from .spans import Span

__all__ = ["MAGIC", "MAX_DEPTH", "decode", "digest", "encode", "program_size"]

MAGIC: Final = b"RUNEBP"
_PREFIX: Final = Struct(">6sHH")
_HEADER: Final = Struct(">6sHHQ32sQ32s")

#: Nesting of the encoded program: well beyond what the verifiers of regions and of expressions let
#: pass, so that it is they who say what nests too deep. Decoding keeps its own stack.
MAX_DEPTH: Final = 2_000


_LIMIT: Final = "RUNE-4006"
_SLOTS_A_BYTE: Final = 8


def _refuse(message: str, code: str = BlueprintError.code) -> NoReturn:
    error = BlueprintError(message)
    error.code = code
    raise error


# --- sections ---------------------------------------------------------------------------------

_BODY: Final = row(
    text,
    natural,
    natural,
    natural_or_none,
    natural,
    sequence(row(natural, natural)),
    sequence(row(natural, natural, text)),
    natural_or_none,
    natural_or_none,
    natural_or_none,
    make=Body,
)
_EXCEPTION: Final = row(
    natural, natural, natural, word("catch", "finally", "any"), natural, natural, make=ExceptionRow
)
_POLICY: Final = row(
    natural,
    texts,
    natural,
    natural,
    natural_or_none,
    word("rerun", "fail"),
    text_or_none,
    make=Policy,
)
_LISTEN: Final = row(natural, natural_or_none, natural_or_none, value, make=ListenRef)
_SCHEDULE: Final = row(
    text_or_none,
    natural_or_none,
    text_or_none,
    word("skip", "once", "all"),
    word("skip", "queue", "cancel"),
    make=Schedule,
)

_TRANSITION: Final = row(
    natural,
    text,
    natural,
    lambda roles, where: None if roles is None else texts(roles, where),
    make=TransitionRow,
)
_MACHINE: Final = row(
    natural,
    natural,
    sequence(row(text, flag, text_or_none, make=StateRow)),
    sequence(_TRANSITION),
    make=MachineTable,
)

#: One check per field of Blueprint but ``debug``, in the order of the fields.
_PROGRAM: Final[tuple[tuple[str, Check], ...]] = (
    ("name", text),
    ("version", natural_or_none),
    ("labels", texts_by_name),
    ("ast_hash", text),
    ("input_schema", value),
    ("env", texts),
    ("roots", sequence(row(text, natural))),
    ("code", sequence(instruction)),
    ("sites", naturals),
    ("steps", texts),
    ("bodies", sequence(_BODY)),
    ("exceptions", sequence(_EXCEPTION)),
    ("exprs", sequence(ir)),
    ("regions", sequence(sequence(ir))),
    ("functions", sequence(row(text, natural, ir, make=FunctionRow))),
    ("handlers", sequence(row(text, flag, flag, make=HandlerRef))),
    ("policies", sequence(_POLICY)),
    ("listens", sequence(_LISTEN)),
    ("skripts", sequence(row(text, natural_or_none, text_or_none, make=SkriptRef))),
    ("on_failure", text_or_none),
    ("schedule", lambda section, where: None if section is None else _SCHEDULE(section, where)),
    ("machine", lambda section, where: None if section is None else _MACHINE(section, where)),
)
#: How many of them each format has.
_LENGTHS: Final = {1: 19, 2: 21, 3: 22}
_DEBUG: Final = row(texts, sequence(integer), naturals, naturals, sequence(texts), text)


# --- encoding ---------------------------------------------------------------------------------


def encode(blueprint: Blueprint) -> bytes:
    """The bytes of a Blueprint; equal Blueprints give equal program sections.

    Raises BlueprintError for one that holds something that is no value or nests too deep.
    """
    program = _encode_program(blueprint)
    debug = _encode(_debug_to_value(blueprint.debug), "debug")
    header = _HEADER.pack(
        MAGIC,
        _format(blueprint),
        versions.SEMANTICS,
        len(program),
        _identity(program, _format(blueprint)),
        len(debug),
        hashlib.sha256(debug).digest(),
    )
    return header + program + debug


def digest(blueprint: Blueprint) -> str:
    """The identity of a Blueprint: hex SHA-256 over its program sections, debug left out."""
    return _identity(_encode_program(blueprint), _format(blueprint)).hex()


def _format(blueprint: Blueprint) -> int:
    """The oldest format that can say all of it."""
    if blueprint.machine is not None:
        return 3
    return 1 if blueprint.on_failure is None and blueprint.schedule is None else 2


def _identity(program: bytes, version: int) -> bytes:
    prefix = _PREFIX.pack(MAGIC, version, versions.SEMANTICS)
    return hashlib.sha256(prefix + program).digest()


def _encode_program(blueprint: Blueprint) -> bytes:
    rows = _PROGRAM[: _LENGTHS[_format(blueprint)]]
    sections = [_SECTIONS.get(name, _same)(getattr(blueprint, name)) for name, _ in rows]
    return _encode(sections, "program")


def _encode(value: object, what: str) -> bytes:
    try:
        return encode_value(value, max_depth=MAX_DEPTH)
    except NotAValueError as error:
        _refuse(f"the {what} section cannot be encoded: {error.message}")


def _same(section: Any) -> Any:
    return section


def _records(section: tuple[Any, ...]) -> list[list[Any]]:
    if not section:
        return []
    names = [f.name for f in fields(section[0])]
    return [[getattr(record, name) for name in names] for record in section]


def _instructions(section: tuple[tuple[Any, ...], ...]) -> list[list[Any]]:
    return [[int(instruction[0]), *instruction[1:]] for instruction in section]


def _schedule(section: Schedule | None) -> list[Any] | None:
    return None if section is None else [getattr(section, name) for name in fields_of(Schedule)]


def _machine(section: MachineTable | None) -> list[Any] | None:
    if section is None:
        return None
    states = [[s.name, s.final, s.after] for s in section.states]
    rows = [[t.source, t.event, t.to, t.roles] for t in section.transitions]
    return [section.data, section.initial, states, rows]


_SECTIONS: Final[dict[str, Callable[[Any], Any]]] = {
    "code": _instructions,
    "schedule": _schedule,
    "machine": _machine,
    **dict.fromkeys(
        ("bodies", "exceptions", "functions", "handlers", "policies", "listens", "skripts"),
        _records,
    ),
}


def _debug_to_value(debug: Debug) -> list[Any]:
    files: dict[str, int] = {}
    numbers: dict[Span, int] = {}
    table: list[int] = []
    line = 0

    def number(span: Span) -> int:
        nonlocal line
        known = numbers.setdefault(span, len(numbers))
        if len(table) == 5 * known:
            file = files.setdefault(span.file, len(files))
            lines = span.end_line - span.line
            table.extend((file, span.line - line, span.column, lines, span.end_column))
            line = span.line
        return known

    spans = [number(span) for span in debug.spans]
    step_spans = [number(span) for span in debug.step_spans]
    return [list(files), table, spans, step_spans, debug.slot_names, debug.source]


# --- decoding ---------------------------------------------------------------------------------


def decode(data: bytes | bytearray | memoryview) -> Blueprint:
    """The Blueprint that ``data`` holds; not yet verified (see ``model/verify.py``).

    Raises BlueprintError (RUNE-4003: another version, RUNE-4004: damaged, RUNE-4006: past a bound,
    RUNE-4005: no Blueprint at all, RUNE-4002: malformed) or CodecError; nothing else, whatever the
    bytes. Takes time and memory in proportion to the bytes, up to ``limits.BLUEPRINT_PARTS``.
    """
    if len(data) > BLUEPRINT_BYTES:
        _refuse(f"more than {BLUEPRINT_BYTES:,} bytes", _LIMIT)
    version, program, debug = _open(bytes(data))
    sections = _decode(program, "program")
    rows = _PROGRAM[: _LENGTHS[version]]
    if type(sections) is not list or len(sections) != len(rows):
        _refuse(f"the program must be a list of {len(rows)} sections")
    known = {
        name: check(section, (None, name))
        for (name, check), section in zip(rows, sections, strict=True)
    }
    slots = sum([body.slots for body in known["bodies"]])
    if slots > _SLOTS_A_BYTE * len(program):
        # Every slot is named somewhere: a small Blueprint has no need of a huge frame, of which a
        # fork would make many.
        _refuse(f"frames of {slots:,} slots in a program of {len(program):,} bytes", _LIMIT)
    found = Blueprint(**known, debug=_debug_from_value(_decode(debug, "debug")))
    if _format(found) != version:
        _refuse(f"format {version} holds nothing that format {_format(found)} cannot say")
    return found


def program_size(data: bytes) -> int:
    """How many of the bytes of a Blueprint that was decoded are its program."""
    size: int = _HEADER.unpack_from(data)[3]
    return size


def _decode(data: bytes, what: str) -> Any:
    try:
        return decode_value(data, max_depth=MAX_DEPTH, max_parts=BLUEPRINT_PARTS)
    except CodecError as error:
        if error.limit:
            _refuse(f"the {what} section, {error.message}", _LIMIT)
        raise


def _open(source: bytes) -> tuple[int, bytes, bytes]:
    """Check the header and the digests; return (format, program, debug)."""
    if not source.startswith(MAGIC):
        _refuse("not a Blueprint: the first bytes are not RUNEBP", "RUNE-4005")
    if len(source) < _PREFIX.size:
        _refuse("the Blueprint ends inside its header", "RUNE-4004")
    _, version, semantics = _PREFIX.unpack_from(source)
    if version not in _LENGTHS:
        _refuse(
            f"Blueprint format {version}; this build reads formats "
            f"{versions.BLUEPRINT_OLDEST} to {versions.BLUEPRINT}",
            "RUNE-4003",
        )
    if semantics != versions.SEMANTICS:
        _refuse(
            f"Blueprint of semantics {semantics}; this build runs semantics {versions.SEMANTICS}",
            "RUNE-4003",
        )
    if len(source) < _HEADER.size:
        _refuse("the Blueprint ends inside its header", "RUNE-4004")
    *_, size, identity, debug_size, debug_hash = _HEADER.unpack_from(source)
    if _HEADER.size + size + debug_size != len(source):
        _refuse("the Blueprint is not as long as its header says", "RUNE-4004")
    program = source[_HEADER.size : _HEADER.size + size]
    debug = source[_HEADER.size + size :]
    if _identity(program, version) != identity or hashlib.sha256(debug).digest() != debug_hash:
        _refuse("the Blueprint is damaged: a digest does not match", "RUNE-4004")
    return version, program, debug


def _debug_from_value(value: Any) -> Debug:
    files, table, spans, step_spans, slot_names, source = _DEBUG(value, (None, "debug"))
    if len(table) % 5:
        _refuse("debug: the span table must hold five ints for each span")
    known: list[Span] = []
    line = 0
    for at in range(0, len(table), 5):
        file, step, column, lines, end_column = table[at : at + 5]
        line += step
        if not 0 <= file < len(files) or min(line, column, lines, end_column) < 0:
            _refuse(f"debug: span {at // 5} lies outside its file")
        known.append(Span(files[file], line, column, line + lines, end_column))
    if max(spans, default=-1) >= len(known) or max(step_spans, default=-1) >= len(known):
        _refuse("debug: a reference beyond the span table")
    return Debug(
        tuple([known[i] for i in spans]),
        tuple([known[i] for i in step_spans]),
        slot_names,
        source,
    )
