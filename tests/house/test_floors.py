"""The floors: an import may only point to a lower one, and some things stay out of some rooms.

Reads the text of every module; nothing is imported. Imports for type checking and inside functions
count like any other. Each rule is also tried on a source that breaks it.
"""

from __future__ import annotations

import ast
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = "runeskript"
SOURCES = ROOT / "src" / PACKAGE

#: Room (first name below the package; "" is the package itself) -> floor. Rooms of one floor do
#: not know each other. A new room needs a row here.
FLOORS = {
    "errors": 0,
    "model": 1,
    "expr": 2,
    "compiler": 3,
    "kernel": 3,
    "stores": 4,
    "engine": 5,
    "service": 6,
    "client": 7,
    "testing": 7,
    "cli": 8,
    "": 9,
    "__main__": 9,
}
#: Rooms that do nothing but compute, so that they run in a browser and replay the same for ever.
PURE = ("errors", "model", "expr", "compiler", "kernel")
#: Third-party library -> (distribution that declares it, rooms that may import it).
LIBRARIES = {
    "aiohttp": ("aiohttp", ("client", "engine")),
    "lsprotocol": ("pygls", ("cli",)),
    "opentelemetry": ("opentelemetry-api", ("engine",)),
    "prometheus_client": ("prometheus-client", ("engine",)),
    "pygls": ("pygls", ("cli",)),
    "apsw": ("apsw", ("stores", "cli")),
    "cronsim": ("cronsim", ("engine",)),
    "yarl": ("aiohttp", ("client", "engine")),
    "pytest": ("pytest", ("testing",)),
    "msgspec": ("msgspec", ("engine", "cli", "stores", "service", "client")),
    "rich": ("rich", ("cli",)),
    "starlette": ("starlette", ("cli", "service")),
    "transitions": ("transitions", ("cli",)),
    "uvicorn": ("uvicorn", ("cli", "service")),
    "uvloop": ("uvloop", ("engine", "cli")),
    "yaml": ("PyYAML", ("compiler", "cli")),
}
#: Clock, chance, files, network, other threads and processes: not for pure rooms.
WORLD = frozenset((
    "asyncio", "concurrent", "ctypes", "fcntl", "fileinput", "getpass", "glob", "http", "io",
    "locale", "logging", "mmap", "multiprocessing", "os", "pathlib", "platform", "queue",
    "random", "resource", "sched", "secrets", "select", "selectors", "shutil", "signal",
    "smtplib", "socket", "socketserver", "sqlite3", "ssl", "subprocess", "tempfile", "time",
    "urllib", "webbrowser",
))  # fmt: skip
#: What the standard library offers for turning stored data into behaviour: for nobody.
REVIVERS = frozenset(("pickle", "marshal", "shelve", "copyreg", "dill", "cloudpickle", "joblib"))
#: Worker processes speak our own frames over pipes; these two speak pickle.
PICKLING = frozenset(("multiprocessing", "ProcessPoolExecutor"))
RUNNERS = frozenset(("exec", "eval", "compile", "__import__"))
#: Types that make functions of code.
MAKERS = frozenset(("CodeType", "FunctionType"))
#: The one module that runs generated code.
GENERATOR = f"{PACKAGE}.expr.generate"
SHELLS = frozenset(("system", "popen", "getoutput", "getstatusoutput", "create_subprocess_shell"))
FILES = frozenset(("open", "input", "print", "breakpoint"))
MOMENTS = frozenset(("utcnow", "today", "uuid1", "uuid4", "urandom", "environ", "getenv"))


class Module(NamedTuple):
    name: str
    is_package: bool
    tree: ast.Module

    @property
    def room(self) -> str:
        return room(self.name)


def room(name: str) -> str:
    return [*name.split("."), ""][1]


def load() -> dict[str, Module]:
    found = {}
    for path in sorted(SOURCES.rglob("*.py")):
        parts = [PACKAGE, *path.relative_to(SOURCES).with_suffix("").parts]
        is_package = parts[-1] == "__init__"
        name = ".".join(parts[:-1] if is_package else parts)
        tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
        found[name] = Module(name, is_package, tree)
    return found


MODULES = load()


def made(source: str, name: str = f"{PACKAGE}.model.made") -> Module:
    """A module that is not there, to try a rule on."""
    return Module(name, False, ast.parse(source))


def imports(module: Module, known: dict[str, Module] = MODULES) -> Iterator[tuple[str, int]]:
    """(imported module, line); for our own, ``from a import b`` is ``a.b`` where that is one."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = node.level - (1 if module.is_package else 0)
                package = module.name.split(".")[: -above or None]
                base = ".".join(package + ([node.module] if node.module else []))
            for alias in node.names:
                inner = f"{base}.{alias.name}"
                yield (inner if inner in known else base), node.lineno


def ours(name: str) -> bool:
    return name.split(".")[0] == PACKAGE


# --- floors -----------------------------------------------------------------------------------


def upward(module: Module) -> Iterator[str]:
    """Imports that do not point to a lower floor or into the module's own room."""
    for target, line in imports(module):
        if ours(target) and room(target) != module.room:
            here, there = FLOORS[module.room], FLOORS.get(room(target), 99)
            if there >= here:
                yield f"{module.name}:{line} (floor {here}) imports {target} (floor {there})"


def test_every_room_has_a_floor() -> None:
    unknown = {module.room for module in MODULES.values()} - set(FLOORS)
    assert not unknown, f"rooms without a floor: {sorted(unknown)}"


def test_imports_point_downwards() -> None:
    assert [problem for module in MODULES.values() for problem in upward(module)] == []


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("model.made", "from ..expr import ir"),
        ("model.made", "import runeskript.engine.driver"),
        ("model.made", "def f():\n    from runeskript.stores.base import Store"),
        (
            "kernel.made",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n from ..compiler import core",
        ),
        ("compiler.made", "from ..kernel.load import Program"),
        ("engine.made", "from .. import run"),
        ("engine.made", "from ..testing import Simulation"),
        ("cli.made", "from runeskript import Runtime"),
        ("model.made", "from ..attic import things"),
    ],
)
def test_an_upward_import_is_found(name: str, source: str) -> None:
    assert list(upward(made(source, f"{PACKAGE}.{name}")))


def test_downward_imports_are_fine() -> None:
    source = "from ..model import isa\nfrom .load import Program\nfrom ..errors import StepError"
    assert not list(upward(made(source, f"{PACKAGE}.kernel.made")))


# --- cycles -----------------------------------------------------------------------------------


def cycles(edges: dict[str, set[str]]) -> list[list[str]]:
    """Strongly connected parts of more than one module (Tarjan 1972)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(name: str) -> None:
        index[name] = low[name] = len(index)
        stack.append(name)
        for target in sorted(edges.get(name, ())):
            if target not in index:
                visit(target)
                low[name] = min(low[name], low[target])
            elif target in stack:
                low[name] = min(low[name], index[target])
        if low[name] == index[name]:
            at = stack.index(name)
            part, stack[at:] = stack[at:], []
            if len(part) > 1 or name in edges.get(name, ()):
                found.append(sorted(part))

    for name in edges:
        if name not in index:
            visit(name)
    return found


def test_no_module_imports_itself_by_way_of_others() -> None:
    edges = {
        name: {target for target, _ in imports(module) if target in MODULES}
        for name, module in MODULES.items()
    }
    assert sum(map(len, edges.values())) > 50
    found = [" <-> ".join(part) for part in cycles(edges)]
    assert not found, "\n".join(found)


def test_a_cycle_is_found() -> None:
    assert cycles({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": {"d"}}) == [["b", "c"], ["d"]]


# --- libraries --------------------------------------------------------------------------------


def strangers(module: Module) -> Iterator[str]:
    """Third-party imports outside their rooms, and the world in pure rooms."""
    for target, line in imports(module):
        top = target.split(".")[0]
        if ours(target):
            continue
        if top not in sys.stdlib_module_names:
            if module.room not in LIBRARIES.get(top, ("", ()))[1]:
                yield f"{module.name}:{line} imports {top}"
        elif module.room in PURE and top in WORLD:
            yield f"{module.name}:{line} is in a pure room and imports {top}"


def test_libraries_stay_in_their_rooms() -> None:
    assert [problem for module in MODULES.values() for problem in strangers(module)] == []


def test_libraries_are_declared() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    declared = " ".join(project["dependencies"])
    optional = " ".join(r for extra in project["optional-dependencies"].values() for r in extra)
    for distribution, _ in LIBRARIES.values():
        assert distribution in declared or distribution in optional, distribution


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("model.made", "import msgspec"),
        ("kernel.made", "import asyncio"),
        ("kernel.made", "from time import monotonic"),
        ("expr.made", "import random"),
        ("compiler.made", "import aiohttp.web"),
        ("compiler.made", "from pathlib import Path"),
        ("engine.made", "def f():\n    import rich.live"),
        ("cli.made", "import numpy"),
    ],
)
def test_a_stranger_is_found(name: str, source: str) -> None:
    assert list(strangers(made(source, f"{PACKAGE}.{name}")))


# --- things nobody does -----------------------------------------------------------------------


def bound_names(tree: ast.Module) -> set[str]:
    """Names the module defines or imports itself, anywhere."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.alias):
            found.add((node.asname or node.name).split(".")[0])
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        elif isinstance(node, ast.arg):
            found.add(node.arg)
    return found


def misdeeds(module: Module) -> Iterator[str]:
    """Running data as code, revived objects, shells; in pure rooms files and the clock, too."""
    mine = bound_names(module.tree)
    refused = PICKLING if module.name == GENERATOR else PICKLING | MAKERS
    for target, line in imports(module):
        if target.split(".")[0] in REVIVERS | {"multiprocessing", "builtins"}:
            yield f"{module.name}:{line} imports {target}"
    for node in ast.walk(module.tree):
        where = f"{module.name}:{getattr(node, 'lineno', 0)}"
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id not in mine:
            if node.id in RUNNERS and module.name != GENERATOR:
                yield f"{where} uses {node.id}"
            if node.id in FILES and module.room in PURE:
                yield f"{where} uses {node.id} in a pure room"
        elif isinstance(node, ast.Attribute):
            if node.attr in SHELLS or node.attr in PICKLING:
                yield f"{where} uses .{node.attr}"
            if module.room in PURE and (node.attr in MOMENTS or _is_clock(node)):
                yield f"{where} reads .{node.attr} in a pure room"
        elif isinstance(node, ast.keyword) and node.arg == "shell":
            if not (isinstance(node.value, ast.Constant) and node.value.value is False):
                yield f"{where} asks for a shell"
        elif isinstance(node, ast.alias) and node.name in refused:
            yield f"{where} imports {node.name}"


def _is_clock(node: ast.Attribute) -> bool:
    """``datetime.now`` and ``dt.datetime.now``, not a field that is called ``now``."""
    owner = node.value
    name = owner.attr if isinstance(owner, ast.Attribute) else getattr(owner, "id", "")
    return node.attr == "now" and name in ("datetime", "date", "time")


def test_nobody_does_what_nobody_does() -> None:
    assert [problem for module in MODULES.values() for problem in misdeeds(module)] == []


def test_the_generator_is_there() -> None:
    """Else the exception made for it above would be one for nothing."""
    names = {n.id for n in ast.walk(MODULES[GENERATOR].tree) if isinstance(n, ast.Name)}
    assert names & RUNNERS


@pytest.mark.parametrize(
    ("room_", "source"),
    [
        ("engine", "eval('1')"),
        ("engine", "run = exec"),
        ("expr", "compile('1', '', 'eval')"),
        ("expr", "from types import FunctionType"),
        ("engine", "import pickle"),
        ("engine", "from marshal import loads"),
        ("engine", "import multiprocessing.pool"),
        ("engine", "from concurrent.futures import ProcessPoolExecutor"),
        ("engine", "import concurrent.futures as f\nf.ProcessPoolExecutor()"),
        ("engine", "run('ls', shell=True)"),
        ("engine", "run('ls', shell=wanted)"),
        ("engine", "import os\nos.system('ls')"),
        ("cli", "import builtins"),
        ("kernel", "open('file')"),
        ("model", "import uuid\nuuid.uuid4()"),
        ("model", "import datetime as dt\ndt.datetime.now()"),
    ],
)
def test_a_misdeed_is_found(room_: str, source: str) -> None:
    assert list(misdeeds(made(source, f"{PACKAGE}.{room_}.made")))


def test_our_own_compile_is_no_misdeed() -> None:
    source = (
        "import re\nfrom .a import compile\ncompile(1)\nre.compile('x')\nrun('ls', shell=False)"
    )
    assert not list(misdeeds(made(source, f"{PACKAGE}.engine.made")))
