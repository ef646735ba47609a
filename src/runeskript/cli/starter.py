"""The files ``rune init`` writes."""

from __future__ import annotations

from typing import Final

_SKRIPT: Final = """\
# rune run greet.yaml --input name=Sif
# rune check greet.yaml
skript: greet
input:
  type: object
  properties: {name: {type: string, maxLength: 80}}
vars:
  name: ${get(input, 'name', 'world')}
do:
  - id: compose
    call: greetings.compose
    with: {name: "${name}"}
    into: greeting
    retry: {max: 3, backoff: 100ms..2s}
    timeout: 5s
  - return: {text: "${greeting.text}", language: "${greeting.language}"}
"""

_HANDLERS: Final = '''\
"""The handlers of this project: what skripts can `call`."""

from dataclasses import dataclass

from runeskript import handler

WORDS = {"en": "Hello", "is": "Halló", "no": "Hei"}


@dataclass
class Compose:
    """The parameters: `rune check` holds every call against them."""

    name: str
    language: str = "is"


@handler("greetings.compose", pure=True)
async def compose(params: Compose, ctx):
    """Greet somebody."""
    word = WORDS.get(params.language, WORDS["en"])
    return {"text": f"{word}, {params.name}!", "language": params.language}
'''

_TEST: Final = '''\
"""python -m pytest test_greet.py"""

from pathlib import Path

import runeskript

HERE = Path(__file__).parent


def test_greet():
    job = runeskript.run(
        str(HERE / "greet.yaml"), input={"name": "Sif"}, handlers=[str(HERE / "handlers.py")]
    )
    assert job.status == "Completed"
    assert job.output == {"text": "Halló, Sif!", "language": "is"}
'''

PYPROJECT_TABLE: Final = """\
[tool.runeskript]
handlers = ["handlers.py"]
"""

PYPROJECT: Final = f"""\
[project]
name = "my-skripts"
version = "0.1.0"
requires-python = ">=3.11"
dependencies = ["runeskript"]

# `rune` imports these when it is called in this folder or below it.
{PYPROJECT_TABLE}"""

#: name -> text; pyproject.toml is written only where there is none.
FILES: Final[dict[str, str]] = {
    "greet.yaml": _SKRIPT,
    "handlers.py": _HANDLERS,
    "test_greet.py": _TEST,
}
