"""From whatever a caller calls a skript to a Blueprint and the Blueprints it pins."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, TypeAlias

from ..compiler.pipeline import Compiled, Options, compile_document, compile_text
from ..errors import RuntimeOptionError
from ..model.ast import Document
from ..model.blueprint import Blueprint
from ..model.catalog import HandlerCatalog
from ..model.limits import DOCUMENT_BYTES
from ..model.recent import Recent

if TYPE_CHECKING:
    from pathlib import Path

#: A compiled skript, a Blueprint, an AST, a path, or a document's text (YAML has a line break, JSON
#: begins with a brace).
Skript: TypeAlias = "Compiled | Blueprint | Document | Path | str | bytes"
#: Compiled texts kept.
CACHE: Final = 256


class Source:
    """Compiles texts once. ``run: PATH`` in a document is read relative to its file."""

    def __init__(self, catalog: HandlerCatalog) -> None:
        self._catalog = catalog
        self._texts: Recent[tuple[str, bytes], Compiled] = Recent(CACHE)

    def blueprints(self, skript: Skript) -> tuple[Blueprint, Mapping[str, Blueprint]]:
        """The Blueprint and those it pins, by digest.

        Raises CompileError, RuntimeOptionError (no such file; not a skript at all).
        """
        if isinstance(skript, Blueprint):
            return skript, {}
        compiled = self.compiled(skript)
        return compiled.blueprint, compiled.children

    def compiled(self, skript: Skript) -> Compiled:
        """The skript compiled; a Blueprint, which has no document any more, is refused.

        Raises CompileError, RuntimeOptionError (no such file; not a skript at all).
        """
        if isinstance(skript, Compiled):
            return skript
        if isinstance(skript, Document):
            return compile_document(skript, self._catalog, Options(resolve=read_beside))
        if isinstance(skript, bytes) or (isinstance(skript, str) and _is_text(skript)):
            return self._compile(skript, "<string>")
        if isinstance(skript, str | os.PathLike):
            return self._compile(read_file(skript), str(skript))
        raise RuntimeOptionError(f"{type(skript).__name__} is no skript to compile")

    def _compile(self, text: str | bytes, file: str) -> Compiled:
        data = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
        key = (file, hashlib.sha256(data).digest())
        known = self._texts.use(key)
        if known is not None and not known.children:
            return known
        compiled = compile_text(text, file, self._catalog, Options(resolve=read_beside))
        self._texts[key] = compiled
        return compiled


def _is_text(skript: str) -> bool:
    """Whether it is a document and not the path of one."""
    return "\n" in skript or skript.lstrip().startswith("{")


def read_file(path: str | os.PathLike[str]) -> bytes:
    """The bytes of a document, at most one more than the compiler accepts."""
    try:
        with open(path, "rb") as file:
            return file.read(DOCUMENT_BYTES + 1)
    except (OSError, ValueError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) and exc.strerror else str(exc)
        raise RuntimeOptionError(f"cannot read {path}: {reason}") from None


def read_beside(path: str, file: str) -> bytes:
    """The file that ``run: PATH`` in ``file`` means. Raises OSError."""
    base = "" if file.startswith("<") else os.path.dirname(file)
    with open(os.path.join(base, path), "rb") as found:
        return found.read(DOCUMENT_BYTES + 1)
