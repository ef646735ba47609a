"""What is declared, set or fetched, and never read.

A value nobody reads is a step too many or, more often, a name misspelt where it should be read. A
name that begins with `_` is meant to be dropped; what a loop calls its element has to have a name,
so it is not reported.
"""

from __future__ import annotations

from collections.abc import Iterator

from ...expr.ir import walk
from ...model.ast import IR, Function
from ..frontends.expressions import escape
from ..validate.facts import Assignment
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
    _check_functions(subject)
    _check_env(subject)
    _check_input(subject)


def _check_variables(subject: Subject) -> None:
    facts, found = subject.facts, subject.found
    read = _names_read(subject)
    first: dict[str, Assignment] = {}
    for a in facts.assignments:
        if a.name not in read and not a.name.startswith("_"):
            first.setdefault(a.name, a)
    for a in first.values():
        found.add("RUNE-3110", _WORDS[a.via].format(name=a.name), a.span, a.pointer, _HINTS[a.via])
    for loop in facts.loop_names:
        index = loop.pointer.endswith("/index")
        if index and loop.name not in read and not loop.name.startswith("_"):
            found.add(
                "RUNE-3110",
                f"the index `{loop.name}` is never read",
                subject.place(loop.pointer),
                loop.pointer,
                "delete `index`",
            )


def _names_read(subject: Subject) -> set[str]:
    """Every variable that is read for another purpose than its own next value."""
    facts = subject.facts
    own: dict[int, str] = {}
    for a in facts.assignments:
        if a.value is not None and a.value.names and not a.path:
            own[id(a.value)] = a.name
    read: set[str] = set()
    for use in facts.uses:
        for name in use.expr.names:
            if name.kind == "variable" and own.get(id(use.expr)) != name.name:
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
def _check_env(subject: Subject) -> None:
    declared = subject.document.env
    read = _keys_read(subject, "env") if declared else None
    if read is None:
        return
    for number, name in enumerate(declared):
        if name not in read:
            pointer = f"/env/{number}"
            subject.found.add(
                "RUNE-3112",
                f"`env.{name}` is declared and never read",
                subject.place(pointer),
                pointer,
                "delete it: a value that is not captured cannot leak",
            )


def _check_input(subject: Subject) -> None:
    schema = subject.document.input_schema
    properties = schema.get("properties") if isinstance(schema, dict) else None
    read = _keys_read(subject, "input") if isinstance(properties, dict) else None
    if read is None or not isinstance(properties, dict):
        return
    for name in properties:
        if name not in read:
            pointer = f"/input/properties/{escape(name)}"
            subject.found.add(
                "RUNE-3113",
                f"`input.{name}` is never read",
                subject.place(pointer),
                pointer,
                "delete it from the schema, if nobody else needs it there",
            )


def _keys_read(subject: Subject, root: str) -> set[str] | None:
    """The keys of `env` or `input` that are read; None where it is used as a whole."""
    keys: set[str] = set()
    for use in subject.facts.uses:
        if use.role == "function":
            continue
        if any(n.name == root and n.kind == "variable" for n in use.expr.names):
            for key in _keys(use.expr.ir, root):
                if key is None:
                    return None
                keys.add(key)
    return keys


def _keys(ir: IR, root: str) -> Iterator[str | None]:
    """Each use of a name: the key that is read of it, None where that is not known."""
    whole = 0
    for node in walk(ir):
        if node == ("name", root):
            whole += 1
        holder, key = _read_of(node)
        if holder == ("name", root) and key is not None:
            whole -= 1
            yield key
    if whole:
        yield None


def _read_of(node: IR) -> tuple[IR | None, str | None]:
    """What a node reads a key of, and the key where it is written out."""
    if node[0] == "item":
        holder, key = node[1], node[2]
    elif node[0] == "call" and node[1] in ("get", "has"):
        holder, key = node[2][0], node[2][1]
    else:
        return None, None
    return holder, str(key[1]) if key[0] == "const" else None
