"""``rune compile``: a skript to a Blueprint file."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from ...model.blueprint_codec import digest, encode
from .. import documents, terminal
from ..compiling import compile_file
from ..options import add_file, add_handlers, add_output, add_passes, chosen_passes
from ..usage import UsageError


def configure(parser: ArgumentParser) -> None:
    """Declare the options."""
    add_file(parser)
    parser.add_argument(
        "-o",
        "--out",
        metavar="OUT",
        help="the file to write; FILE with the ending .blueprint if left out; - is stdout",
    )
    add_passes(parser)
    add_handlers(parser)
    add_output(parser)
    parser.epilog = (
        "A skript that pins others (`run: ./part.yaml`) has theirs written beside it, each named\n"
        "by its digest. `rune run` takes a Blueprint file as it takes a document."
    )


def execute(args: Namespace) -> int:
    """Compile and write."""
    if args.out is None and args.file == "-":
        raise UsageError("a skript from stdin needs -o OUT")
    compiled = compile_file(args.file, args.handlers, passes=chosen_passes(args))
    data = encode(compiled.blueprint)
    if args.out == "-":
        if compiled.children:
            raise UsageError("a skript that pins others needs a folder: -o OUT")
        terminal.say_bytes(data)
        return 0
    out = Path(args.out or Path(args.file).with_suffix(".blueprint"))
    written = {str(out): data}
    for key, child in compiled.children.items():
        written[str(out.with_name(f"{key}.blueprint"))] = encode(child)
    for name, content in written.items():
        documents.store(name, content)
    blueprint = compiled.blueprint
    facts = {
        "file": args.file,
        "out": str(out),
        "digest": digest(blueprint),
        "bytes": len(data),
        "instructions": len(blueprint.code),
        "children": list(written)[1:],
    }
    if terminal.mode(args.output) == "json":
        terminal.say_json(facts)
    else:
        for name, content in written.items():
            terminal.say(f"wrote {name} ({len(content):,} bytes)")
        terminal.say(f"{blueprint.name}: {len(blueprint.code)} instructions, {facts['digest']}")
    return 0
