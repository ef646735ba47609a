"""Runs the commands of ```console blocks in this process and compares what they print.

A terminal has a folder of its own that holds the files of its page and the project's `examples/`.
`rune` and `python FILE` run in this process (starting an interpreter for each of a hundred commands
would take a minute); `head`, `sed` and the like are the system's.
"""

from __future__ import annotations

import difflib
import io
import os
import re
import runpy
import shlex
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any
from unittest import mock

from runeskript.cli.main import main as rune
from runeskript.cli.running import Watch
from support import PLUGIN

from .markdown import ROOT

#: Programs of the system that a page may use.
PROGRAMS = frozenset({"cat", "curl", "grep", "head", "jq", "ls", "sed", "sort", "tail", "wc"})
#: What a page may show without its being run: it would set up a machine.
SETUP = ("git clone ", "cd ", "make ", "pip install ", "python -m pip install ", "uv ")
#: The port pages use for the bundled shop; here it gets a free one.
SHOP_PORT = "8080"
SHOP = f"python examples/shop/service.py --port {SHOP_PORT} &"
#: The port of the service; here it gets a free one.
SERVE_PORT = "8440"
_ASSIGNED = re.compile(r"([A-Z]+)=\$\((.+)\)")
#: What differs from run to run -> how a rewritten page shows it.
VARYING = (
    (re.compile(r"(127\.0\.0\.1:)(?!8080\b|8440\b)\d+"), r"\1..."),
    (re.compile(r"\b179\d{10}\b"), "..."),
    (re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}\b"), "..."),
    (re.compile(r"\b[0-9a-f]{64}\b"), "..."),
    (re.compile(r"(-)[0-9a-f]{8}\b"), r"\1..."),
    (re.compile(r"( in )\d+\.\d\ds$", re.MULTILINE), r"\1..."),
    (re.compile(r"(  | in | after )(\d+ ms|\d+\.\d s)(?=$|:)", re.MULTILINE), r"\1..."),
)


class _Stream(io.TextIOWrapper):
    """A text stream over bytes in memory, which may say that it is a terminal."""

    def __init__(self, raw: io.BytesIO, *, terminal: bool) -> None:
        super().__init__(raw, encoding="utf-8", write_through=True)
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal


class Terminal:
    """The terminal of one page."""

    def __init__(self, folder: Path, *, shop: bool = False) -> None:
        self.folder = folder
        self.code = 0
        self.here = folder
        self._shop: str | None = None
        self._serve: str | None = None
        self._variables: dict[str, str] = {}
        self._stack = ExitStack()
        if shop:
            self._open_shop()
        (folder / "examples").symlink_to(ROOT / "examples")

    def __enter__(self) -> Terminal:
        self._stack.enter_context(_restored())
        self._stack.enter_context(mock.patch.object(Watch, "_tick", _never))
        os.environ.update(NO_COLOR="1", COLUMNS="100", LINES="40")
        if self._shop is not None:  # what the example's handlers take for the address otherwise
            os.environ["SHOP_URL"] = f"http://127.0.0.1:{self._shop}"
        os.environ["PYTEST_ADDOPTS"] = " ".join(["-p no:asyncio -p no:cacheprovider", *PLUGIN])
        os.environ.pop("RUNE_TRACEBACK", None)
        os.chdir(self.folder)
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    # --- commands -------------------------------------------------------------------------------
    def run(self, command: str) -> str:
        """What one command line prints, both streams as they come."""
        os.chdir(self.here)
        command = self.real(command)
        if command == "echo $?":
            text, self.code = f"{self.code}\n", 0
            return text
        for name, value in self._variables.items():
            command = command.replace(f"${name}", value)
        screen = io.BytesIO()
        if command.startswith("rune serve ") and command.endswith("&"):
            screen.write(self._begin_to_serve(shlex.split(command)[2:-1]))
        elif assigned := _ASSIGNED.fullmatch(command):
            said = io.BytesIO()
            self._pipeline(_words(assigned[2]), screen, said)
            self._variables[assigned[1]] = said.getvalue().decode().strip()
        elif command.endswith("&"):
            assert self.real(SHOP) == command, f"only `{SHOP}` runs in the background"
            self.code = 0
            screen.write(f"the shop listens on http://127.0.0.1:{self._shop}\n".encode())
        else:
            self._pipeline(_words(command), screen)
        return self.shown(screen.getvalue().decode())

    def real(self, text: str) -> str:
        """A page's text with the port that the shop has here."""
        if self._serve is not None:
            text = text.replace(f":{SERVE_PORT}", f":{self._serve}")
        return text if self._shop is None else text.replace(f":{SHOP_PORT}", f":{self._shop}")

    def shown(self, text: str) -> str:
        """What was printed, as the page shows it: without what belongs to this machine."""
        if self._shop is not None:
            text = text.replace(f":{self._shop}", f":{SHOP_PORT}")
        if self._serve is not None:
            text = text.replace(f":{self._serve}", f":{SERVE_PORT}")
        text = text.replace(f"{self.folder}/", "").replace(f"{ROOT}/", "")
        return "".join(f"{line.rstrip()}\n" for line in text.splitlines())

    def _pipeline(
        self, words: list[str], screen: io.BytesIO, said: io.BytesIO | None = None
    ) -> None:
        """``said``: what stands in place of the screen for what the last stage writes."""
        stages = _split(words, "|")
        target = None
        if ">" in stages[-1]:
            stages[-1], (target,) = _split(stages[-1], ">")
        data = b""
        for number, stage in enumerate(stages, 1):
            last = number == len(stages) and target is None and said is None
            out = screen if last else io.BytesIO()
            self.code = self._stage(stage, data, out, screen, last=last)
            data = out.getvalue()
        if target is not None:
            Path(target).write_bytes(data)
        if said is not None:
            said.write(data)

    def _stage(
        self, words: list[str], data: bytes, out: io.BytesIO, screen: io.BytesIO, *, last: bool
    ) -> int:
        added = {}
        while words and re.match(r"[A-Z_]+=", words[0]):
            name, _, value = words.pop(0).partition("=")
            added[name] = value
        with mock.patch.dict(os.environ, added):
            program, rest = words[0], words[1:]
            if program == "cd":
                self.here = (Path.cwd() / rest[0]).resolve()
                return 0
            if program == "echo":
                out.write((" ".join(rest) + "\n").encode())
                return 0
            if program == "rune" or (program == "python" and rest[0] != "-m"):
                return self._inside(program, rest, data, out, screen, last=last)
            assert program in PROGRAMS or program == "python", f"{program} cannot be run here"
            program = sys.executable if program == "python" else program
            if program in ("curl", "jq") and shutil.which(program) is None:
                rest = [str(Path(__file__).with_name(f"{program}.py")), *rest]
                program = sys.executable
            done = subprocess.run(
                [program, *rest], input=data, capture_output=True, check=False, timeout=60
            )
            out.write(done.stdout)
            screen.write(done.stderr)
            return done.returncode if done.returncode >= 0 else 128 - done.returncode

    def _inside(
        self,
        program: str,
        words: list[str],
        data: bytes,
        out: io.BytesIO,
        screen: io.BytesIO,
        *,
        last: bool,
    ) -> int:
        """`rune` or `python FILE` in this process."""
        stdout, stderr = _Stream(out, terminal=last), _Stream(screen, terminal=False)
        stdin = io.TextIOWrapper(io.BytesIO(data), encoding="utf-8")
        try:
            with redirect_stdout(stdout), redirect_stderr(stderr), mock.patch("sys.stdin", stdin):
                if program == "rune":
                    return rune(words)
                with mock.patch("sys.argv", words):
                    runpy.run_path(words[0], run_name="__main__")
                return 0
        except SystemExit as stop:
            return stop.code if isinstance(stop.code, int) else int(stop.code is not None)
        finally:
            for stream in (stdout, stderr):
                stream.flush()
                stream.detach()

    def _begin_to_serve(self, words: list[str]) -> bytes:
        """`rune serve` in a process of its own, on a free port; what it says at the beginning."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._serve = str(free.getsockname()[1])
        command = [sys.executable, "-m", "runeskript", "serve", "--port", self._serve, *words]
        process = subprocess.Popen(
            [*command, "--output", "text"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        self._stack.callback(_end, process)
        assert process.stderr is not None
        self.code = 0
        return process.stderr.readline()

    def _open_shop(self) -> None:
        """The bundled shop, on a free port, from the beginning: files of the page name its port."""
        service: Any = runpy.run_path(str(ROOT / "examples/shop/service.py"), run_name="shop")
        # Its own output belongs to a terminal of its own.
        service["_Server"].handle_error = lambda server, request, address: None
        base, _ = self._stack.enter_context(service["running"]())
        self._shop = base.rpartition(":")[2]


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ask a service to end, and wait until it has."""
    process.terminate()
    process.communicate(timeout=60)


async def _never(self: Watch, runtime: object, job: str) -> None:
    """The steps of a run are shown at its end: which of them a tick sees is a matter of time."""


def _words(command: str) -> list[str]:
    lexer = shlex.shlex(command, posix=True, punctuation_chars="|")
    lexer.whitespace_split = True
    lexer.commenters = ""
    return list(lexer)


def _split(words: list[str], mark: str) -> list[list[str]]:
    out: list[list[str]] = [[]]
    for word in words:
        if word == mark:
            out.append([])
        else:
            out[-1].append(word)
    return out


@contextmanager
def _restored() -> Iterator[None]:
    """The process as it was: folder, environment, import path, imported pages' modules."""
    here, path, modules = Path.cwd(), list(sys.path), set(sys.modules)
    with mock.patch.dict(os.environ):
        try:
            yield
        finally:
            os.chdir(here)
            sys.path[:] = path
            for name in set(sys.modules) - modules:
                file = getattr(sys.modules[name], "__file__", None) or ""
                if name.startswith("_rune_") or "/pytest-" in file:
                    del sys.modules[name]


# --- what a block says ----------------------------------------------------------------------------
def chunks(text: str) -> list[tuple[str, str]]:
    """(command, expected output) of a console block; a command may go on after a backslash."""
    out: list[tuple[list[str], list[str]]] = []
    for line in text.splitlines():
        if line.startswith("$ "):
            out.append(([line[2:]], []))
            continue
        assert out, "a console block begins with `$ `"
        command, expected = out[-1]
        if command[-1].endswith("\\") and not expected:
            command.append(line.strip())
        else:
            expected.append(line)
    return [
        (
            " ".join(part.rstrip("\\").strip() for part in command),
            "".join(line + "\n" for line in expected),
        )
        for command, expected in out
    ]


def fits(expected: str, actual: str) -> bool:
    """Whether the output is the expected one: `...` stands for anything, alone for any lines."""
    pattern = ""
    for line in expected.splitlines():
        if line.strip() == "...":
            pattern += r"(?:.*\n)*?"
        else:
            pattern += ".*?".join(re.escape(part) for part in line.rstrip().split("...")) + r"\n"
    return re.fullmatch(pattern, actual) is not None


def renewed(expected: str, actual: str) -> str:
    """What the page should show instead: the present output, left out where it was left out."""
    for pattern, shown in VARYING:
        actual = pattern.sub(shown, actual)
    parts = _split(expected.splitlines(), "...")
    if len(parts) == 1:
        return actual
    lines, out, at = actual.splitlines(), [], 0
    for number, part in enumerate(parts):
        if number:
            out.append("...")
        if not part:
            continue
        starts = range(at, len(lines) - len(part) + 1)
        near = [
            difflib.SequenceMatcher(None, part, lines[s : s + len(part)]).ratio() for s in starts
        ]
        if not near or max(near) < 0.3:
            return actual
        at = starts[near.index(max(near))] + len(part)
        out += lines[at - len(part) : at]
    return "".join(line + "\n" for line in out)


def check_block(
    terminal: Terminal, text: str, exit_code: int | None, *, update: bool, failing: bool = False
) -> str:
    """Run a block; its text as it should be. Raises AssertionError where it differs.

    ``exit_code``: of the last command, 0 if left out; ``failing``: commands may end in any way.
    """
    out = ""
    found = chunks(text)
    raw = _raw_commands(text)
    for number, ((command, expected), shown) in enumerate(zip(found, raw, strict=True)):
        actual = terminal.run(command)
        asked = number + 1 < len(found) and found[number + 1][0] == "echo $?"
        last = number + 1 == len(found)
        wanted = exit_code if last and exit_code is not None else 0
        assert asked or failing or terminal.code == wanted, (
            f"`{command}` ended with {terminal.code}:\n{actual}"
        )
        if not fits(expected, actual):
            assert update, f"`{command}` prints\n{actual}\ninstead of\n{expected}"
            expected = renewed(expected, actual)
        out += shown + expected
    return out


def _raw_commands(text: str) -> list[str]:
    """The command lines as they are written, continuation lines included."""
    out: list[str] = []
    open_ = False
    for line in text.splitlines():
        if line.startswith("$ "):
            out.append(line + "\n")
        elif open_:
            out[-1] += line + "\n"
        else:
            continue
        open_ = line.endswith("\\")
    return out
