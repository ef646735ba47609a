"""What the lints look at: one document that compiles, sorted so that each finds its steps."""

from __future__ import annotations

from typing import TypeVar

from ...model.ast import Document, Step
from ...model.catalog import HandlerCatalog
from ...model.diagnostics import Diagnostics
from ...model.limits import CALLS
from ...model.spans import Span
from ..nodes import find_node, span_of
from ..read import Source
from ..validate.environment import Environment
from ..validate.facts import Facts
from ..validate.scopes import Scope
from .options import Options

S = TypeVar("S", bound=Step)


class Subject:
    """A document, the handlers it may call, and where findings go."""

    __slots__ = (
        "_options",
        "_source",
        "_steps",
        "catalog",
        "document",
        "facts",
        "found",
        "max_calls",
        "types",
    )

    def __init__(
        self,
        facts: Facts,
        types: Environment,
        catalog: HandlerCatalog,
        found: Diagnostics,
        source: Source | None = None,
        max_calls: int = CALLS,
    ) -> None:
        self.facts = facts
        self.types = types
        self.document: Document = facts.document
        self.catalog = catalog
        self.found = found
        #: The most calls a job may be able to make without a warning.
        self.max_calls = max_calls
        self._source = source
        self._options: Options | None = None
        self._steps: dict[type[Step], list[tuple[Step, Scope]]] = {}
        for step, scope in zip(facts.steps, facts.scopes, strict=True):
            self._steps.setdefault(type(step), []).append((step, scope))

    def steps(self, kind: type[S]) -> list[tuple[S, Scope]]:
        """All steps of one kind with their scopes, in the order of the document."""
        found: list[tuple[S, Scope]] = self._steps.get(kind, [])  # type: ignore[assignment]
        return found

    @property
    def options(self) -> Options:
        """What is known of values beyond their types."""
        if self._options is None:
            self._options = Options(self.facts)
        return self._options

    def place(self, pointer: str) -> Span:
        """Where the value at a pointer stands, for what the AST keeps without a place."""
        if self._source is None or self._source.root is None:
            return self.document.span
        return span_of(find_node(self._source.root, pointer), self.document.span.file)
