"""What is declared, set or fetched, and never read.

A value nobody reads is a step too many or, more often, a name misspelt where it should be read. A
name that begins with `_` is meant to be dropped; what a loop calls its element has to have a name,
so it is not reported.
"""

from __future__ import annotations

from typing import Any

from ...expr.ir import walk
from ...model.ast import Function
from ..frontends.places import escape
from ..validate.facts import Assignment, Facts
from .subject import Subject

_WORDS = {
    "vars": "`{name}` is declared and never read",
    "set": "`{name}` is set and never read",
    "into": "the result in `{name}` is never read",
    "collect": "what is collected in `{name}` is never read",
}
_HINTS = {
    "vars": "delete it",
    "set": "delete it, or read it where it was meant",
    "into": "delete `into`: without it the result is dropped",
    "collect": "delete `collect` and the `yield`s that feed it",
}


def check_unused(subject: Subject) -> None:
    """Report variables, indices, functions, parameters, env names and input fields."""
    _check_variables(subject)
    _check_self(subject)
    _check_functions(subject)
    _check_fields(subject)


def _hint(subject: Subject, a: Assignment) -> str:
    key = "into" if a.step is None else subject.facts.wording.key(a.step.site.pointer, "into")
    return _HINTS[a.via].replace("`into`", f"`{key}`")


def _check_variables(subject: Subject) -> None:
    facts, found = subject.facts, subject.found
    read = _names_read(subject)
    first: dict[str, Assignment] = {}
    for a in facts.assignments:
        if a.name not in read and not a.name.startswith("_"):
            first.setdefault(a.name, a)
    for a in first.values():
        found.add(
            "RUNE-3110", _WORDS[a.via].format(name=a.name), a.span, a.pointer, _hint(subject, a)
        )
    for loop in facts.loop_names:
        index = loop.pointer.endswith("/index")
        if index and loop.name not in read and not loop.name.startswith("_"):
            pointer = facts.wording.at(loop.pointer.removesuffix("/index"), "index")
            found.add(
                "RUNE-3110",
                f"the index `{loop.name}` is never read",
                subject.place(pointer),
                pointer,
                f"delete `{pointer.rpartition('/')[2]}`",
            )


def _check_self(subject: Subject) -> None:
    """`set: {a: ${a}}`."""
    for a in subject.facts.assignments:
        if a.value is not None and a.via == "set" and not a.path and a.value.ir == ("name", a.name):
            subject.found.add(
                "RUNE-3114",
                f"`{a.name}` is set to itself",
                a.value.span,
                a.pointer,
                "delete it, or say what it was to be set to",
            )


def _names_read(subject: Subject) -> set[str]:
    """Every variable that is read for another purpose than its own next value."""
    facts = subject.facts
    own = {id(a.value): a.name for a in facts.assignments if a.value is not None and not a.path}
    read: set[str] = set()
    for use in facts.uses:
        expr = use.expr
        if not expr.names:
            continue
        name_of = own.get(id(expr))
        for name in expr.names:
            if name.kind in ("variable", "maybe") and name.name != name_of:
                read.add(name.name)
    return read


# --- functions --------------------------------------------------------------------------------
def _check_functions(subject: Subject) -> None:
    functions = subject.document.functions
    if not functions:
        return
    called: set[str] = set()
    todo = [u.expr for u in subject.facts.uses if u.role != "function"]
    bodies = {f.name: f.body for f in functions}
    while todo:
        for name in todo.pop().names:
            if name.kind == "function" and name.name in bodies and name.name not in called:
                called.add(name.name)
                todo.append(bodies[name.name])
    for f in functions:
        if f.name not in called:
            subject.found.add(
                "RUNE-3111",
                f"no step calls the function `{f.name}`",
                f.span,
                f.pointer,
                "delete it",
            )
        else:
            _check_parameters(f, subject)


def _check_parameters(f: Function, subject: Subject) -> None:
    read = {node[1] for node in walk(f.body.ir) if node[0] == "local"}
    for number, param in enumerate(f.params):
        if number not in read and not param.startswith("_"):
            subject.found.add(
                "RUNE-3111",
                f"`{f.name}` does not use its parameter `{param}`",
                f.span,
                f.pointer,
                f"delete it, or call it `_{param}`",
            )


# --- env and input ----------------------------------------------------------------------------
def _check_fields(subject: Subject) -> None:
    """Names of `env` and fields of `input` that nothing reads."""
    env = subject.document.env
    # A machine's data is kept for whoever looks at the job.
    schema = subject.document.input_schema if subject.document.machine is None else None
    properties = schema.get("properties") if isinstance(schema, dict) else None
    fields = tuple(properties) if isinstance(properties, dict) else ()
    if not env and not fields:
        return
    read = _Fields()
    read.look_into(subject.facts)
    for number, name in enumerate(env):
        if not read.has("env", name):
            pointer = f"/env/{number}"
            subject.found.add(
                "RUNE-3112",
                f"`env.{name}` is declared and never read",
                subject.place(pointer),
                pointer,
                "delete it: a value that is not captured cannot leak",
            )
    for name in fields:
        if not read.has("input", name):
            pointer = f"/input/properties/{escape(name)}"
            subject.found.add(
                "RUNE-3113",
                f"`input.{name}` is never read",
                subject.place(pointer),
                pointer,
                "delete it from the schema, if nobody else needs it there",
            )


class _Fields:
    """The fields of `env` and `input` that a document reads."""

    __slots__ = ("keys", "whole")

    def __init__(self) -> None:
        self.keys: dict[str, set[object]] = {"env": set(), "input": set()}
        #: Which of the two are used as a whole, or by a key that is computed.
        self.whole: set[str] = set()

    def has(self, root: str, key: str) -> bool:
        """Whether something reads the field."""
        return root in self.whole or key in self.keys[root]

    def look_into(self, facts: Facts) -> None:
        """Note all reads of a document."""
        seen: set[int] = set()
        for use in facts.uses:
            ir = use.expr.ir
            # Expressions of the same text share their IR.
            if use.expr.names and use.role != "function" and id(ir) not in seen:
                seen.add(id(ir))
                self._note(ir)

    def _note(self, part: tuple[Any, ...]) -> None:
        """Note the reads in an IR, or in a group of operands."""
        tag = part[0] if part else None
        if tag == "const":
            return
        if tag == "name":
            if part[1] in self.keys:
                self.whole.add(part[1])
            return
        rest = part
        if tag == "item":
            holder, key = part[1], part[2]
        elif tag == "call" and part[1] in ("get", "has"):
            holder, key = part[2][0], part[2][1]
            rest = part[2]
        else:
            holder, key = None, None
        if key is not None and key[0] == "const" and holder[0] == "name" and holder[1] in self.keys:
            self.keys[holder[1]].add(key[1])
            rest = rest[2:] if tag == "call" else ()
        for inner in rest:
            if type(inner) is tuple:
                self._note(inner)
