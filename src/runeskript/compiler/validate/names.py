"""Names: every one that is used must mean something, every one that is declared must be free."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from ...expr.functions import FUNCTIONS
from ...model.ast import IR, Expr, Name
from ...model.diagnostics import Diagnostics
from ...model.parsed import Parsed
from ...model.spans import Span
from ..tables import ROOTS
from .facts import Assignment, Facts
from .hints import Hints
from .scopes import Scope
from .uses import Role, Use


def name_span(expr: Expr, name: Name) -> Span:
    """Where a name stands in the text of its expression."""
    length = len(name.name) + (len("secrets.") if name.kind == "secret" else 0)
    return expr.span.shift(name.offset, length)


class _Known:
    """The names of one document."""

    __slots__ = ("env", "everywhere", "fitting", "functions", "hints", "loops", "machine",
                 "variables")  # fmt: skip

    def __init__(self, facts: Facts, hints: Hints) -> None:
        self.variables = facts.assigned()
        #: Names that mean something everywhere but in functions; `env` is looked at more closely.
        self.machine = facts.document.machine is not None
        given = "data" if self.machine else "input"
        self.everywhere = self.variables.difference(ROOTS) | {given, "job"}
        self.loops = {loop.name for loop in facts.loop_names}
        self.functions = {f.name: len(f.params) for f in facts.document.functions}
        #: Moulds -> whether their calls have the right number of arguments.
        self.fitting: dict[Any, bool] = {}
        self.env = facts.document.env
        self.hints = hints


def check_names(facts: Facts, hints: Hints, found: Diagnostics) -> None:
    """Every check of this module."""
    known = _Known(facts, hints)
    _check_shadowing(facts, found)
    known_all = known.everywhere.issuperset
    uses = facts.uses
    event = uses.events.get
    for number, expr in enumerate(uses.exprs):
        role, scope = uses.roles[number], uses.scopes[number]
        # Nearly all names are variables that are surely known.
        if known_all(expr.parsed.used) and role != "function" and not scope.bare:
            continue
        if not _is_sound(expr.parsed, role, scope, known):
            _check_use(Use(expr, role, scope, event(number)), known, found)


# --- declarations -----------------------------------------------------------------------------
def _check_shadowing(facts: Facts, found: Diagnostics) -> None:
    variables: dict[str, Assignment] = {}
    for a in facts.assignments:
        variables.setdefault(a.name, a)
    for loop in facts.loop_names:
        if loop.name in loop.scope.loop_names:
            found.add(
                "RUNE-3005",
                f"`{loop.name}` is the name of a loop around this one already",
                loop.span,
                loop.pointer,
                "give this loop's variable another name",
            )
        elif loop.name in variables:
            other = variables[loop.name]
            found.add(
                "RUNE-3005",
                f"the loop name `{loop.name}` would hide the variable of that name",
                loop.span,
                loop.pointer,
                "give the loop's variable another name",
                related=((other.span, f"`{loop.name}` is a variable here"),),
            )
    for f in facts.document.functions:
        for param in f.params:
            if param in variables:
                found.add(
                    "RUNE-3005",
                    f"the parameter `{param}` of `{f.name}` would hide the variable of that name",
                    f.span,
                    f.pointer,
                    "give the parameter another name",
                    related=((variables[param].span, f"`{param}` is a variable here"),),
                )


# --- uses -------------------------------------------------------------------------------------
def _is_sound(parsed: Parsed, role: Role, scope: Scope, known: _Known) -> bool:
    """Whether there is certainly nothing to say of the names of an expression. Asked without their
    places, which are worked out for what is reported."""
    if role == "function" or scope.bare:
        return not parsed.used
    for name in parsed.used:
        if name in known.everywhere or name in scope.loop_names:
            continue
        if name == "env":
            if not _env_fits(parsed, known):
                return False
        elif name[:-1] in known.functions and name[-1] == "(":
            if not _calls_fit(parsed, known):
                return False
        elif name != "error" or not scope.error:
            return False
    return True


def _calls_fit(parsed: Parsed, known: _Known) -> bool:
    """Whether the document's functions are called with as many arguments as they take, which all
    expressions of one mould do or none."""
    if parsed.inserts:
        return all(_calls_fit(insert, known) for insert in parsed.inserts)
    mould = parsed.mould
    fits = None if mould is None else known.fitting.get(mould)
    if fits is None:
        calls = nodes(parsed.ir, "ucall")
        fits = all(known.functions.get(node[1]) == len(node[2]) for node in calls)
        if mould is not None:
            known.fitting[mould] = fits
    return fits


def _env_fits(parsed: Parsed, known: _Known) -> bool:
    """Whether all that is read of `env` is declared."""
    if parsed.inserts:
        return all(_env_fits(p, known) for p in parsed.inserts if "env" in p.used)
    return all(key[0] != "const" or key[1] in known.env for key in _env_keys(parsed.ir))


def _env_keys(ir: IR) -> list[IR]:
    """What is read of `env`, in the order of the text."""
    return [node[2] for node in nodes(ir, "item") if node[1] == ("name", "env")]


def _check_use(use: Use, known: _Known, found: Diagnostics) -> None:
    expr = use.expr
    calls = asks_env = False
    for name in expr.names:
        if name.kind == "function":
            calls = True
            if name.name not in known.functions:
                _check_function_name(expr, name, known, found)
        elif name.kind == "secret":
            if use.role != "with":
                found.add(
                    "RUNE-3019",
                    "`secrets` can be used in the `with` of a call only",
                    name_span(expr, name),
                    expr.pointer,
                    "a secret reaches a handler as a parameter; it is never stored or sent",
                )
        elif use.role == "function":
            _unknown_in_function(expr, name, known, found)
        elif name.name not in known.everywhere or use.scope.bare:
            _check_variable(use, name, known, found)
        if name.name == "env" and name.kind == "variable":
            asks_env = True
    if calls and known.functions:
        _check_arity(expr, known, found)
    if asks_env:
        _check_env(expr, known, found)


def _check_variable(use: Use, name: Name, known: _Known, found: Diagnostics) -> None:
    text, expr = name.name, use.expr
    given = "data" if known.machine else "input"
    if text in use.scope.loop_names or text in (given, "job", "env"):
        return
    if text in ROOTS:
        _check_special(use, name, known, found)
    elif text in known.variables:
        if use.scope.bare:
            _check_bare(use, name, given, found)
    elif text in known.loops:
        found.add(
            "RUNE-3001",
            f"`{text}` is the name of a loop and seen inside its `do` only",
            name_span(expr, name),
            expr.pointer,
        )
    else:
        hint = _nearest_variable(text, use, known)
        if text in FUNCTIONS or text in known.functions:
            hint = f"`{text}` is a function; call it: `{text}(...)`"
        elif hint is None and use.scope.notice:
            hint = f"if it is a field of the input: `input.{text}`"
        found.add(
            "RUNE-3001",
            f"nothing declares or sets `{text}`",
            name_span(expr, name),
            expr.pointer,
            hint,
        )


def _check_bare(use: Use, name: Name, given: str, found: Diagnostics) -> None:
    """A variable where there are none."""
    message, hint = {
        "guard": (
            f"a guard does not see the variable `{name.name}`: nothing is set before it",
            "it sees `data`, `event`, `actor`, `job` and `env`",
        ),
        "time": (
            f"a timeout does not see the variable `{name.name}`",
            "it sees `data`, `job` and `env`",
        ),
    }.get(
        use.scope.part,
        (
            f"`on_failure` does not see the variable `{name.name}`: the job has ended",
            f"it sees `error`, `job`, `{given}` and `env`; an error's `data` can say more",
        ),
    )
    found.add("RUNE-3004", message, name_span(use.expr, name), use.expr.pointer, hint)


def _nearest_variable(name: str, use: Use, known: _Known) -> str | None:
    """A hint from all names that are known here."""
    scope = use.scope
    here = ["data" if known.machine else "input", "job", "env", *scope.loop_names]
    here += ["error"] if scope.error else []
    here += ["event"] if use.event is not None or scope.part in _EVENTFUL else []
    here += ["actor"] if scope.part in _EVENTFUL else []
    variables = () if scope.bare else known.variables
    return known.hints.near(name, " ".join(here), [*variables, *here])


#: The parts of a machine that are done because of an event, which somebody raised.
_EVENTFUL: Final = ("guard", "action")


def _check_special(use: Use, name: Name, known: _Known, found: Diagnostics) -> None:
    text = name.name
    if text == "error" and use.scope.error:
        return
    if text == "event" and use.event is not None:
        return
    if text in ("event", "actor") and use.scope.part in _EVENTFUL:
        return
    if known.machine and text in ("input", "event", "actor"):
        message, hint = {
            "input": ("a machine's job has no `input`", "write `data`"),
            "event": ("`event` is known in guards and transitions only", None),
            "actor": ("`actor` is known in guards and transitions only", None),
        }[text]
        if use.scope.part == "begin" and text != "input":
            message = f"a job begins without an event: there is no `{text}` in the first `enter`"
            hint = "put it into the `do` of the transitions that lead here"
        found.add("RUNE-3004", message, name_span(use.expr, name), use.expr.pointer, hint)
        return
    where = {
        "error": "`error` is known in `catch`, `finally` and `on_failure` only",
        "event": "`event` is known in `where` only",
        "data": "`data` is known in machines only",
        "actor": "`actor` is known in machines only",
    }.get(text, "`secrets` is used as `secrets.NAME`, inside `with`")
    hint = "the fields of the input are `input.NAME`" if text == "data" else None
    found.add("RUNE-3004", where, name_span(use.expr, name), use.expr.pointer, hint)


def _unknown_in_function(expr: Expr, name: Name, known: _Known, found: Diagnostics) -> None:
    message = f"a function sees its parameters only, and `{name.name}` is none of them"
    hint = None
    if name.name in known.variables or name.name in ROOTS:
        hint = f"add a parameter and pass `{name.name}` where the function is called"
    found.add("RUNE-3001", message, name_span(expr, name), expr.pointer, hint)


def _check_function_name(expr: Expr, name: Name, known: _Known, found: Diagnostics) -> None:
    if name.name in FUNCTIONS:
        return
    found.add(
        "RUNE-3002",
        f"there is no function `{name.name}`",
        name_span(expr, name),
        expr.pointer,
        known.hints.near(name.name, "function", [*known.functions, *FUNCTIONS]),
    )


def _check_arity(expr: Expr, known: _Known, found: Diagnostics) -> None:
    if _calls_fit(expr.parsed, known):
        return
    calls = nodes(expr.ir, "ucall")
    places: dict[str, Iterator[Name]] = {}
    for node in calls:
        expected = known.functions.get(node[1])
        given = len(node[2])
        if node[1] not in places:
            mine = [n for n in expr.names if n.name == node[1] and n.kind == "function"]
            places[node[1]] = iter(mine)
        at = next(places[node[1]], None)
        if expected is None or expected == given:
            continue
        found.add(
            "RUNE-3003",
            f"`{node[1]}` takes {_count(expected, 'argument')}, {given} given",
            expr.span if at is None else name_span(expr, at),
            expr.pointer,
        )


def _check_env(expr: Expr, known: _Known, found: Diagnostics) -> None:
    places: Iterable[Name] = (n for n in expr.names if n.name == "env" and n.kind == "variable")
    for key, name in zip(_env_keys(expr.ir), places, strict=False):
        if key[0] != "const" or key[1] in known.env:
            continue
        span = expr.span.shift(name.offset, len(f"env.{key[1]}"))
        found.add(
            "RUNE-3025",
            f"`env` does not declare `{key[1]}`",
            span,
            expr.pointer,
            known.hints.near(str(key[1]), "env", known.env)
            or f"add it to the document: `env: [{key[1]}]`",
        )


def nodes(ir: IR, tag: str) -> list[IR]:
    """All nodes with a tag, in the order of the text."""
    found: list[IR] = []
    _add_nodes(ir, tag, found)
    return found


def _add_nodes(ir: IR, tag: str, found: list[IR]) -> None:
    first = ir[0]
    if first == "const":
        return
    if first == tag:
        found.append(ir)
    for part in ir:
        if type(part) is tuple and part:
            _add_nodes(part, tag, found)


def _count(n: int, what: str) -> str:
    return f"{n} {what}" if n == 1 else f"{n} {what}s"
