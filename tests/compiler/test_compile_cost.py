"""The work of compiling grows with the number of steps, not with its square.

Counted in calls of Python and C functions, which are the same on every machine.
"""

from __future__ import annotations

import sys
from types import FrameType

from runeskript.compiler.pipeline import check_text, compile_text
from support import any_handlers

CATALOG = any_handlers("f", "g")


def document(steps: int) -> str:
    """Steps of many kinds, each with variables of its own and loops that read all before."""
    lines = ["skript: big", "vars: {total: 0}", "do:"]
    for i in range(0, steps, 5):
        lines += [
            f"  - set: {{v{i}: '${{total + {i}}}', total: '${{total * 2 % 7}}'}}",
            f"  - call: f\n    with: {{a: '${{v{i}}}', b: {i}}}\n    into: r{i}",
            f"  - if: r{i}.x > {i}\n    then: [{{log: 'x ${{r{i}.y}}'}}]",
            f"  - try: [{{call: g, into: s{i}}}]\n    catch: [{{do: [{{set: {{s{i}: null}}}}]}}]",
            f"  - for: item\n    in: r{i}.list\n    parallel: 4\n"
            f"    do: [{{call: f, with: {{a: '${{item}}', b: '${{s{i}}}'}}}}]",
        ]
    return "\n".join(lines) + "\n"


def calls(text: str) -> int:
    count = 0

    def profile(_frame: FrameType, event: str, _arg: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(profile)
    try:
        compile_text(text, "big.yaml", CATALOG)
    finally:
        sys.setprofile(None)
    return count


def test_calls_grow_with_the_steps() -> None:
    calls(document(20))  # what is done once, at the first use
    small, large = calls(document(100)), calls(document(400))
    assert large < 4.4 * small


def test_nested_loops_do_not_multiply() -> None:
    def nested(depth: int) -> str:
        lines = ["skript: nested", "vars: {n: 0}", "do:"]
        for level in range(depth):
            lines.append("  " * (2 * level + 1) + "- while: n < 3")
            lines.append("  " * (2 * level + 2) + "do:")
        lines.append("  " * (2 * depth + 1) + "- set: {n: '${n + 1}'}")
        return "\n".join(lines) + "\n"

    calls(nested(32))  # what is done once: so deep a text is libyaml's, which is imported then
    assert calls(nested(32)) < 3 * calls(nested(16))


def test_thousands_of_misspelt_names_cost_little() -> None:
    """Past a budget, names are reported without looking for their nearest match."""

    def misspelt(names: int) -> str:
        variables = "".join(f"  name_{i}: {i}\n" for i in range(2_000))
        steps = "".join(f"  - log: ${{nam_{i}x}}\n" for i in range(names))
        return f"skript: x\nvars:\n{variables}do:\n{steps}"

    found = check_text(misspelt(100), "misspelt.yaml")
    hinted = [d for d in found if d.hint is not None]
    assert len(found) == 100
    assert 0 < len(hinted) <= 10
