"""Leaves, containers, access and texts: IR that is no operator and no call."""

from __future__ import annotations

import ast
from typing import Any

from ..errors import BlueprintError
from ..model.ast import IR
from .kinds import A_SECRET, A_TEXT, ANY, CONTAINER, INT, LIST, OBJECT, SECRET, TEXT, Kind, kind_of
from .runtime import SecretRef, SecretText
from .trees import IS, IS_NOT, LOAD, Code, Trees


class ValueEmitter(Trees):
    """Emits what makes or reads values."""

    def constant(self, ir: IR) -> Code:
        """``const``."""
        value = ir[1]
        kind = type(value)
        if kind is list and not value:
            # Made anew each time, since ``push`` may append to it in place.
            return Code(ast.List([], LOAD, lineno=self.line, col_offset=0), kind_of(value))
        if kind is list or kind is dict:
            return Code(self.shared(value), kind_of(value))
        if kind not in (int, float, str, bool, type(None)):
            raise BlueprintError("a constant that is no value")
        node = self.const(value)
        return Code(node, kind_of(value), node)

    def shared(self, value: Any) -> ast.expr:
        """A constant that the syntax tree cannot hold: a global. Values are never changed."""
        name = f"q{self.table.serial()}"
        self.constants[name] = value
        return self.var(name)

    def slot(self, ir: IR) -> Code:
        """``slot``: what it holds, or a copy of the list that ``push`` appends to."""
        code = self.held(ir)
        if ir[1] not in self.holders:
            return code
        return Code(self.help("unshared", code.node), code.kind)

    def held(self, ir: IR) -> Code:
        """The very thing a slot holds: cached in a host variable from its first read on."""
        index = ir[1]
        if type(index) is not int or index < 0 or not self.frame:
            raise BlueprintError("an expression reads a slot that it cannot see")
        name = f"v{index}"
        node = self.var(name)
        if self.passed is not None:
            self.passed.add(index)
        known = self.cached.get(index)
        if known is not None:
            return Code(node, known, node)
        loaded = self.passed is not None or index in self.loose
        self.loose.discard(index)
        self.cached[index] = ANY
        value = node if loaded else self.bind(name, self.element(index))
        if self.maybe_unset is not None and index not in self.maybe_unset:
            return Code(value, ANY, node)
        self.risky = True
        test = ast.Compare(value, [IS_NOT], [self.var("U")], lineno=self.line, col_offset=0)
        return Code(self.ifexp(test, node, self.unset(index)), ANY, node)

    def content(self, index: int) -> ast.expr:
        """What a slot holds, without a look at whether that is a value."""
        if self.passed is not None:
            self.passed.add(index)
        held = self.passed is not None or index in self.cached or index in self.loose
        return self.var(f"v{index}") if held else self.element(index)

    def unset(self, index: int) -> ast.expr:
        """The call that raises ``unset``."""
        names = self.slot_names
        if names is not None and index < len(names):
            return self.call("unset", self.const(str(names[index])))
        return self.call("unset")

    def local(self, ir: IR) -> Code:
        """``local``."""
        index = ir[1]
        kind = self.scope.get(index) if type(index) is int else None
        if kind is None:
            raise BlueprintError("an expression reads a local that is not bound")
        node = self.var(f"l{index}")
        return Code(node, kind, node)

    def secret(self, ir: IR) -> Code:
        """``secret``."""
        if type(ir[1]) is not str:
            raise BlueprintError("a secret without a name")
        return Code(self.shared(SecretText((SecretRef(ir[1]),))), A_SECRET, None)

    def list_(self, ir: IR) -> Code:
        """``list``."""
        parts = [self.narrow(self.emit(e)) for e in ir[1]]
        grown = any(p.kind.mask & CONTAINER for p in parts)
        node = ast.List([p.node for p in parts], LOAD, lineno=self.line, col_offset=0)
        return Code(node, Kind(LIST, grown=grown))

    def object_(self, ir: IR) -> Code:
        """``object``."""
        keys: list[ast.expr | None] = []
        values = []
        grown = False
        for key, value in ir[1]:
            keys.append(self.key(key))
            code = self.narrow(self.emit(value))
            grown = grown or bool(code.kind.mask & CONTAINER)
            values.append(code.node)
        node = ast.Dict(keys, values, lineno=self.line, col_offset=0)
        return Code(node, Kind(OBJECT, grown=grown))

    def key(self, ir: IR) -> ast.expr:
        """The key of an object written out."""
        code = self.emit(ir)
        if code.kind.mask == TEXT:
            return code.node
        self.risky = True
        return self.call("text_key", code.node)

    def item(self, ir: IR) -> Code:
        """``item``: the usual cases inline."""
        holder, key = self.emit(ir[1]), self.emit(ir[2])
        if isinstance(holder.again, ast.Constant):
            holder = Code(self.unfolded(holder.node), holder.kind)
        kind = ANY._replace(grown=holder.kind.grown)
        literal = ir[2][1] if ir[2][0] == "const" else None
        if type(literal) is str:
            value, again = self.keep(holder)
            test = self.both(
                self.compare(self.type_of(value), IS, self.var("dict")),
                self.compare(key.node, ast.In(), again),
            )
        elif type(literal) is int and -1 <= literal <= 0:
            value, again = self.keep(holder)
            test = self.both(self.compare(self.type_of(value), IS, self.var("list")), again)
        else:
            return Code(self.help("item", holder.node, key.node), kind)
        found = ast.Subscript(again, key.node, LOAD, lineno=self.line, col_offset=0)
        return Code(self.ifexp(test, found, self.help("item", again, key.node)), kind)

    def slice_(self, ir: IR) -> Code:
        """``slice``."""
        holder = self.emit(ir[1])
        ends = [self.const(None) if e is None else self.emit(e).node for e in ir[2:]]
        kind = Kind(TEXT | LIST, grown=holder.kind.grown)
        return Code(self.help("cut", holder.node, *ends), kind)

    def text(self, ir: IR) -> Code:
        """``text``."""
        codes = [self.narrow(self.emit(part)) for part in ir[1]]
        parts = ast.Tuple([code.node for code in codes], LOAD, lineno=self.line, col_offset=0)
        if any(code.kind.mask & SECRET for code in codes):
            return Code(self.help("secret_text", parts), A_SECRET)
        return Code(self.help("join_text", parts), A_TEXT)

    def duration(self, ir: IR) -> Code:
        """``duration``."""
        return Code(self.help("to_duration", self.emit(ir[1]).node), Kind(INT, 2**53, 0.0))

    def instant(self, ir: IR) -> Code:
        """``instant``."""
        return Code(self.help("to_instant", self.emit(ir[1]).node), Kind(INT, 2**53, 0.0))
