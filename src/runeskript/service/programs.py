"""Documents that come over the wire, compiled: no file of this machine is read for them."""

from __future__ import annotations

import asyncio
import hashlib
import json
from typing import Any, Final, Literal

from ..compiler.pipeline import Compiled, Options, check_text, compile_text
from ..engine.runtime import Runtime
from ..engine.submissions import Chosen
from ..errors import RequestError, UnknownSkriptError
from ..model.diagnostics import Diagnostic
from ..model.recent import Recent

#: What a document is called in its diagnostics.
FILE: Final = "document"
#: Compiled texts that are kept, and the bytes of the longest: compiled it takes a hundred times as
#: much. From how many bytes on a text is compiled beside the loop.
CACHE: Final = 256
KEPT: Final = 8_192
LARGE: Final = 8_192
_OPTIONS: Final = Options(resolve=None)


class Programs:
    """Compiles texts once, and finds what is deployed."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._texts: Recent[bytes, Compiled] = Recent(CACHE)

    async def compiled(self, document: str | dict[str, Any]) -> Compiled:
        """A document compiled. Raises CompileError."""
        data = source_of(document)
        key = hashlib.sha256(data).digest()
        known = self._texts.use(key)
        if known is not None:
            return known
        catalog = self._runtime.handlers
        if len(data) < LARGE:
            found = compile_text(data, FILE, catalog, _OPTIONS)
        else:
            found = await asyncio.to_thread(compile_text, data, FILE, catalog, _OPTIONS)
        if len(data) <= KEPT:
            self._texts[key] = found
        return found

    async def diagnosed(self, document: str | dict[str, Any]) -> list[Diagnostic]:
        """All that is wrong with a document."""
        data, catalog = source_of(document), self._runtime.handlers
        if len(data) < LARGE:
            return list(check_text(data, FILE, catalog, _OPTIONS))
        return list(await asyncio.to_thread(check_text, data, FILE, catalog, _OPTIONS))

    async def deployed(self, name: str, tenant: str, kind: Literal["skript", "machine"]) -> Chosen:
        """What is deployed as ``NAME`` or ``NAME@VERSION``. Raises UnknownSkriptError."""
        base, at, text = name.partition("@")
        if at and (not text.isascii() or not text.isdigit() or len(text) > 18):
            raise RequestError(f"{name!r}: a version is a number", status=422)
        skripts = self._runtime.skripts
        found = await skripts.find(base, int(text) if at else None, tenant)
        program = None if found is None else await skripts.program(found.digest)
        if (
            found is None
            or program is None
            or (program.blueprint.machine is None) != (kind == "skript")
        ):
            raise UnknownSkriptError(f"no {kind} is deployed as {name!r}")
        return Chosen(program, found.version)


def source_of(document: str | dict[str, Any]) -> bytes:
    """The text of a document; one that came as JSON is a text again."""
    if isinstance(document, str):
        return document.encode("utf-8", "surrogatepass")
    try:
        # Numbers that are none are no null: msgspec makes them one.
        return json.dumps(document, ensure_ascii=False, allow_nan=False).encode()
    except (RecursionError, ValueError) as exc:  # half a surrogate pair, too
        raise RequestError(f"the document is not JSON: {exc}", status=422) from None
