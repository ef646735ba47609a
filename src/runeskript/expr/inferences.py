"""The types of many expressions: each mould is gone through once for operands of the same types."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ..model.parsed import Parsed
from .shapes import SCALARS
from .types import TEXT, FunctionTypes, Inference, Inferred, Type

#: A text of which there is nothing to say, and the same of constants by their class.
_A_TEXT: Final = Inferred(TEXT, [], [])
_SCALARS: Final = {cls: Inferred(type_, [], []) for cls, type_ in SCALARS.items()}


class Inferences(Inference):
    """Infers expressions that see the same names, one after the other.

    ``tokens``: what stands for operands where expressions of one mould are compared, by id. They
    hold as long as ``parts`` do.
    """

    __slots__ = ("_alike", "_kept", "tokens")

    def __init__(self, env: Mapping[str, Type], functions: FunctionTypes | None) -> None:
        super().__init__(env, functions)
        self.tokens: dict[int, Any] = {}
        #: What was inferred, without findings, of expressions of a mould and such operands.
        self._alike: dict[tuple[Any, ...], Inferred] = {}
        #: Types and operands whose ids are in use, which nobody else may get.
        self._kept: list[object] = []

    def read(self, parsed: Parsed) -> Inferred:
        """The same of one that was read from a text.

        A type follows from the mould and the types of the operands, so it is inferred once for all
        that have these in common, unless something is found, which is said in words of its own.
        """
        if parsed.mould is None:
            ir = parsed.ir
            scalar = _SCALARS.get(type(ir[1])) if ir[0] == "const" else None
            if scalar is not None:
                return scalar
            return self._read_text(parsed) if parsed.inserts else self.infer(ir)
        tokens = self.tokens
        key: list[Any] = [parsed.mould]
        for operand in parsed.operands:
            token = tokens.get(id(operand))
            if token is None:
                token = tokens[id(operand)] = self._token(operand)
                self._kept.append(operand)
            key.append(token)
        alike = tuple(key)
        found = self._alike.get(alike)
        if found is None:
            found = self.infer(parsed.ir)
            if not found.findings and not found.doubts:
                self._alike[alike] = found
        return found

    def _read_text(self, parsed: Parsed) -> Inferred:
        """The same of a text with inserts: one in which nothing is found is a text."""
        parts = self.parts
        sound = parsed.ir[0] == "text"
        for insert in parsed.inserts:
            type_ = parts.get(id(insert.ir))
            if type_ is None:
                type_, findings, doubts = self.read(insert)
                if findings or doubts:
                    sound = False
                    continue
                parts[id(insert.ir)] = type_
            self.inserted(type_)
        if sound and not self.findings:
            return _A_TEXT
        self.findings = []
        return self.infer(parsed.ir)

    def _token(self, operand: Any) -> Any:
        """What types make of an operand: equal where nothing that can be inferred differs."""
        root = operand
        while type(root) is tuple and root[0] == "item":
            root = root[1]
        if type(root) is tuple and root[0] == "name":
            type_ = self.of(operand)
            if not self.findings:
                self._kept.append(type_)
                return id(type_)
            self.findings = []
            return object()  # like no other
        if root is operand and type(root) is tuple and root[0] == "const":
            value = root[1]
            if type(value) is int or type(value) is float:  # what is divided by may be zero
                return type(value), value == 0
        return -id(operand)  # a key, a local: itself
