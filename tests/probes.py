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
#: ``input.n`` calls at once, each given its number; the job's result is theirs.
FAN = """
skript: fan
input: {type: object, properties: {n: {type: integer}}, required: [n]}
do:
  - for: i
    in: range(input.n)
    parallel: true
    collect: all
    do:
      - call: probe
        with: {i: "${i}"}
        into: r
      - yield: r
  - return: ${all}
"""
