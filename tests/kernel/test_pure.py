"""The kernel reaches nothing but its arguments: no clock, no randomness, no IO, no asyncio."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import runeskript
from runeskript.model.blueprint_codec import encode
from support import compile_yaml

CHILD = Path(__file__).with_name("pure_child.py")
SOURCES = str(Path(runeskript.__file__).parents[1])
#: Isolated, but with the package under test.
START = (
    "import runpy, sys; sys.path.insert(0, sys.argv[2]); "
    "runpy.run_path(sys.argv[1], run_name='__main__')"
)

#: Every opcode, entropy and the clock of the language.
PROGRAM = """
skript: everything
vars: {n: 0, log: {init: [], reduce: append}}
functions:
  twice(x): x + x
do:
  - set: {id: "${uuid()}", r: "${random()}", at: "${now()}"}
  - while: n < 500
    do:
      - set: {n: "${n + 1}"}
  - call: flaky
    with: {n: "${twice(n)}", id: "${uuid()}"}
    retry: {max: 3, backoff: 1s..2s}
    timeout: 5s
    into: first
    undo: {call: undo, with: {n: "${first.n}"}}
  - for: i
    in: range(4)
    parallel: 2
    collect: all
    do:
      - call: echo
        with: {i: "${i}"}
        into: e
      - set: {log: "${i}"}
      - yield: e.i * 2
  - parallel:
      a:
        - wait: 10ms
        - yield: "'late'"
      b:
        - listen: news
          where: event.data.n == 7
          schema: {type: object, properties: {n: {type: integer}}}
          timeout: 1h
          into: news
        - yield: "'news'"
    join: any
    into: winner
  - emit: done
    with: {n: "${n}"}
  - log: "n is ${n}"
  - run: child
    with: {n: "${n}"}
    into: child
  - try:
      - timeout: 1h
        do:
          - call: book
            undo: {call: undo, with: {n: 1}}
          - call: bad
    catch:
      - when: error.type == 'boom'
        do:
          - try:
              - raise: {type: again, compensate: true}
            catch:
              - do:
                  - set: {caught: "${error.type}"}
    finally:
      - log: finally
  - return:
      n: "${n}"
      first: "${first.n}"
      all: "${all}"
      log: "${log}"
      winner: "${winner}"
      child: "${child.n}"
      entropy: "${[len(id), r >= 0 and r < 1, first.id != id]}"
      now: "${startswith(at, '2023-11-14T')}"
"""


def outcome_of(text: str) -> dict[str, object]:
    blueprint = compile_yaml(text, "flaky", "undo", "echo", "book", "bad").blueprint
    child = subprocess.run(
        [sys.executable, "-I", "-c", START, str(CHILD), SOURCES],
        input=encode(blueprint),
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert child.returncode == 0, child.stderr.decode()
    return dict(json.loads(child.stdout))


def test_a_whole_program_runs_with_the_world_out_of_reach() -> None:
    outcome = outcome_of(PROGRAM)
    assert outcome["error"] is None
    assert outcome["output"] == {
        "n": 500,
        "first": 1000,
        "all": [0, 2, 4, 6],
        "log": [0, 1, 2, 3],
        "winner": "news",
        "child": 500,
        "entropy": [36, True, True],
        "now": True,
    }
    assert outcome["replayed"] is True
    assert {
        "CallOut",
        "ChildOut",
        "ListenDrop",
        "ListenSet",
        "LogOut",
        "MessageOut",
        "TimerDrop",
        "TimerSet",
    } <= set(outcome["effects"])  # type: ignore[call-overload]


def test_the_kernel_imports_nothing_of_the_world() -> None:
    """Loading it brings in neither asyncio nor sockets nor a random generator."""
    assert outcome_of("skript: x\ndo:\n  - return: 1\n")["imported"] == []


def test_the_lock_holds() -> None:
    """The guard of this test itself: each thing that is out of reach raises there."""
    script = (
        "import runpy, sys; sys.path.insert(0, sys.argv[2])\n"
        "child = runpy.run_path(sys.argv[1], run_name='x'); child['lock']()\n"
        "import time, random, os, socket, asyncio\n"
        "held = 0\n"
        "for reach in (time.time, time.monotonic, random.random, lambda: os.urandom(1),\n"
        "              lambda: open('x'), socket.socket, lambda: asyncio.run(None),\n"
        "              lambda: __import__('wave'), lambda: os.scandir('.')):\n"
        "    try:\n"
        "        reach()\n"
        "    except child['Forbidden']:\n"
        "        held += 1\n"
        "assert held == 9, held\n"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", script, str(CHILD), SOURCES],
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr.decode()
