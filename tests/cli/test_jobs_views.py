"""``rune jobs graph`` and ``variables`` as text: where a job stands, and what it has, at a glance."""

from __future__ import annotations

import textwrap
from pathlib import Path

from .conftest import Rune

URL = "sqlite:///jobs.db"
FAN = """
skript: fan
version: 4
do:
  - set: {n: 2}
  - for: i
    in: range(n)
    parallel: true
    collect: all
    do:
      - {id: answer, listen: go, into: got}
      - yield: got
  - return: "${all}"
"""
FAILS = """
skript: fails
do:
  - log: x
  - {id: broken, raise: {type: a.b, message: no}}
"""
DOOR = """
machine: door
initial: shut
states: {shut: {}, open: {final: true}}
transitions:
  - {from: shut, event: push, to: shut}
  - {from: shut, event: pull, to: open}
"""


def stored(rune: Rune, place: Path, text: str) -> str:
    """A job that has gone as far as it comes."""
    (place / "job.yaml").write_text(text)
    job = str(rune("submit", "job.yaml", "--store", URL).json["job"])
    assert rune("worker", "--store", URL, "--until-idle").code == 0
    return job


def said(rune: Rune, *words: str) -> str:
    done = rune("jobs", *words, "--store", URL, "--output", "text")
    assert done.code == 0, done.err
    return done.out


def lines(text: str) -> str:
    return textwrap.dedent(text).lstrip("\n")


def test_a_fork_that_waits(rune: Rune, tmp_path: Path) -> None:
    job = stored(rune, tmp_path, FAN)
    assert said(rune, "graph", job) == lines("""
        fan@4  Running
           set n
        >  for i in range(n), parallel            2 running
        >    answer: listen go                    2 waiting
             yield got
           return ${all}
    """)
    assert said(rune, "variables", job) == lines("""
        behind 1 of 1 events: job.started
          n = 2
          branch 1.0: waits at answer
            i = 0
          branch 1.1: waits at answer
            i = 1
    """)
    rune("jobs", "signal", "go", "--data", "7", "--store", URL)
    assert rune("worker", "--store", URL, "--until-idle").code == 0
    assert "branch 1.0" not in said(rune, "variables", job)
    assert "branch 1.0" in said(rune, "variables", job, "--at", "1")
    assert "behind 0 of " in said(rune, "variables", job, "--at", "0")
    beyond = rune("jobs", "variables", job, "--at", "99", "--store", URL)
    assert beyond.json["error"]["code"] == "RUNE-6030"
    assert "--at" in rune("jobs", "graph", job, "--at", "1", "--store", URL).err


def test_where_a_job_failed(rune: Rune, tmp_path: Path) -> None:
    job = stored(rune, tmp_path, FAILS)
    assert said(rune, "graph", job).splitlines()[-1].startswith("!  broken: raise")


def test_a_machine_and_a_bare_job(rune: Rune, tmp_path: Path) -> None:
    job = stored(rune, tmp_path, DOOR)
    rune("jobs", "send", job, "push", "--store", URL)
    assert said(rune, "graph", job) == lines("""
        door  Running  [shut]
        >  shut                                   2 done
             push -> shut                         1 taken
             pull -> open
           open (final)
    """)
    bare = str(rune("submit", "--data", '{"a": "b"}', "--store", URL).json["job"])
    assert said(rune, "graph", bare).startswith("bare  Pending\n>  Pending")
    assert 'data = {"a": "b"}' in said(rune, "variables", bare)
