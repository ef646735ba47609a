"""The lints look into a machine, too."""

from __future__ import annotations

from runeskript.compiler.pipeline import Options, check_text
from runeskript.model.catalog import PlainHandler, StaticCatalog

CATALOG = StaticCatalog({"f": PlainHandler("f")})
TEXT = """\
machine: m
data: {type: object, properties: {n: {type: integer}, never: {type: string}}}
env: [SHOP]
functions: {'twice(n)': n * 2}
initial: a
states:
  a:
    exit:
      - call: f
        into: lost
  b:
    do:
      - while: data.n > 1
        do:
          - set: {x: 1}
      - log: "${x}"
        if: false
  z: {final: true}
transitions:
  - {from: a, event: go, to: b, guard: true}
  - {from: a, event: back, to: a, guard: len(data.items) < 0}
  - {from: b, event: done, to: z, do: [{set: {y: 1}}, {set: {data.y: "${y}"}}]}
  - {from: b, event: failed, to: z, do: [{log: x}]}
"""


def test_what_they_find() -> None:
    found = check_text(TEXT, "m.yaml", CATALOG, Options(lint=True))
    assert [(d.code, d.pointer) for d in found] == [
        ("RUNE-3112", "/env/0"),
        ("RUNE-3111", "/functions/twice(n)"),
        ("RUNE-3110", "/states/a/exit/0/into"),
        ("RUNE-3105", "/states/b/do/0/while"),
        ("RUNE-3011", "/states/b/do/1/log"),
        ("RUNE-3120", "/states/b/do/1/if"),
        ("RUNE-3120", "/transitions/0/guard"),
        ("RUNE-3121", "/transitions/1/guard"),
    ]
