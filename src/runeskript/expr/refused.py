"""What Python has and the language has not, and what to write instead."""

from __future__ import annotations

import ast
from typing import Final

#: Methods that people try -> how the language writes them (``{}`` is what stood before the dot).
METHODS: Final = {
    "append": "{} + [x]",
    "extend": "{} + [x, ...]",
    "format": "a text with ${{...}}",
    "encode": "base64(x) or sha256(x)",
    "title": "upper(x)",
    "capitalize": "upper(x)",
    "casefold": "lower({})",
    "splitlines": "lines({})",
    "index": "find({}, x)",
    "ljust": "pad({}, width, ' ', 'right')",
    "rjust": "pad({}, width)",
    "zfill": "pad({}, width, '0')",
    "update": "merge({}, other)",
    "trim": "strip({})",
    "length": "len({})",
    "size": "len({})",
    "toUpperCase": "upper({})",
    "toLowerCase": "lower({})",
    "includes": "x in {}",
    "startsWith": "startswith({}, x)",
    "endsWith": "endswith({}, x)",
    "sort": "sorted({})",
    "map": "[f(x) for x in {}]",
    "filter": "[x for x in {} if condition]",
}

#: Syntax that is not in the language -> (what it is, what to write instead).
REFUSED: Final[dict[type[ast.AST], tuple[str, str | None]]] = {
    ast.Lambda: ("a lambda", "declare it under `functions:`, or use a comprehension"),
    ast.NamedExpr: ("`:=`", "values are assigned by the step `set:`"),
    ast.JoinedStr: ("an f-string", "write a text with ${...}"),
    ast.Starred: ("`*`", "join lists with `+`"),
    ast.Set: ("a set", "write a list: [a, b]"),
    ast.SetComp: ("a set comprehension", "write unique([...])"),
    ast.Tuple: ("a tuple", "write a list: [a, b]"),
    ast.Await: ("`await`", "handlers are called by the step `call:`"),
    ast.Yield: ("`yield`", "results are handed on by the step `yield:`"),
    ast.YieldFrom: ("`yield`", "results are handed on by the step `yield:`"),
    ast.GeneratorExp: ("a generator expression", "write a list: [x for x in list]"),
    ast.Slice: ("a slice", None),
}
