"""What the names of a document can stand for, before it runs.

The type of a variable is the join of all that is ever assigned to it, wherever that stands: too
wide at most places, wrong at none. Variables are taken in the order of what they are computed
from; those that are computed from themselves (counters, lists that grow) begin with nothing and
are computed until they stay the same.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Final, TypeAlias

from ...expr.inferences import Inferences
from ...expr.schema import check_schema
from ...expr.types import (
    ANY,
    INT,
    NOTHING,
    NULL,
    TEXT,
    FunctionTypes,
    Inferred,
    Type,
    infer,
    join,
    list_of,
    object_of,
    of,
    type_of_schema,
)
from ...model import ast
from ...model.ast import IR, Expr
from ...model.catalog import HandlerCatalog
from ...model.rows import NamedTuple
from ...model.values import Value
from .facts import Assignment, Facts
from .scopes import Sink
from .uses import Use

#: The object that `catch` and `finally` see; in a `finally` that no error led into it is null.
_ERROR: Final = join(
    object_of({
        "code": TEXT, "type": TEXT, "message": TEXT, "step": of("text", "null"), "attempts": INT,
        "data": ANY, "cause": ANY,
    }),
    NULL,
)  # fmt: skip
_JOB: Final = object_of({
    "id": TEXT, "key": of("text", "null"), "created_at": INT, "labels": of("object"),
})  # fmt: skip
#: What guards and transitions of a machine see.
_RAISED: Final = object_of({"name": TEXT, "data": ANY, "id": of("text", "null"), "at": ANY})
_ACTOR: Final = object_of({"id": of("text", "null"), "roles": list_of(TEXT)})
_OBJECT: Final = of("object")
#: How often variables that are computed from themselves are computed before they may be anything.
_TURNS: Final = 6


class _Made(NamedTuple):
    """What a step makes of expressions: those it reads, and its type."""

    reads: tuple[Expr, ...]
    type: Callable[[], Type]


#: One thing that gives a variable a value: an expression, what a step makes of some, or something
#: whose type is known.
_Source: TypeAlias = "Expr | _Made | Type"


class Environment:
    """The types of all names of one document, and of its expressions.

    ``promises``: count what handlers say of their results, which nothing holds them to.
    """

    def __init__(self, facts: Facts, catalog: HandlerCatalog, *, promises: bool = False) -> None:
        document = facts.document
        self.wording = facts.wording
        self.functions = FunctionTypes({f.name: f.body.ir for f in document.functions})
        self._catalog = catalog
        self._promises = promises
        self._gathers = {id(step): sinks for sinks, step in facts.gathers}
        #: What was inferred of an IR (by identity: expressions of one text share theirs) while
        #: the names were; still right at the end, since what it reads was known by then.
        self.known: dict[int, Inferred] = {}
        self.types: dict[str, Type] = {
            "input": of_schema(document.input_schema),
            # Names that are not declared are reported where names are checked.
            "env": object_of(dict.fromkeys(document.env, of("text", "null")), closed=False),
            "job": _JOB,
            "error": _ERROR,
        }
        if document.machine is not None:
            del self.types["input"]
            self.types.update(event=_RAISED, actor=_ACTOR)
        self._inference = Inferences(self.types, self.functions)
        self._in_part = {a.name for a in facts.assignments if a.path}
        sources = self._sources(facts)
        for var in document.vars:
            if var.reduce is not None:
                sources.pop(var.name, None)  # what it holds depends on how branches end
        if document.machine is not None:
            sources["data"] = [_data(facts)]
            sources["data"] += [self._assigned(a) for a in facts.data_writes if not a.path]
        self._solve(sources)
        if document.machine is not None and self.types.get("data", ANY).kinds != _OBJECT.kinds:
            self.types["data"] = _OBJECT  # whatever else is stored is refused

    # --- expressions ---------------------------------------------------------------------------
    def of(self, expr: Expr) -> Inferred:
        """What is known of an expression of a step."""
        found = self.known.get(id(expr.ir))
        if found is None:
            found = self.known[id(expr.ir)] = self._inference.read(expr.parsed)
        return found

    def type_of(self, ir: IR) -> Type:
        """The type of a part of an expression of a step."""
        found = self.known.get(id(ir))
        return infer(ir, self.types, self.functions).type if found is None else found.type

    def of_use(self, use: Use) -> Inferred:
        """The same for any use: a function sees nothing but its parameters, a `where` an event."""
        if use.role == "function":
            return infer(use.expr.ir, {}, self.functions)
        if use.event is not None:
            return infer(use.expr.ir, self.types, self.functions, (_event(use.event),))
        return self.of(use.expr)

    def _type(self, expr: Expr) -> Type:
        """The type of an expression by what is known of its names so far."""
        found = self.known[id(expr.ir)] = self._inference.read(expr.parsed)
        return found.type

    # --- where variables get their values from ---------------------------------------------------
    def _sources(self, facts: Facts) -> dict[str, list[_Source]]:
        sources: dict[str, list[_Source]] = {}
        for a in facts.assignments:
            if not a.path:
                sources.setdefault(a.name, []).append(self._assigned(a))
        for loop in facts.loop_names:
            index = loop.pointer.endswith("/index")
            source = INT if index else self._iterated(loop.over)
            sources.setdefault(loop.name, []).append(source)
        return sources

    def _iterated(self, over: Expr) -> _Source:
        """An element of what a loop goes over."""

        def element() -> Type:
            found = self._type(over)
            if not found.kinds:
                return NOTHING
            return found.element if found.element is not None else ANY

        return _Made((over,), element)

    def _assigned(self, a: Assignment) -> _Source:
        """What one assignment stores."""
        if a.value is not None:
            return a.value
        step = a.step
        if isinstance(step, ast.For | ast.Parallel):
            return self._gathered(step)
        if isinstance(step, ast.Run) and step.detach:
            return TEXT
        if isinstance(step, ast.Listen):
            return of_schema(step.schema)
        if isinstance(step, ast.Call) and self._promises:
            info = self._catalog.get(step.handler)
            return ANY if info is None else of_schema(info.result_schema)
        return ANY

    def _gathered(self, step: ast.For | ast.Parallel) -> _Source:
        """What a `collect` or the `into` of a fork stores: the yields."""
        sinks = self._gathers.get(id(step), ())
        reads = tuple(expr for sink in sinks for expr in sink.yields)
        if isinstance(step, ast.For):
            return _Made(reads, lambda: list_of(self._yielded(sinks)))
        if step.join == "any":
            return _Made(reads, lambda: join(self._yielded(sinks), NULL))
        names = [branch.name for branch in step.branches]

        def of_branches() -> Type:
            yielded = [join(self._yielded((sink,)), NULL) for sink in sinks]
            return object_of(dict(zip(names, yielded, strict=True)))

        return _Made(reads, of_branches)

    def _yielded(self, sinks: Iterable[Sink]) -> Type:
        found = NOTHING
        for sink in sinks:
            for expr in sink.yields:
                found = join(found, self._type(expr))
        return found

    # --- solving ---------------------------------------------------------------------------------
    def _solve(self, sources: Mapping[str, list[_Source]]) -> None:
        for group, cyclic in _ordered(sources):
            if not cyclic:
                self._keep(group[0], self._joined(group[0], sources))
                continue
            self.types.update(dict.fromkeys(group, NOTHING))
            for _ in range(_TURNS):
                if not self._turn(group, sources):
                    break
            else:
                self.types.update(dict.fromkeys(group, ANY))
                self._turn(group, sources)  # what is kept of the expressions is right again
                self.types.update(dict.fromkeys(group, ANY))
            for name in group:
                self._keep(name, self.types[name])

    def _turn(self, group: list[str], sources: Mapping[str, list[_Source]]) -> bool:
        """Compute each variable anew; whether any changed."""
        changed = False
        # What holds parts of these variables holds in this turn only.
        inference = self._inference
        parts, inference.parts = inference.parts, {}
        tokens, inference.tokens = inference.tokens, {}
        for name in group:
            found = self._joined(name, sources)
            if found != self.types[name]:
                changed = True
                self.types[name] = found
                inference.parts.clear()
                inference.tokens.clear()
        inference.parts, inference.tokens = parts, tokens
        return changed

    def _joined(self, name: str, sources: Mapping[str, list[_Source]]) -> Type:
        found = NOTHING
        for source in sources[name]:
            if isinstance(source, Expr):
                type_ = self._type(source)
            else:
                type_ = source if isinstance(source, Type) else source.type()
            found = join(found, type_)
        # A path that is set changes what is inside, never the kind.
        return Type(found.kinds) if name in self._in_part else found

    def _keep(self, name: str, type_: Type) -> None:
        """Keep a type, unless nothing is known of the name."""
        if type_ is ANY or type_.is_any or not type_.kinds:
            self.types.pop(name, None)
        else:
            self.types[name] = type_


def _read(sources: Iterable[_Source]) -> set[str]:
    """The variables that some sources read, among other names."""
    return {name for expr in _expressions(sources) for name in expr.parsed.used}


def _expressions(sources: Iterable[_Source]) -> list[Expr]:
    """The expressions that some sources read."""
    found: list[Expr] = []
    for source in sources:
        if isinstance(source, Expr):
            found.append(source)
        elif not isinstance(source, Type):
            found += source.reads
    return found


def _is_ready(
    some: Iterable[_Source], sources: Mapping[str, list[_Source]], known: Collection[str]
) -> bool:
    """Whether some sources read no variable but those that are known."""
    for source in some:
        if isinstance(source, Type):
            continue
        for expr in (source,) if isinstance(source, Expr) else source.reads:
            for name in expr.parsed.used:
                if name not in known and name in sources:
                    return False
    return True


def _ordered(sources: Mapping[str, list[_Source]]) -> Iterator[tuple[list[str], bool]]:
    """The variables in groups, each behind those it is computed from, and whether a group is
    computed from itself: one of several is, or one that reads itself (Tarjan's components, without
    recursion)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    stacked: dict[str, int] = {}
    for root in sources:
        if root in index:
            continue
        # Most are computed from what stands above, if at all: all of that has been looked at.
        if _is_ready(sources[root], sources, index):
            index[root] = len(index)
            yield [root], False
            continue
        work: list[tuple[str, list[str], Iterator[str]]] = []

        def enter(name: str, work: list[tuple[str, list[str], Iterator[str]]] = work) -> None:
            index[name] = low[name] = len(index)
            stacked[name] = len(stack)
            stack.append(name)
            read = [n for n in _read(sources[name]) if n in sources]
            work.append((name, read, iter(read)))

        enter(root)
        while work:
            name, read, rest = work[-1]
            for other in rest:
                if other not in index:
                    enter(other)
                    break
                if other in stacked:
                    low[name] = min(low[name], index[other])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[name])
                if low[name] == index[name]:
                    group = stack[stacked[name] :]
                    del stack[stacked[name] :]
                    for member in group:
                        del stacked[member]
                    yield group, len(group) > 1 or name in read


def of_schema(schema: Value) -> Type:
    """The type a schema describes; one that is not sound (reported elsewhere) describes nothing."""
    if schema is None or check_schema(schema):
        return ANY
    return type_of_schema(schema)


def _data(facts: Facts) -> Type:
    """What a machine's data are: as its schema says, but for the fields that transitions change."""
    data = of_schema(facts.document.input_schema)
    if data.kinds != _OBJECT.kinds or data.fields is None:
        return _OBJECT
    written: set[object] = set()
    for a in facts.data_writes:
        if a.path and not a.path[0].is_const:
            return _OBJECT
        written.update(key.ir[1] for key in a.path[:1])
    known = {name: type_ for name, type_ in data.fields.items() if name not in written}
    return object_of({**known, **{str(name): ANY for name in written}}, closed=data.closed)


def _event(step: ast.Listen) -> Type:
    """The message that a `where` sees; its data satisfy the step's schema."""
    data = of_schema(step.schema)
    return object_of({"id": TEXT, "topic": TEXT, "key": ANY, "data": data})
