# ruff: noqa: A002 - `id` is the language's own name
"""What documents written in Python have in common: blocks of steps, and what becomes of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal

from ...errors import CompileError
from ...model.ast import Document
from ...model.diagnostics import Diagnostic, Diagnostics
from ...model.spans import Span
from ...model.values import Value
from ..emit import emit
from ..nodes import to_value
from ..read import Source
from .origins import Origin
from .plain_tree import PlainTree
from .verbs import UNSET, Allow, Duration, Expression, Step, Verbs, _Unset, here, leave_out

leave_out(__file__)
leave_out(contextmanager.__code__.co_filename)

Join = Literal["all", "any"] | int


class Block(list[Any]):
    """Steps that are being collected; ``closed`` says why none may be added."""

    closed: str | None = None


class Cases:
    """The cases of one ``switch``."""

    def __init__(self, owner: Builder, switch: Step) -> None:
        self._owner = owner
        self._switch = switch

    @contextmanager
    def case(self, *values: Any) -> Iterator[None]:
        """Steps for the case that the subject equals one of the values."""
        listed = values[0] if len(values) == 1 and not isinstance(values[0], list) else list(values)
        with self._owner._collect() as body:
            self._switch["cases"].append({"is": listed, "do": body})
            yield

    @contextmanager
    def otherwise(self) -> Iterator[None]:
        """Steps for the case that nothing matched."""
        with self._owner._collect() as body:
            self._switch["else"] = body
            yield


class Branches:
    """The branches of one ``parallel``."""

    def __init__(self, owner: Builder, parallel: Step) -> None:
        self._owner = owner
        self._parallel = parallel

    @contextmanager
    def branch(self, name: str) -> Iterator[None]:
        """The steps of one branch."""
        if name in self._parallel["parallel"]:
            raise self._owner._misuse(f"the branch `{name}` exists already")
        with self._owner._collect() as body:
            self._parallel["parallel"][name] = body
            yield


class Builder(Verbs, ABC):
    """A document under construction. Methods without a block add a step; the others open one."""

    #: Where the document was begun, what it says, and the blocks that are open.
    _origin: Origin
    _root: dict[str, Any]
    _blocks: list[Block]

    # --- adding steps ----------------------------------------------------------------------------

    def _add(self, step: Step) -> Step:
        block = self._blocks[-1]
        if block.closed is not None:
            raise self._misuse(block.closed)
        block.append(step)
        return step

    @contextmanager
    def _collect(self, closed: str | None = None) -> Iterator[Block]:
        block = Block()
        block.closed = closed
        self._blocks.append(block)
        try:
            yield block
        finally:
            self._blocks.pop()

    def _misuse(self, message: str) -> CompileError:
        origin = here()
        span = Span(origin.file, origin.line + 1, origin.column + 1,
                    origin.end_line + 1, origin.end_column + 1)  # fmt: skip
        found = Diagnostic("RUNE-1127", "error", message, span)
        return CompileError(f"{span}: {message}", (found,))

    def _last(self, key: str, opener: str, what: str) -> Step:
        """The step just added, which must have the given key (and so was opened by ``opener``)."""
        block = self._blocks[-1]
        if block and isinstance(block[-1], Step) and key in block[-1]:
            return block[-1]
        raise self._misuse(f"`{what}` must follow the block of `{opener}` directly")

    def add(self, *steps: Step) -> None:
        """Add steps that were made with :data:`step`."""
        for one in steps:
            self._add(one)

    # --- verbs with blocks -----------------------------------------------------------------------

    @contextmanager
    def if_(
        self,
        condition: Expression,
        *,
        id: str | None = None,
        timeout: Duration | None = None,
        allow: Allow | None = None,
    ) -> Iterator[None]:
        """``if`` with ``then``; :meth:`elif_` and :meth:`else_` follow it."""
        made = self._make("if", condition, {}, id, UNSET, timeout, allow)
        with self._collect() as body:
            made["then"] = body
            yield

    @contextmanager
    def elif_(self, condition: Expression) -> Iterator[None]:
        """A further condition of the ``if`` just before."""
        last = self._last("then", "if_", "elif_")
        with self._collect() as body:
            last.setdefault("elif", []).append({"when": condition, "do": body})
            yield

    @contextmanager
    def else_(self) -> Iterator[None]:
        """What to do if no condition of the ``if`` just before was true."""
        last = self._last("then", "if_", "else_")
        with self._collect() as body:
            last["else"] = body
            yield

    @contextmanager
    def switch(
        self,
        subject: Expression,
        *,
        id: str | None = None,
        if_: Expression | _Unset = UNSET,
        allow: Allow | None = None,
    ) -> Iterator[Cases]:
        """``switch``; inside, open each ``case`` of the object it gives."""
        made = self._make("switch", subject, {}, id, if_, allow=allow)
        made["cases"] = []
        with self._collect("steps of a `switch` stand inside a `case`"):
            yield Cases(self, made)

    @contextmanager
    def for_(
        self,
        item: str,
        in_: Expression | Sequence[Any],
        *,
        index: str | None = None,
        parallel: int | bool | str | None = None,
        collect: str | None = None,
        join: Join | None = None,
        timeout: Duration | None = None,
        id: str | None = None,
        if_: Expression | _Unset = UNSET,
        allow: Allow | None = None,
    ) -> Iterator[None]:
        """``for``: sequential, or with ``parallel`` so many at once."""
        keys = {
            "index": index, "in": in_, "parallel": parallel, "collect": collect, "join": join,
        }  # fmt: skip
        made = self._make("for", item, keys, id, if_, timeout, allow)
        with self._collect() as body:
            made["do"] = body
            yield

    @contextmanager
    def while_(
        self,
        condition: Expression,
        *,
        timeout: Duration | None = None,
        id: str | None = None,
        if_: Expression | _Unset = UNSET,
        allow: Allow | None = None,
    ) -> Iterator[None]:
        """``while``."""
        made = self._make("while", condition, {}, id, if_, timeout, allow)
        with self._collect() as body:
            made["do"] = body
            yield

    @contextmanager
    def parallel(
        self,
        *,
        join: Join | None = None,
        into: str | None = None,
        timeout: Duration | None = None,
        id: str | None = None,
        if_: Expression | _Unset = UNSET,
        allow: Allow | None = None,
    ) -> Iterator[Branches]:
        """``parallel``; inside, open each ``branch`` of the object it gives."""
        made = self._make("parallel", {}, {"join": join, "into": into}, id, if_, timeout, allow)
        with self._collect("steps of a `parallel` stand inside a `branch`"):
            yield Branches(self, made)

    @contextmanager
    def try_(
        self,
        *,
        timeout: Duration | None = None,
        id: str | None = None,
        if_: Expression | _Unset = UNSET,
        allow: Allow | None = None,
    ) -> Iterator[None]:
        """``try``; :meth:`catch` and :meth:`finally_` follow it."""
        made = self._make("try", Block(), {}, id, if_, timeout, allow)
        with self._collect() as body:
            made["try"] = body
            yield

    @contextmanager
    def catch(self, when: Expression | _Unset = UNSET) -> Iterator[None]:
        """What to do about errors of the ``try`` just before."""
        clauses = self._last("try", "try_", "catch").setdefault("catch", [])
        with self._clause(clauses, when):
            yield

    @contextmanager
    def finally_(self) -> Iterator[None]:
        """What runs on every exit of the ``try`` just before."""
        last = self._last("try", "try_", "finally_")
        with self._collect() as body:
            last["finally"] = body
            yield

    @contextmanager
    def do(
        self,
        *,
        timeout: Duration | None = None,
        id: str | None = None,
        if_: Expression | _Unset = UNSET,
        allow: Allow | None = None,
    ) -> Iterator[None]:
        """``do``: a group that carries modifiers."""
        made = self._make("do", Block(), {}, id, if_, timeout, allow)
        with self._collect() as body:
            made["do"] = body
            yield

    @contextmanager
    def _clause(self, clauses: list[Any], when: Expression | _Unset) -> Iterator[None]:
        with self._collect() as body:
            head = {} if isinstance(when, _Unset) else {"when": when}
            clauses.append({**head, "do": body})
            yield

    # --- results ---------------------------------------------------------------------------------

    def document(self) -> Document:
        """The AST. Raises CompileError with all diagnostics if the document has errors."""
        diagnostics = Diagnostics()
        document = self.check(diagnostics)
        if document is None or diagnostics.has_errors:
            found = diagnostics.sorted()
            first = next(d for d in found if d.severity == "error")
            raise CompileError(f"{first.span}: {first.message}", found)
        return document

    def check(self, diagnostics: Diagnostics) -> Document | None:
        """The AST, with all findings in ``diagnostics``; see ``load_text.parse_tree``."""
        tree = PlainTree(self._origin)
        source = Source(self._origin.file, "")
        source.root = tree.node(self._root, self._origin, 0)
        source.is_json = True  # every text here was quoted
        return self._parse(source, diagnostics, tree.files)

    @abstractmethod
    def _parse(
        self, source: Source, diagnostics: Diagnostics, files: Mapping[int, str]
    ) -> Document | None:
        """Runs the front end of the document's form."""

    def to_value(self) -> Value:
        """The document as plain data, ready for JSON."""
        return to_value(PlainTree(self._origin).node(self._root, self._origin, 0))

    def to_yaml(self) -> str:
        """The document as YAML; it reads back as the same AST."""
        return emit(self.to_value())
