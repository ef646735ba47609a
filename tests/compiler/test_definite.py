"""The quick pass over a document's variables leaves nothing out that the closer look would find."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runeskript.compiler import core
from runeskript.compiler.expand import expand
from runeskript.compiler.load_text import parse_document
from runeskript.compiler.validate.definite import unsettled
from runeskript.compiler.validate.facts import collect_facts
from runeskript.compiler.validate.flow import _Analysis, _yields, check_flow
from runeskript.model.ast import Document
from runeskript.model.diagnostics import Diagnostics
from runeskript.model.limits import DIAGNOSTICS

NAMES = ("a", "b", "c", "d", "e")


class Writer:
    """Random steps that read and set few variables, in any order: most documents have mistakes."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.lines = ["skript: s", "vars: {a: 1, t: {init: 0, reduce: sum}}", "do:"]
        self.left = self.random.randrange(4, 30)

    def text(self) -> str:
        self.block("", 0, looping=False)
        return "\n".join(self.lines)

    def read(self) -> str:
        names = self.random.choices((*NAMES, "t", "1"), k=self.random.randrange(1, 3))
        return " + ".join(names)

    def put(self, indent: str, *lines: str) -> None:
        self.lines.append(f"{indent}  - {lines[0]}")
        self.lines.extend(f"{indent}    {line}" for line in lines[1:])

    def block(self, indent: str, depth: int, *, looping: bool) -> None:
        for number in range(self.random.randrange(1, 5)):
            if number == 0 or self.left > 0:
                self.step(indent, depth, looping=looping)

    def step(self, indent: str, depth: int, *, looping: bool) -> None:
        self.left -= 1
        random = self.random
        plain = depth > 4 or self.left <= 0 or random.random() < 0.5
        kind = random.choice(
            ("set", "set", "set", "call", "log", "yield", "jump", "undo")
            if plain
            else ("if", "if", "while", "for", "each", "both", "any", "try", "switch")
        )
        name, deeper, inner = random.choice(NAMES), depth + 1, indent + "    "
        if kind == "set":
            self.put(indent, f"set: {{{name}: '${{{self.read()}}}'}}")
        elif kind == "call":
            guard = [f"if: {self.read()}"] if random.random() < 0.3 else []
            self.put(
                indent, *guard, "call: h", f"with: {{x: '${{{self.read()}}}'}}", f"into: {name}"
            )
        elif kind == "undo":
            undo = f"{{call: h, with: {{x: '${{{self.read()}}}'}}}}"
            self.put(indent, "call: h", f"into: {name}", f"undo: {undo}")
        elif kind == "log":
            self.put(indent, f"log: '${{{self.read()}}}'")
        elif kind == "yield":
            self.put(indent, f"yield: {self.read()}")
        elif kind == "jump":
            words = ("break:", "continue:") if looping else ("return: 1", "raise: {type: x}")
            guard = [f"if: {self.read()}"] if random.random() < 0.8 else []
            self.put(indent, *guard, random.choice(words))
        elif kind == "if":
            self.put(indent, f"if: {self.read()}", "then:")
            self.block(inner, deeper, looping=looping)
            if random.random() < 0.6:
                self.lines.append(f"{indent}    else:")
                self.block(inner, deeper, looping=looping)
        elif kind == "switch":
            self.put(indent, f"switch: {self.read()}", "cases:")
            for value in range(random.randrange(1, 3)):
                self.lines += [f"{inner}  - is: {value}", f"{inner}    do:"]
                self.block(inner + "    ", deeper, looping=looping)
            if random.random() < 0.5:
                self.lines.append(f"{indent}    else:")
                self.block(inner, deeper, looping=looping)
        elif kind == "while":
            self.put(indent, f"while: {random.choice(('true', self.read()))}", "do:")
            self.block(inner, deeper, looping=True)
        elif kind == "for":
            collect = [f"collect: {name}"] if random.random() < 0.5 else []
            self.put(indent, f"for: i{depth}", f"in: '[{self.read()}]'", *collect, "do:")
            self.block(inner, deeper, looping=True)
        elif kind == "each":
            lines = [f"for: i{depth}", f"in: '[{self.read()}]'", "parallel: true"]
            lines += [f"collect: {name}"] if random.random() < 0.5 else []
            self.put(indent, *lines, "do:")
            self.block(inner, deeper, looping=False)
        elif kind in ("both", "any"):
            into = [f"into: {name}"] if random.random() < 0.3 else []
            join = ["join: any"] if kind == "any" else []
            self.put(indent, *into, *join, "parallel:")
            for branch in ("x", "y"):
                self.lines.append(f"{inner}  {branch}:")
                self.block(inner + "  ", deeper, looping=False)
        else:
            self.put(indent, "try:")
            self.block(inner, deeper, looping=looping)
            if random.random() < 0.7:
                self.lines += [f"{indent}    catch:", f"{inner}  - do:"]
                self.block(inner + "    ", deeper, looping=looping)
            else:
                self.lines.append(f"{indent}    finally:")
                self.block(inner, deeper, looping=False)


def parsed(text: str) -> Document:
    found = Diagnostics()
    document = parse_document(text, "s", found)
    assert document is not None, text
    assert not found.has_errors, (text, found.sorted())
    return document


def findings(found: Diagnostics) -> list[str]:
    return [repr(item) for item in found.sorted()]


def compare(text: str) -> tuple[list[str], set[str] | None]:
    """What the closer look finds, which the quick pass must not keep from it."""
    document = parsed(text)
    facts = collect_facts(document)
    variables = [*dict.fromkeys(a.name for a in facts.assignments)]
    quick, all_ = Diagnostics(), Diagnostics()
    check_flow(facts, expand(document), quick)
    program = expand(document)
    _Analysis([*variables, *_yields(program)], program, all_, facts.wording).run()
    assert findings(quick) == findings(all_), text
    return findings(all_), unsettled(program, variables)


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 2**32))
def test_the_quick_pass_leaves_nothing_out(seed: int) -> None:
    compare(Writer(seed).text())


def test_the_random_documents_are_worth_it() -> None:
    """They have findings of every kind, and most variables are settled by the quick pass."""
    found = [compare(Writer(seed).text()) for seed in range(150)]
    text = "".join(item for items, _ in found for item in items)
    for code in ("RUNE-3010", "RUNE-3011", "RUNE-3013", "RUNE-3027"):
        assert code in text
    assert sum(len(left or ()) for _, left in found) < 150 * 3


@pytest.mark.parametrize(
    ("steps", "left"),
    [
        ("- set: {x: 1}\n- log: ${x}", set()),
        ("- if: input.a\n  then: [set: {x: 1}]\n  else: [set: {x: 2}]\n- log: ${x}", set()),
        ("- if: input.a\n  then: [set: {x: 1}]\n- log: ${x}", {"x"}),
        ("- while: input.a\n  do: [{set: {x: 1}}, log: '${x}']", set()),
        ("- while: input.a\n  do: [{log: '${x}'}, set: {x: 1}]", {"x"}),
        ("- parallel: {a: [set: {x: 1}], b: [set: {y: 1}]}\n- log: ${x + y}", set()),
        ("- for: i\n  in: input.a\n  parallel: true\n  do: [{set: {x: 1}}, log: '${x}']", set()),
        (
            "- for: i\n  in: input.a\n  parallel: 2\n  do:\n"
            "    - set: {x: 1}\n    - for: j\n      in: input.b\n      parallel: 2\n"
            "      do: [log: '${x}']",
            set(),
        ),
        ("- try: [{set: {x: 1}}, call: h]\n  catch: [do: [log: '${x}']]", {"x"}),
        ("- {call: h, into: x, undo: {call: h, with: {a: '${x}'}}}", set()),
    ],
)
def test_what_is_settled(steps: str, left: set[str]) -> None:
    document = parsed("skript: s\ndo:\n" + "".join(f"  {s}\n" for s in steps.splitlines()))
    assert unsettled(expand(document), {"x", "y"}) == left


def test_code_that_is_no_nest_is_left_to_the_closer_look() -> None:
    program = expand(parsed("skript: s\ndo: [set: {x: 1}]"))
    at = program.root.ops[0].site
    # Two ways into a loop: by 1, where x is set, or to 2 in its middle, where it is not.
    program.root.ops = [
        core.Pure(at, (), (("exit", 0),), (None, 2)),
        core.Pure(at, (), (("set", at, "x", ("const", 1)), ("exit", 0))),
        core.Mark(at, (), 1),
        core.Mark(at, (), 2),
        core.Pure(at, (), (("exit", 0),), (None, 1)),
        core.Return(at, (), None),
    ]
    assert unsettled(program, {"x"}) is None


def test_more_findings_than_are_kept() -> None:
    lines = [f"  - log: ${{x{i}}}\n" for i in range(DIAGNOSTICS + 20)]
    sets = [f"  - set: {{x{i}: 1}}\n" for i in range(DIAGNOSTICS + 20)]
    document = parsed("skript: s\ndo:\n" + "".join(lines + sets))
    found = Diagnostics()
    check_flow(collect_facts(document), expand(document), found)
    assert (len(found.sorted()), found.dropped) == (DIAGNOSTICS, 20)
