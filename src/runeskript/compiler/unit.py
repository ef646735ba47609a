"""What a compilation is given, what it carries from stage to stage, and what comes out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field
from typing import Any, Final, TypeAlias

from ..errors import RuneskriptError
from ..model.ast import Document
from ..model.blueprint import Blueprint, SkriptRef
from ..model.catalog import HandlerCatalog
from ..model.codes import Level
from ..model.diagnostics import Diagnostic, Diagnostics
from ..model.limits import CALLS
from ..model.records import mutable, record
from . import core
from .codegen import Code
from .silences import Silences
from .validate.environment import Environment
from .validate.facts import Facts

#: Reads the file that ``run: PATH`` in a file means: (path, file) -> text. Raises OSError.
Resolve: TypeAlias = Callable[[str, str], "bytes | str"]


@record
class Options:
    """How to compile.

    ``passes``: names of the optimizer's passes to run (None: all, empty: none), in their own order
    whatever the order given; another name raises UnknownPassError. ``keep`` keeps every stage.
    ``lint``: report what compiles and is hardly meant, too. ``levels``: code -> how much its
    findings count, for codes that are no errors. ``max_calls``: calls that a job may be able to
    make without a warning.
    """

    resolve: Resolve | None = None
    passes: tuple[str, ...] | None = None
    keep: bool = False
    lint: bool = False
    levels: Mapping[str, Level] = field(default_factory=dict)
    max_calls: int = CALLS


#: All passes, no files, no stages kept.
DEFAULTS: Final = Options()


@record
class Compiled:
    """A compiled document. ``children``: every Blueprint it pins, by digest, in any depth."""

    blueprint: Blueprint
    document: Document
    diagnostics: tuple[Diagnostic, ...]
    children: Mapping[str, Blueprint]
    #: The document after each stage (texts and data for ``explain``); empty unless kept.
    stages: Mapping[str, Any]


@mutable
class Unit:
    """One document on its way through the stages."""

    file: str
    catalog: HandlerCatalog
    options: Options
    family: Family
    diagnostics: Diagnostics
    source: bytes | str = ""
    tree: Any = None
    document: Document | None = None
    program: core.Program | None = None
    code: Code | None = None
    blueprint: Blueprint | None = None
    facts: Facts | None = None
    types: Environment | None = None
    silences: Silences = field(default_factory=dict)
    stages: dict[str, Any] = field(default_factory=dict)
    #: ``run: PATH`` -> what it is pinned to.
    pinned: dict[str, SkriptRef] = field(default_factory=dict)
    children: dict[str, Blueprint] = field(default_factory=dict)
    #: Digest of the Blueprint of the document's ``on_failure``.
    on_failure: str | None = None


@mutable
class Family:
    """A document and the files it runs: what is compiled, what is being compiled."""

    done: dict[str, Compiled | None] = field(default_factory=dict)
    open: list[str] = field(default_factory=list)


def have(part: Any) -> Any:
    """What an earlier stage has made. Raises RuneskriptError where it has not run."""
    if part is None:
        raise RuneskriptError("a stage ran before the one that makes what it needs")
    return part
