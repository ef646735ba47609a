"""From the values of a step's keys to its AST node, one function per verb.

What no table row can say is checked here: keys that exclude each other, types of errors that
cannot be raised. A maker gets the values that were read, or nothing where the key is missing or
could not be read (that is reported already), and still makes a node the checks can go on with.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from ...model.ast import (
    Args,
    Break,
    Call,
    CatchClause,
    Continue,
    Do,
    Emit,
    Expr,
    For,
    If,
    Listen,
    Log,
    Parallel,
    Raise,
    Retry,
    Return,
    Run,
    Set,
    Site,
    Step,
    Switch,
    Try,
    Wait,
    While,
    Yield,
)
from ...model.spans import Span
from ..nodes import Map, Node, Scalar, entry_of, span_of
from .fields import Fields
from .literals import BACKOFF, Literals

Read: TypeAlias = dict[str, Any]


class Parts:
    """What a step is made of. Without an ``__init__``, which every step would pay for."""

    __slots__ = ("fields", "get", "node", "pairs", "read", "site", "timeout", "value", "when")
    fields: Fields
    site: Site
    #: The ``if`` and ``timeout`` modifiers.
    when: Expr | None
    timeout: Expr | None
    #: Key -> what its value was read as.
    read: Read
    #: What a key's value was read as, None where it is missing or could not be read.
    get: Callable[[str], Any]
    #: The step, and key -> (key, value) of each key in ``read``: None if that is all of its keys.
    node: Map
    pairs: Mapping[str, tuple[Scalar, Node]] | None
    #: The value of the verb's own key.
    value: Node

    def entry(self, key: str) -> tuple[Node, Node]:
        """A key and its value, as they stand in the document."""
        return entry_of(self.node, key) if self.pairs is None else self.pairs[key]

    def conflict(self, key: str, message: str, hint: str | None = None) -> None:
        """Report that a key does not fit the others."""
        pointer = f"{self.site.pointer}/{key}"
        self.fields.add("RUNE-1116", message, self.entry(key)[0], pointer, hint)

    def value_span(self) -> Span:
        """Where the verb's value stands."""
        return span_of(self.value, self.fields.file)

    def broken(self, key: str) -> Expr:
        """Stands for an expression that is missing."""
        return self.fields.broken(self.value, f"{self.site.pointer}/{key}")

    def args(self) -> Args:
        """The ``with`` of the step."""
        return self.read.get("with") or Args({}, None, self.value_span(), self.site.pointer)


Maker: TypeAlias = Callable[[Parts], Step]


def _set(p: Parts) -> Step:
    return Set(p.site, p.when, p.timeout, p.read["set"])


def _call(p: Parts) -> Step:
    get = p.read.get
    handler = get("call")
    if handler is None:
        return _unreadable(p)
    return Call(
        p.site,
        p.when,
        p.timeout,
        handler,
        p.value_span(),
        p.args(),
        get("into"),
        get("undo"),
        _retry(p),
        get("on_crash") or "rerun",
        get("queue"),
    )


def _run(p: Parts) -> Step:
    skript = p.read["run"]
    if skript is None:
        return _unreadable(p)
    detach = bool(p.get("detach"))
    if detach:
        for key in ("undo", "retry", "timeout"):
            if key in p.read:
                p.conflict(
                    key,
                    f"`{key}` and `detach: true` do not go together",
                    "nobody waits for a detached run; put it into the skript that runs",
                )
    return Run(
        p.site,
        p.when,
        p.timeout,
        skript.name,
        skript.version,
        skript.path,
        p.value_span(),
        p.args(),
        p.get("into"),
        _retry(p),
        p.get("undo"),
        detach,
    )


def _unreadable(p: Parts) -> Step:
    """Stands for a call that names nothing: what it would set is set to something unknown."""
    into = p.get("into")
    return Set(p.site, p.when, None, ((into, p.broken("into")),) if into is not None else ())


def _retry(p: Parts) -> Retry | None:
    given = p.get("retry")
    if not given or given.get("max") is None:
        return None
    low, high = given.get("backoff") or BACKOFF
    return Retry(given["max"], given.get("on") or (), low, high)


def _if(p: Parts) -> Step:
    branches = [(p.read["if"], p.get("then") or ())]
    for clause, node, at in p.get("elif") or ():
        branches.append((clause.get("when") or p.fields.broken(node, at), clause.get("do", ())))
    return If(p.site, None, p.timeout, tuple(branches), p.get("else") or ())


def _switch(p: Parts) -> Step:
    cases = tuple(
        (clause.get("is", ()), clause.get("do", ())) for clause, _, _ in p.get("cases") or ()
    )
    return Switch(p.site, p.when, p.timeout, p.read["switch"], cases, p.get("else") or ())


def _for(p: Parts) -> Step:
    limit = p.get("parallel")
    if "join" in p.read and limit is None:
        p.conflict(
            "join",
            "`join` without `parallel`: a sequential loop has no branches to join",
            "add `parallel: N`, or delete `join`",
        )
    item, index = p.read["for"], p.get("index")
    for name in (item, index):
        if name is not None:
            p.fields.seen.loops.setdefault(name, []).append(p.site.pointer)
    if item is not None and item == index:
        p.fields.add(
            "RUNE-1118",
            f"the element and its index are both called `{item}`",
            p.entry("index")[1],
            f"{p.site.pointer}/index",
        )
    return For(
        p.site,
        p.when,
        p.timeout,
        item or "_",
        index,
        p.get("in") or p.broken("in"),
        p.get("do") or (),
        limit,
        p.get("collect"),
        p.get("join") or "all",
    )


def _while(p: Parts) -> Step:
    return While(p.site, p.when, p.timeout, p.read["while"], p.get("do") or ())


def _break(p: Parts) -> Step:
    _no_timeout(p, "break")
    return Break(p.site, p.when, None)


def _continue(p: Parts) -> Step:
    _no_timeout(p, "continue")
    return Continue(p.site, p.when, None)


def _no_timeout(p: Parts, verb: str) -> None:
    """A jump takes no time: `timeout` beside it would do nothing."""
    if "timeout" in p.read:
        p.conflict("timeout", f"`timeout` has no meaning beside `{verb}`")


def _parallel(p: Parts) -> Step:
    return Parallel(
        p.site,
        p.when,
        p.timeout,
        p.read["parallel"],
        p.get("join") or "all",
        p.get("into"),
    )


def _yield(p: Parts) -> Step:
    return Yield(p.site, p.when, p.timeout, p.read["yield"])


def _try(p: Parts) -> Step:
    if "catch" not in p.read and "finally" not in p.read:
        p.fields.add(
            "RUNE-1101",
            "`try` needs `catch` or `finally`",
            p.entry("try")[0],
            p.site.pointer,
            "without either it is a plain `do`",
        )
    catches = tuple(
        CatchClause(clause.get("when"), clause.get("do", ()), span_of(node, p.fields.file), at)
        for clause, node, at in p.get("catch") or ()
    )
    return Try(p.site, p.when, p.timeout, p.read["try"], catches, p.get("finally"))


def _do(p: Parts) -> Step:
    return Do(p.site, p.when, p.timeout, p.read["do"])


def _wait(p: Parts) -> Step:
    given = p.read["wait"]
    delay = given if isinstance(given, Expr) else None
    until = None
    if delay is None:
        until = given.get("until") or p.broken("wait/until")
    return Wait(p.site, p.when, p.timeout, delay, until)


def _listen(p: Parts) -> Step:
    return Listen(
        p.site,
        p.when,
        p.timeout,
        p.read["listen"],
        p.get("key"),
        p.get("where"),
        p.get("schema"),
        p.get("into"),
    )


def _emit(p: Parts) -> Step:
    if "key" in p.read and "to" in p.read:
        p.conflict(
            "to",
            "`key` and `to` do not go together",
            "`to` names one job; `key` reaches whoever listens for it",
        )
    return Emit(
        p.site,
        p.when,
        p.timeout,
        p.read["emit"],
        p.get("key"),
        p.get("to"),
        p.args(),
        p.get("keep"),
    )


def _log(p: Parts) -> Step:
    return Log(p.site, p.when, p.timeout, p.read["log"], p.get("level") or "info")


def _raise(p: Parts) -> Step:
    given: Read = p.read["raise"]
    kind = given.get("type") or p.broken("raise/type")
    if kind.is_const and type(p.value) is Map and "type" in p.value.entries:
        node = p.value.entries["type"]
        pointer = f"{p.site.pointer}/raise/type"
        Literals(p.fields).error_type(node, str(kind.ir[1]), pointer, "be raised")
    return Raise(
        p.site,
        p.when,
        p.timeout,
        kind,
        given.get("message"),
        given.get("data"),
        given.get("compensate"),
    )


def _return(p: Parts) -> Step:
    return Return(p.site, p.when, p.timeout, p.read["return"])


def _graph(p: Parts) -> Step:
    return Do(p.site, p.when, p.timeout, p.read["graph"](p.get("into")))


MAKERS: Final[dict[str, Maker]] = {
    "set": _set,
    "call": _call,
    "if": _if,
    "switch": _switch,
    "for": _for,
    "while": _while,
    "break": _break,
    "continue": _continue,
    "parallel": _parallel,
    "yield": _yield,
    "try": _try,
    "do": _do,
    "wait": _wait,
    "listen": _listen,
    "emit": _emit,
    "run": _run,
    "log": _log,
    "raise": _raise,
    "return": _return,
    "graph": _graph,
}
