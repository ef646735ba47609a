"""From the values of a step's keys to its AST node, one function per verb.

What no table row can say is checked here: keys that exclude each other, types of errors that
cannot be raised. A maker gets the values that were read, or nothing where the key is missing or
could not be read (that is reported already), and still makes a node the checks can go on with.
"""

from __future__ import annotations

from collections.abc import Callable
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
from ..nodes import Map, Node, span_of
from .fields import Fields
from .literals import BACKOFF, Literals

Read: TypeAlias = dict[str, Any]
Maker: TypeAlias = Callable[[Fields, Site, Expr | None, Read, Node], Step]


def _set(f: Fields, site: Site, when: Expr | None, read: Read, value: Node) -> Step:
    return Set(site, when, read.get("timeout"), read["set"])


def _call(f: Fields, site: Site, when: Expr | None, read: Read, value: Node) -> Step:
    if read["call"] is None:
        return _unreadable(f, site, when, read, value)
    return Call(
        site,
        when,
        read.get("timeout"),
        read["call"],
        span_of(value, f.file),
        read.get("with") or _no_args(site, f, value),
        read.get("into"),
        read.get("undo"),
        _retry(read),
        read.get("on_crash") or "rerun",
        read.get("queue"),
    )


def _run(f: Fields, site: Site, when: Expr | None, read: Read, value: Node) -> Step:
    skript = read["run"]
    if skript is None:
        return _unreadable(f, site, when, read, value)
    detach = read.get("detach", False)
    if detach:
        for key in ("undo", "retry", "timeout"):
            if read.get(key) is not None:
                f.add(
                    "RUNE-1116",
                    f"`{key}` and `detach: true` do not go together",
                    value,
                    f"{site.pointer}/{key}",
                    "nobody waits for a detached run; put it into the skript that runs",
                )
    return Run(
        site,
        when,
        read.get("timeout"),
        skript.name,
        skript.version,
        skript.path,
        span_of(value, f.file),
        read.get("with") or _no_args(site, f, value),
        read.get("into"),
        _retry(read),
        read.get("undo"),
        detach,
    )


def _unreadable(f: Fields, site: Site, when: Expr | None, read: Read, value: Node) -> Step:
    """Stands for a call that names nothing: what it would set is set to something unknown."""
    into = read.get("into")
    unknown = f.broken(value, site.pointer)
    return Set(site, when, None, ((into, unknown),) if into is not None else ())


def _no_args(site: Site, f: Fields, value: Node) -> Args:
    return Args((), None, span_of(value, f.file), site.pointer)


def _retry(read: Read) -> Retry | None:
    given = read.get("retry")
    if not given or given.get("max") is None:
        return None
    low, high = given.get("backoff") or BACKOFF
    return Retry(given["max"], given.get("on") or (), low, high)


def _if(f: Fields, site: Site, when: Expr | None, read: Read, value: Node) -> Step:
    branches = [(read["if"], read.get("then", ()))]
    for clause, node, at in read.get("elif", ()):
        branches.append((clause.get("when") or f.broken(node, at), clause.get("do", ())))
    return If(site, None, read.get("timeout"), tuple(branches), read.get("else", ()))


def _switch(f: Fields, site: Site, when: Expr | None, read: Read, value: Node) -> Step:
    cases = tuple(
        (clause.get("is", ()), clause.get("do", ())) for clause, _, _ in read.get("cases", ())
    )
    return Switch(site, when, read.get("timeout"), read["switch"], cases, read.get("else", ()))


def _for(f: Fields, site: Site, when: Expr | None, read: Read, value: Node) -> Step:
    limit = read.get("parallel")
    if read.get("join") is not None and limit is None:
        f.add(
            "RUNE-1116",
            "`join` without `parallel`: a sequential loop has no branches to join",
            value,
            f"{site.pointer}/join",
            "add `parallel: N`, or delete `join`",
        )
    item, index = read["for"], read.get("index")
    if item is not None and item == index:
        f.add(
            "RUNE-1118",
            f"the element and its index are both called `{item}`",
            value,
            f"{site.pointer}/index",
        )
    return For(
        site,
        when,
        read.get("timeout"),
        item or "_",
        index,
        read.get("in") or f.broken(value, f"{site.pointer}/in"),
        read.get("do", ()),
        limit,
        read.get("collect"),
        read.get("join") or "all",
    )


def _while(f: Fields, site: Site, when: Expr | None, read: Read, value: Node) -> Step:
    return While(site, when, read.get("timeout"), read["while"], read.get("do", ()))


def _break(f: Fields, site: Site, when: Expr | None, read: Read, value: Node) -> Step:
    _no_timeout(f, site, read, value, "break")
    return Break(site, when, None)


def _continue(f: Fields, site: Site, when: Expr | None, read: Read, value: Node) -> Step:
    _no_timeout(f, site, read, value, "continue")
    return Continue(site, when, None)


def _no_timeout(f: Fields, site: Site, read: Read, value: Node, verb: str) -> None:
    """A jump takes no time: `timeout` beside it would do nothing."""
    if read.get("timeout") is not None:
        at = f"{site.pointer}/timeout"
        f.add("RUNE-1116", f"`timeout` has no meaning beside `{verb}`", value, at)


def _parallel(f: Fields, site: Site, when: Expr | None, read: Read, value: Node) -> Step:
    return Parallel(
        site,
        when,
        read.get("timeout"),
        read["parallel"],
        read.get("join") or "all",
        read.get("into"),
    )


def _yield(f: Fields, site: Site, when: Expr | None, read: Read, value: Node) -> Step:
    return Yield(site, when, read.get("timeout"), read["yield"])


def _try(f: Fields, site: Site, when: Expr | None, read: Read, value: Node) -> Step:
    if "catch" not in read and "finally" not in read:
        f.add(
            "RUNE-1101",
            "`try` needs `catch` or `finally`",
            value,
            site.pointer,
            "without either it is a plain `do`",
        )
    catches = tuple(
        CatchClause(clause.get("when"), clause.get("do", ()), span_of(node, f.file), at)
        for clause, node, at in read.get("catch", ())
    )
    return Try(site, when, read.get("timeout"), read["try"], catches, read.get("finally"))


def _do(f: Fields, site: Site, when: Expr | None, read: Read, value: Node) -> Step:
    return Do(site, when, read.get("timeout"), read["do"])


def _wait(f: Fields, site: Site, when: Expr | None, read: Read, value: Node) -> Step:
    given = read["wait"]
    delay = given if isinstance(given, Expr) else None
    until = None
    if delay is None:
        until = given.get("until") or f.broken(value, f"{site.pointer}/wait/until")
    return Wait(site, when, read.get("timeout"), delay, until)


def _listen(f: Fields, site: Site, when: Expr | None, read: Read, value: Node) -> Step:
    return Listen(
        site,
        when,
        read.get("timeout"),
        read["listen"],
        read.get("key"),
        read.get("where"),
        read.get("schema"),
        read.get("into"),
    )


def _emit(f: Fields, site: Site, when: Expr | None, read: Read, value: Node) -> Step:
    if read.get("key") is not None and read.get("to") is not None:
        f.add(
            "RUNE-1116",
            "`key` and `to` do not go together",
            value,
            f"{site.pointer}/to",
            "`to` names one job; `key` reaches whoever listens for it",
        )
    return Emit(
        site,
        when,
        read.get("timeout"),
        read["emit"],
        read.get("key"),
        read.get("to"),
        read.get("with") or _no_args(site, f, value),
        read.get("keep"),
    )


def _log(f: Fields, site: Site, when: Expr | None, read: Read, value: Node) -> Step:
    return Log(site, when, read.get("timeout"), read["log"], read.get("level") or "info")


def _raise(f: Fields, site: Site, when: Expr | None, read: Read, value: Node) -> Step:
    given: Read = read["raise"]
    kind = given.get("type") or f.broken(value, f"{site.pointer}/raise/type")
    if kind.is_const and type(value) is Map and "type" in value.entries:
        node = value.entries["type"][1]
        at = f"{site.pointer}/raise/type"
        Literals(f).error_type(node, str(kind.ir[1]), at, "be raised")
    return Raise(
        site,
        when,
        read.get("timeout"),
        kind,
        given.get("message"),
        given.get("data"),
        given.get("compensate"),
    )


def _return(f: Fields, site: Site, when: Expr | None, read: Read, value: Node) -> Step:
    return Return(site, when, read.get("timeout"), read["return"])


def _graph(f: Fields, site: Site, when: Expr | None, read: Read, value: Node) -> Step:
    return Do(site, when, read.get("timeout"), ())


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
