"""``rune verify``: what a compiled Blueprint is, or why it is not to be trusted. Runs nothing."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from typing import Any, Final

from ...errors import BlueprintError, CodecError
from ...expr.ir_check import check_ir
from ...expr.schema import check_schema
from ...model import blueprint_codec, versions
from ...model.blueprint import Blueprint
from ...model.disasm import instruction_texts
from ...model.verify import PLACES, Problem, verify
from .. import documents, terminal
from ..options import add_output
from ..usage import UsageError

#: How files begin that are mistaken for a Blueprint -> what they are, what to do.
_MISTAKEN: Final[tuple[tuple[bytes, str, str], ...]] = (
    (b"\x1f\x8b", "a gzip file", "gunzip it first"),
    (b"PK\x03\x04", "a zip file", "take the Blueprint out of it first"),
    (b"UlVORUJQ", "Base64", "decode it first: `base64 -d FILE > OUT`"),
    (b"52554e454250", "hex", "turn it into bytes first: `xxd -r -p FILE OUT`"),
)
_DOCUMENT: Final = "`rune check {}` checks a document, `rune compile {}` makes a Blueprint of it"
#: What stands somewhere at the top of every document.
_MARKS: Final = (b"skript", b"workflow", b"nodes", b"machine")
#: What a byte sequence that is no UTF-8 becomes in a program that copies text.
_REPLACED: Final = "\ufffd".encode()


def configure(parser: ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("files", metavar="FILE", nargs="+", help="a Blueprint; - reads stdin")
    add_output(parser)
    parser.epilog = (
        "Nothing of the Blueprint is executed, and no handlers are imported. Exits with 2 where a\n"
        "file is no Blueprint that may run."
    )


def execute(args: Namespace) -> int:
    """Look at each file; 2 where one is refused."""
    rows = [_look(name) for name in args.files]
    if terminal.mode(args.output) == "json":
        terminal.say_json({"files": rows})
    else:
        text = "\n".join(line for row in rows for line in _lines(row))
        terminal.say(terminal.printable(text))
    return 0 if all(row["ok"] for row in rows) else 2


def failure(error: dict[str, Any]) -> dict[str, Any]:
    """A refusal of the command itself, in the shape of a result."""
    problem = _problem(str(error["code"]), str(error["message"]), hint=error.get("hint"))
    return {"files": [{"file": None, "ok": False, "problems": [problem]}]}


def _look(name: str) -> dict[str, Any]:
    """All that is to be said of one file."""
    try:
        data = documents.load(name)
    except UsageError as error:
        return _refused(name, _problem(error.code, error.message, hint=error.hint))
    if not data.startswith(blueprint_codec.MAGIC):
        return _refused(name, _no_blueprint(name, data))
    try:
        blueprint = blueprint_codec.decode(data)
    except (BlueprintError, CodecError) as error:
        hint = None
        if error.code == "RUNE-4004" and _REPLACED in data:
            hint = "it was copied as text; copy it again as a binary file"
        return _refused(name, _problem(error.code, error.message, hint=hint))
    problems = verify(blueprint, check_ir, check_schema)
    if problems:
        return _refused(name, *_places(blueprint, problems))
    return {"file": name, "ok": True, **_facts(blueprint, data), "problems": []}


def _refused(name: str, *problems: dict[str, Any]) -> dict[str, Any]:
    return {"file": name, "ok": False, "problems": list(problems)}


def _problem(
    code: str,
    message: str,
    section: str | None = None,
    index: int | None = None,
    instruction: str | None = None,
    hint: str | None = None,
) -> dict[str, Any]:
    return {
        "code": code,
        "message": message,
        "section": section,
        "index": index,
        "instruction": instruction,
        "hint": hint,
    }


def _places(blueprint: Blueprint, problems: list[Problem]) -> Iterator[dict[str, Any]]:
    """The problems with the instructions they are about."""
    at = [p.index for p in problems if p.section == "code" and p.index is not None]
    texts = instruction_texts(blueprint, at)
    for p in problems:
        text = texts.get(p.index) if p.section == "code" and p.index is not None else None
        yield _problem(p.code, p.message, p.section, p.index, text)


def _no_blueprint(name: str, data: bytes) -> dict[str, Any]:
    """What the file seems to be instead."""
    start = data[:4096].lstrip()
    for mark, what, hint in _MISTAKEN:
        if start[: len(mark)].lower() == mark.lower():
            return _problem("RUNE-4005", f"{what}, not a Blueprint's bytes", hint=hint)
    if not data:
        return _problem("RUNE-4005", "the file is empty")
    if blueprint_codec.MAGIC.startswith(data):
        return _problem("RUNE-4004", "the Blueprint ends inside its header")
    if any(mark in data[:65_536] for mark in _MARKS):
        file = "FILE" if name == "-" else name
        hint = _DOCUMENT.format(file, file)
        return _problem("RUNE-4005", "a document, not a Blueprint", hint=hint)
    begins = start[:8].hex(" ")
    return _problem("RUNE-4005", f"not a Blueprint: it begins with the bytes {begins}")


# --- a sound one --------------------------------------------------------------------------------


def _facts(blueprint: Blueprint, data: bytes) -> dict[str, Any]:
    program = blueprint_codec.program_size(data)
    return {
        "name": blueprint.name,
        "version": blueprint.version,
        "digest": blueprint_codec.digest(blueprint),
        "ast_hash": blueprint.ast_hash,
        "format": versions.BLUEPRINT,
        "semantics": versions.SEMANTICS,
        "bytes": {"file": len(data), "program": program},
        "sizes": {
            "steps": len(blueprint.steps),
            "instructions": len(blueprint.code),
            "bodies": len(blueprint.bodies),
            "slots": sum([body.slots for body in blueprint.bodies]),
            "expressions": len(blueprint.exprs),
            "regions": len(blueprint.regions),
            "functions": len(blueprint.functions),
        },
        "labels": blueprint.labels,
        "env": list(blueprint.env),
        "input": blueprint.input_schema,
        "handlers": [
            {"name": ref.name, "pure": ref.pure, "idempotent": ref.idempotent}
            for ref in blueprint.handlers
        ],
        "on_failure": blueprint.on_failure,
        "skripts": [
            {"name": ref.name, "version": ref.version, "digest": ref.digest}
            for ref in blueprint.skripts
        ],
    }


# --- text ---------------------------------------------------------------------------------------


def _lines(row: dict[str, Any]) -> Iterator[str]:
    name = row["file"]
    if row["ok"]:
        yield f"{name}: a sound Blueprint"
        yield from _sound(row)
    for problem in row["problems"]:
        yield f"{name}: error[{problem['code']}]: {problem['message']}"
        if problem["section"] is not None:
            index = "" if problem["index"] is None else f" {problem['index']}"
            place = f"{PLACES[problem['section']]}{index}"
            yield f"  in section {problem['section']}, {place}"
        if problem["instruction"] is not None:
            yield f"    {problem['instruction']}"
        if problem["hint"] is not None:
            yield f"  hint: {problem['hint']}"


def _sound(row: dict[str, Any]) -> Iterator[str]:
    version = "" if row["version"] is None else f" version {row['version']}"
    yield f"  skript    {row['name']}{version}"
    yield f"  digest    {row['digest']}"
    yield f"  ast       {row['ast_hash']}"
    yield f"  format    {row['format']}, semantics {row['semantics']}"
    yield f"  bytes     {row['bytes']['file']:,}, {row['bytes']['program']:,} of them the program"
    yield "  sizes     " + ", ".join(_count(n, what) for what, n in row["sizes"].items() if n)
    if row["labels"]:
        yield "  labels    " + ", ".join(f"{key}={text}" for key, text in row["labels"].items())
    if row["env"]:
        yield "  env       " + ", ".join(row["env"])
    if row["input"] is not None:
        yield "  input     is checked against a schema"
    for title, handler in zip(_titles("handlers"), row["handlers"], strict=False):
        flags = [flag for flag in ("pure", "idempotent") if handler[flag]]
        yield f"  {title}  {handler['name']}" + (f" ({', '.join(flags)})" if flags else "")
    for title, skript in zip(_titles("skripts"), row["skripts"], strict=False):
        number = "" if skript["version"] is None else f"@{skript['version']}"
        pinned = "" if skript["digest"] is None else f" (pinned to {skript['digest']})"
        yield f"  {title}  {skript['name']}{number}{pinned}"


def _titles(first: str) -> Iterator[str]:
    yield f"{first:<8}"
    while True:
        yield " " * 8


def _count(n: int, what: str) -> str:
    singular = {"bodies": "body"}.get(what, what.removesuffix("s"))
    return f"{n:,} {singular if n == 1 else what}"
