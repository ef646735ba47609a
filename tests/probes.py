"""Skripts that call a handler named ``probe``, which each test of the engine writes for itself."""

from __future__ import annotations

#: One call, whose result is the job's.
CALL = """
skript: one
do:
  - call: probe
    into: r
  - return: ${r}
"""


def fan(handler: str, parameter: str) -> str:
    """``input.n`` calls at once, each given its number; the job's result is theirs."""
    return f"""
skript: fan
input: {{type: object, properties: {{n: {{type: integer}}}}, required: [n]}}
do:
  - for: i
    in: range(input.n)
    parallel: true
    collect: all
    do:
      - call: {handler}
        with: {{{parameter}: "${{i}}"}}
        into: r
      - yield: r
  - return: ${{all}}
"""


FAN = fan("probe", "i")
