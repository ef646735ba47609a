"""``rune init``: a first project that runs: a skript, its handlers, a test."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from .. import documents, terminal
from ..options import add_output
from ..starter import FILES, PYPROJECT, PYPROJECT_TABLE
from ..usage import UsageError


def configure(parser: ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "dir", metavar="DIR", nargs="?", default=".", help="the folder; this one if left out"
    )
    add_output(parser)
    parser.epilog = "Nothing that exists is overwritten."


def execute(args: Namespace) -> int:
    """Write the files and say what to type next."""
    folder = Path(args.dir)
    taken = [name for name in FILES if (folder / name).exists()]
    if taken:
        raise UsageError(
            f"{', '.join(str(folder / name) for name in taken)} exists already; "
            "nothing was written",
            code="RUNE-8008",
            hint="name a new folder: `rune init my-project`",
        )
    files = dict(FILES)
    own_project = not (folder / "pyproject.toml").exists()
    if own_project:
        files["pyproject.toml"] = PYPROJECT
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise documents.unwritable(str(folder), error) from None
    for name, text in files.items():
        documents.store(str(folder / name), text.encode())
    command = "rune run greet.yaml --input name=Sif"
    if not own_project:
        command += " --handlers handlers.py"
    if folder != Path():
        command = f"cd {folder} && {command}"
    if terminal.mode(args.output) == "json":
        written = [str(folder / name) for name in files]
        terminal.say_json({"written": written, "next": command})
        return 0
    for name in files:
        terminal.say(f"wrote {folder / name}")
    if not own_project:
        terminal.say(f"\nadd this to {folder / 'pyproject.toml'}, then --handlers can be left out:")
        terminal.say(PYPROJECT_TABLE)
    terminal.say(f"\nnext: {command}")
    return 0
