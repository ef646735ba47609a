"""Skripts of a folder, compiled against their handlers and run with mocks: the fixture ``rune``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ..compiler.pipeline import Compiled, Options, compile_text
from ..engine.catalog import full_registry
from ..engine.compiling import read_beside, read_file
from ..engine.handlers.loading import Source
from ..engine.handlers.registry import HandlerRegistry
from ..engine.inputs import InputCheck
from ..model.values import Value
from .crashes import Report, crash_all
from .dry import family
from .mocks import Mock
from .outcome import Outcome
from .simulation import Simulation
from .standins import Catalog, Given, constant, stand_ins


class Trials:
    """Runs skripts with mocks. Paths are relative to ``folder``.

    ``mocks``: by handler's name, a function of the parameters, or simply a result. A handler
    without one gives a result of its declared type, or null.
    """

    def __init__(self, folder: str | Path = ".") -> None:
        self.folder = Path(folder)
        #: Simulations that were begun, with the skript's name.
        self.begun: list[tuple[str, Simulation]] = []

    def compile(self, skript: str | Path, handlers: Source = ()) -> Compiled:
        """A file, or a text with a line break, compiled against real handlers (none is called).

        ``handlers``: as ``Runtime`` takes them; files are relative to the folder. Raises
        CompileError, HandlerDefinitionError.
        """
        return self._compile(skript, self._registry(handlers), Given())

    def start(
        self,
        skript: str | Path,
        mocks: Mapping[str, Any] | None = None,
        input: Value = None,  # noqa: A002 - the language's word
        *,
        handlers: Source = (),
        **options: Any,
    ) -> Simulation:
        """A simulation that has begun: ``step``, ``run_until``, ``cancel`` and ``run`` move it."""
        given = _given(mocks)
        registry = self._registry(handlers)
        compiled = self._compile(skript, registry, given)
        known = family(compiled, {})
        chosen = stand_ins(known.values(), Catalog(registry, given), given)
        simulation = Simulation(
            compiled.blueprint,
            {name: one.mock for name, one in chosen.items()},
            InputCheck(compiled.blueprint.input_schema).accept(input),
            children=known,
            **options,
        )
        self.begun.append((compiled.blueprint.name, simulation))
        return simulation

    def run(
        self,
        skript: str | Path,
        mocks: Mapping[str, Any] | None = None,
        input: Value = None,  # noqa: A002 - the language's word
        *,
        handlers: Source = (),
        **options: Any,
    ) -> Outcome:
        """Run a skript to its end, or until nothing can happen any more.

        ``options``: those of :class:`Simulation` (``messages``, ``shuffle``, ``env`` ...).
        """
        return self.start(skript, mocks, input, handlers=handlers, **options).run()

    def crash_all(
        self,
        skript: str | Path,
        mocks: Mapping[str, Any] | None = None,
        input: Value = None,  # noqa: A002 - the language's word
        *,
        handlers: Source = (),
        messages: Iterable[tuple[str, Value, Value]] = (),
        env: Mapping[str, str] | None = None,
    ) -> Report:
        """Run a skript once for each boundary and crash it there; ``flaws`` is what was found."""
        given = _given(mocks)
        registry = self._registry(handlers)
        compiled = self._compile(skript, registry, given)
        chosen = stand_ins(family(compiled, {}).values(), Catalog(registry, given), given)
        return crash_all(
            compiled,
            InputCheck(compiled.blueprint.input_schema).accept(input),
            {name: one.mock for name, one in chosen.items()},
            messages=tuple(messages),
            env=env,
            deployed=[compiled],
        )

    def _registry(self, handlers: Source) -> HandlerRegistry:
        return full_registry(self._located(handlers), (), (), None, discovering=True)

    def _located(self, handlers: Any) -> Any:
        if isinstance(handlers, Path) or (isinstance(handlers, str) and handlers.endswith(".py")):
            return self.folder / handlers
        if isinstance(handlers, list | tuple):
            return [self._located(one) for one in handlers]
        return handlers

    def _compile(self, skript: str | Path, registry: HandlerRegistry, given: Given) -> Compiled:
        catalog, options = Catalog(registry, given), Options(resolve=read_beside)
        if isinstance(skript, str) and "\n" in skript:
            return compile_text(skript, "<string>", catalog, options)
        path = self.folder / skript
        return compile_text(read_file(path), str(path), catalog, options)


def _given(mocks: Mapping[str, Any] | None) -> Given:
    chosen: dict[str, Mock] = {
        name: mock if callable(mock) else constant(mock) for name, mock in (mocks or {}).items()
    }
    return Given(chosen)
