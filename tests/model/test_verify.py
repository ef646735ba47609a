"""The verifier, rule by rule: one broken Blueprint each, and what is said of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from blueprints import (
    COUNT,
    ERROR,
    EXPRS,
    INPUT,
    SCAN,
    TOTAL,
    sample,
    sample_machine,
    with_body,
    with_code,
)
from runeskript.expr.ir_check import check_ir
from runeskript.expr.schema import check_schema
from runeskript.model.blueprint import (
    Blueprint,
    Body,
    Debug,
    ExceptionRow,
    FunctionRow,
    HandlerRef,
    ListenRef,
    Policy,
    SkriptRef,
    StateRow,
    TransitionRow,
)
from runeskript.model.isa import ROWS, Op
from runeskript.model.limits import FORK_DEPTH
from runeskript.model.verify import MAX_PROBLEMS, verify
from runeskript.model.verify.regions import REGION_DEPTH


def problems(bp: Blueprint) -> list[str]:
    return [str(problem) for problem in verify(bp, check_ir, check_schema)]


Change = Callable[[Blueprint], Blueprint]


def test_the_sample_is_well_formed_and_has_every_opcode() -> None:
    assert problems(sample()) == []
    assert verify(sample()) == []
    assert problems(sample_machine()) == []
    code = (*sample().code, *sample_machine().code)
    assert {instruction[0] for instruction in code} == {row.op for row in ROWS}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda bp: replace(bp, machine=None), "there is no machine"),
        (lambda bp: with_code(bp, 1, Op.AWAIT, 2, 1, 2, 3), "2 is not among the 2"),
        (lambda bp: with_code(bp, 7, Op.MOVE, 1, 1, None), "1 is not among the 1"),
        (lambda bp: with_code(bp, 7, Op.MOVE, 5, None, None), "5 is not among the 2"),
        (lambda bp: with_code(bp, 12, Op.FAIL, 4, 0), ""),
        (lambda bp: with_code(bp, 10, Op.REFUSE, 3), "slot 3"),
        (lambda bp: table(bp, initial=2), "the initial state is none"),
        (lambda bp: table(bp, transitions=(TransitionRow(0, "a", 2, None),)), "to no state"),
        (lambda bp: table(bp, transitions=(TransitionRow(0, "", 1, None),)), "a name has"),
        (lambda bp: table(bp, states=(StateRow("a", False, None),) * 2), "one name"),
    ],
)
def test_what_is_wrong_with_a_machine(change: Change, said: str) -> None:
    found = problems(change(sample_machine()))
    assert any(said in problem for problem in found) == bool(said), found


def table(bp: Blueprint, **changes: Any) -> Blueprint:
    assert bp.machine is not None
    return replace(bp, machine=replace(bp.machine, **changes))


def code(address: int, *instruction: Any) -> Change:
    return lambda bp: with_code(bp, address, *instruction)


def body(index: int, **changes: Any) -> Change:
    return lambda bp: with_body(bp, index, **changes)


def other(**changes: Any) -> Change:
    return lambda bp: replace(bp, **changes)


def rows(*exceptions: ExceptionRow) -> Change:
    return other(exceptions=exceptions)


def region(*statements: Any) -> Change:
    return lambda bp: replace(bp, regions=(statements, *bp.regions[1:]))


def expr(index: int, ir: Any) -> Change:
    return lambda bp: replace(bp, exprs=(*bp.exprs[:index], ir, *bp.exprs[index + 1 :]))


def row(
    start: int, end: int, handler: int, depth: int = 1, kind: Any = "catch", slot: int = ERROR
) -> ExceptionRow:
    return ExceptionRow(start, end, handler, kind, depth, slot)


SECOND = row(20, 21, 23, kind="finally")

SIZES: list[tuple[Change, str]] = [
    (other(code=(), sites=()), "the code is empty"),
    (other(bodies=()), "there is no body 0"),
    (other(sites=(0,)), "1 sites for 45 instructions"),
    (other(steps=("only",)), "site 1: 1 is no step"),
    (other(debug=Debug(spans=sample().debug.spans[:3])), "debug: 3 spans where 45 belong"),
    (other(debug=Debug(step_spans=sample().debug.spans)), "45 step_spans where 9 belong"),
    (other(debug=Debug(slot_names=((),))), "debug: 1 slot_names where 8 belong"),
    (
        other(debug=Debug(slot_names=(("a",) * 9, *[()] * 7))),
        "debug: body 0 has more names than slots",
    ),
]
BODIES: list[tuple[Change, str]] = [
    (body(5, end=46), "body 5: the range [35, 46) is not in the code"),
    (body(5, entry=41), "body 5: the range [41, 41) is not in the code"),
    (body(0, slots=10**7), "body 0: 10000000 slots"),
    (body(0, parent=1), "body 0: body 0 and no other has no parent"),
    (body(1, parent=None), "body 1: body 0 and no other has no parent"),
    (body(1, parent=8), "body 1: its parent 8 is no body"),
    (body(4, parent=5, captures=()), "body"),
    (body(1, captures=((8, 3),)), "body 1: the capture 8 -> 3 is out of a frame"),
    (body(1, captures=((0, 5),)), "body 1: the capture 0 -> 5 is out of a frame"),
    (body(1, outs=((5, 0, ""),)), "body 1: the out 5 -> 0 is out of a frame"),
    (body(1, outs=((0, 8, ""),)), "body 1: the out 0 -> 8 is out of a frame"),
    (body(1, outs=((0, 0, "mean"),)), "body 1: 'mean' is no reducer"),
    (body(1, result=5), "body 1: its item, index or result is out of the frame"),
    (body(1, item=9), "body 1: its item, index or result is out of the frame"),
    (body(0, captures=((0, 0),)), "body 0: it has neither captures nor outs"),
    (body(0, item=1), "body 0: it has neither captures nor outs"),
    (body(5, entry=34), "address 34: it belongs to two bodies"),
    (body(5, entry=36), "address 35: it belongs to no body"),
    (body(0, entry=1), "address 0: it belongs to no body"),
    (body(5, end=36), "address 36: it belongs to no body"),
    (
        lambda bp: with_body(with_body(bp, 2, parent=5, outs=()), 5, parent=2),
        ": it is its own ancestor",
    ),
    (body(2, parent=2, outs=()), "body 2: it is its own ancestor"),
]
CODE: list[tuple[Change, str]] = [
    (code(1, 99), "address 1: 99 is no opcode"),
    (code(1, "LOG"), "address 1: 'LOG' is no opcode"),
    (code(1), "address 1: None is no opcode"),
    (code(1, Op.LOG, 0), "address 1 (LOG): 1 operands where 2 belong"),
    (code(1, Op.LOG, 17, "info"), "address 1 (LOG): text 17 is not among the 17 there are"),
    (code(1, Op.LOG, None, "info"), "address 1 (LOG): text None is not among"),
    (code(1, Op.LOG, True, "info"), "address 1 (LOG): text True is not among"),
    (code(1, Op.LOG, 0, "loud"), "level 'loud' is none of debug, info, warning, error"),
    (code(3, Op.JUMP, 26), "address 3 (JUMP): to 26 is no address of its body"),
    (code(3, Op.JUMP, -1), "address 3 (JUMP): to -1 is no address of its body"),
    (code(27, Op.PURE, 3, (1,)), "address 27 (PURE): exits 1 is no address of its body"),
    (code(0, Op.PURE, 9, (1, 2)), "region 9 is not among the 5 there are"),
    (code(0, Op.PURE, 0, ()), "region 0: exit 0 has no address in some user"),
    (code(0, Op.PURE, 0, 1), "address 0 (PURE): exits must name at least one"),
    (code(5, Op.JOIN, 8, "list"), "address 5 (JOIN): into 8 is no slot of the frame"),
    (code(4, Op.FORKN, 0, 1, 2, 0), "address 4 (FORKN): body 0 is no child of body 0"),
    (code(4, Op.FORKN, 5, 1, 2, 0), "address 4 (FORKN): body 5 is no child of body 0"),
    (code(4, Op.FORKN, 1, 1, 2, -1), "address 4 (FORKN): need -1 is no count"),
    (code(6, Op.FORK, (2, 9), 1), "address 6 (FORK): bodies 9 is no child of body 0"),
    (code(6, Op.FORK, (2, 3), 3), "address 6 (FORK): it needs 3 of 2 branches"),
    (code(20, Op.CALL, 3, 12, None, None, 4, False), "handler 3 is not among the 3 there are"),
    (code(20, Op.CALL, 1, 12, None, 2, 4, False), "policy 2 is not among the 2 there are"),
    (code(20, Op.CALL, 1, 12, None, None, 5, False), "undo 5 is no child of body 0"),
    (code(10, Op.WAIT, 4, "delay", 1, 5), "listen 1 is not among the 1 there are"),
    (code(10, Op.WAIT, None, "delay", None, 5), "address 10 (WAIT): it waits for nothing"),
    (code(9, Op.RUN, 1, 3, 5, 1, None, False), "skript 1 is not among the 1 there are"),
    (code(9, Op.RUN, 0, 3, 5, 1, None, 0), "detach 0 is no bool"),
    (code(5, Op.JUMP, 6), "address 4 (FORKN): a JOIN must follow"),
    (code(4, Op.JUMP, 6), "address 5 (JOIN): a FORK, FORKN, FORKCALL or FORKPURE must come before"),
    (code(5, Op.JOIN, 3, "none"), "it has a slot and nothing to put there"),
    (code(5, Op.JOIN, 3, "object"), "elements have no names to make an object of"),
    (
        lambda bp: with_body(with_code(bp, 7, Op.JOIN, 7, "object"), 3, name="left"),
        "address 6 (FORK): branches of one name make no object",
    ),
    (code(4, Op.FORKCALL, 1, 1, 2, 0), ""),
    (code(27, Op.PURE, 3, (28,)), ""),
    (
        lambda bp: with_code(with_code(bp, 4, Op.FORKCALL, 1, 1, 2, 0), 27, Op.PURE, 3, (27,)),
        "address 4 (FORKCALL): its body goes anywhere but to its end",
    ),
    (
        lambda bp: with_code(with_code(bp, 4, Op.FORKCALL, 1, 1, 2, 0), 27, Op.LOG, 0, "info"),
        "address 4 (FORKCALL): its body is no single call",
    ),
    (code(41, Op.LOG, 5, "info"), "address 36 (FORKCALL): its body is no single call"),
    (code(42, Op.CALL, 2, None, 0, None, None, False), "its body is no single call"),
    (code(37, Op.ARRIVE), "address 36 (FORKCALL): a JOIN must follow"),
    (code(37, Op.JOIN, None, "object"), "elements have no names to make an object of"),
    (code(36, Op.FORKCALL, 5, 16, 2, 0), "address 36 (FORKCALL): body 5 is no child of body 5"),
    (code(38, Op.FORKPURE, (7, 7), 16, 2, 0), "address 38 (FORKPURE): elements are for one body"),
    (code(38, Op.FORKPURE, (7,), None, 2, 0), "address 38 (FORKPURE): a limit without elements"),
    (code(38, Op.FORKPURE, (7,), None, None, 2), "(FORKPURE): it needs 2 of 1 branches"),
    (
        code(38, Op.FORKPURE, (5,), 16, 2, 0),
        "address 38 (FORKPURE): bodies 5 is no child of body 5",
    ),
    (code(39, Op.ARRIVE), "address 38 (FORKPURE): a JOIN must follow"),
    (code(39, Op.JOIN, None, "object"), "elements have no names to make an object of"),
    (code(43, Op.LOG, 5, "info"), "address 43 (LOG): it does more than compute, in a branch of"),
    (
        lambda bp: with_code(
            with_code(bp, 38, Op.FORKPURE, (7,), None, None, 0), 39, Op.JOIN, None, "object"
        ),
        "",
    ),
    (code(38, Op.FORKPURE, (6,), 16, 2, 0), "address 41 (CALL): it does more than compute"),
    (code(43, Op.ENTER, "try", 15), "address 43 (ENTER): it does more than compute"),
    (code(25, Op.ARRIVE), "address 25 (ARRIVE): body 0 ends with RETURN"),
    (code(28, Op.RETURN, None), "address 28 (RETURN): only body 0 returns"),
    (code(13, Op.COMPENSATE, 9), "address 13 (COMPENSATE): error 9 is no slot of the frame"),
]
POOLS: list[tuple[Change, str]] = [
    (other(roots=(("input", 0), ("input", 1))), "roots: each of input, env, job at most once"),
    (other(roots=(("secrets", 0),)), "roots: each of input, env, job at most once"),
    (other(roots=(("input", 8),)), "roots: a slot is out of the frame of body 0"),
    (other(policies=(Policy(0), Policy())), "policy 0: 0 attempts"),
    (other(policies=(Policy(10**6), Policy())), "policy 0: 1000000 attempts"),
    (
        other(policies=(Policy(backoff_ms=9, backoff_max_ms=8), Policy())),
        "policy 0: 9..8 ms is no range of waits",
    ),
    (other(policies=(Policy(timeout=17), Policy())), "policy 0: its timeout is no expression"),
    (other(listens=(ListenRef(17, None, None, None),)), "listen 0: its topic, key or where"),
    (other(listens=(ListenRef(5, None, 17, None),)), "listen 0: its topic, key or where"),
    (other(skripts=(SkriptRef("", None, None),)), "skript 0: '' is no name of a skript"),
    (
        other(handlers=(HandlerRef("", True, True), *sample().handlers[1:])),
        "handler 0: '' is no name of a handler",
    ),
    (expr(2, ()), "expr 2: not an expression"),
    (expr(2, (("const", 1),)), "expr 2: not an expression"),
    (other(functions=(FunctionRow("f", 256, ("const", 1)),)), "function 0: 256 parameters"),
    (other(functions=(FunctionRow("f", 0, (1,)),)), "function 0: not an expression"),
]
SET = ("set", 0, TOTAL, ("const", 1))
REGIONS: list[tuple[Change, str]] = [
    (region(), "region 0: a path ends without an exit"),
    (region(SET), "region 0: a path ends without an exit"),
    (region(("exit", 0), SET), "region 0: a path ends without an exit"),
    (region(("if", 0, ("const", 1), (("exit", 0),), ())), "a path ends without an exit"),
    (region(("if", 0, ("const", 1), (("exit", 0),), (SET,))), "a path ends without an exit"),
    (region(("if", 0, ("const", 1), (SET,), ()), SET), "a path ends without an exit"),
    (region(("exit", 2)), "region 0: exit 2 has no address in some user"),
    (region(("exit", -1)), "region 0: exit -1 has no address in some user"),
    (region(("halt",), ("exit", 0)), "region 0: ('halt', ...) is no statement"),
    (region(("set", 0, TOTAL), ("exit", 0)), "region 0: ('set', ...) is no statement"),
    (region(("set", 9, TOTAL, ("const", 1)), ("exit", 0)), "region 0: 9 is no step"),
    (region(("set", 0, 8, ("const", 1)), ("exit", 0)), "slot 8 is not in the frame"),
    (region(("unset", 0, -1), ("exit", 0)), "slot -1 is not in the frame"),
    (region(("path", 0, TOTAL, (), ("const", 1)), ("exit", 0)), "a path without keys"),
    (region(("path", 0, TOTAL, (3,), ("const", 1)), ("exit", 0)), "3 is no expression"),
    (region(("set", 0, TOTAL, 3), ("exit", 0)), "3 is no expression"),
    (region(("if", 0, ("const", 1), "exit", ()), ("exit", 0)), "a block is no list"),
    (code(27, Op.PURE, 0, (28, 28)), "region 0: slot 6 is not in the frame of every user"),
]
FLOW: list[tuple[Change, str]] = [
    (code(25, Op.LOG, 0, "info"), "address 25 (LOG): control runs out of body 0"),
    (code(28, Op.LOG, 2, "info"), "address 28 (LOG): control runs out of body 1"),
    (code(3, Op.JUMP, 5), "address 3 (JUMP): control reaches the JOIN at 5 without a fork"),
    (rows(row(9, 9, 13), SECOND), "exception row 0: the range [9, 9) is not in the code"),
    (rows(row(9, 46, 13), SECOND), "exception row 0: the range [9, 46) is not in the code"),
    (rows(row(20, 27, 23), SECOND), "exception row 0: the range [20, 27) leaves body 0"),
    (rows(row(9, 11, 28), SECOND), "exception row 0: the handler 28 is not in body 0"),
    (rows(row(41, 42, 42, 0, slot=0), SECOND), "body 6 is that of a FORKCALL"),
    (rows(row(9, 14, 13), SECOND), "the handler 13 lies in the range it handles"),
    (rows(row(9, 11, 5), SECOND), "exception row 0: the handler 5 is a JOIN"),
    (rows(row(9, 11, 13, slot=8), SECOND), "exception row 0: 8 is no slot of the frame"),
    (
        rows(row(9, 11, 13), row(10, 12, 13), SECOND),
        "exception row 1: it overlaps row 0 without nesting",
    ),
    (
        rows(row(9, 12, 13), row(10, 11, 13), SECOND),
        "exception row 1: it lies in row 0 and comes after it",
    ),
    (
        rows(row(10, 11, 13, 0), row(9, 12, 13), SECOND),
        "exception row 0: it keeps fewer scopes than row 1 around it",
    ),
    (rows(row(8, 11, 13), SECOND), "address 8 (ENTER): 0 scopes where row 0 keeps 1"),
    (rows(row(9, 11, 13, 2), SECOND), "address 9 (RUN): 1 scopes where row 0 keeps 2"),
    (rows(row(9, 11, 13, 0), SECOND), "address 13 (COMPENSATE): there is no scope"),
    # A token may end at any depth, so a missing LEAVE shows only where paths meet.
    (code(11, Op.LOG, 0, "info"), ""),
    (code(14, Op.LOG, 0, "info"), ""),
    (code(3, Op.ENTER, "block", None), "address 4 (FORKN): reached with"),
    (code(1, Op.ENTER, "block", None), "address 2 (LOOP): reached with"),
    (code(1, Op.LEAVE), "address 1 (LEAVE): there is no scope"),
    (code(3, Op.JUMP, 1), ""),
    (code(1, Op.JUMP, 1), "address 1 (JUMP): control comes back here without a LOOP"),
    (code(2, Op.PURE, 1, (3, 4)), "control comes back here without a LOOP"),
    (code(12, Op.JUMP, 8), "control comes back here without a LOOP"),
    (code(14, Op.JUMP, 9), "control comes back here without a LOOP"),
    (
        lambda bp: with_code(region(("loop", 0, (("exit", 0),)))(bp), 2, Op.LOOP, 0, (3, 4)),
        "address 2 (LOOP): the region of a LOOP holds a loop",
    ),
]
HEADER: list[tuple[Change, str]] = [
    (other(name=""), "header: '' is no name of a skript"),
    (other(name="a\x1b[2J"), "header: 'a\\x1b[2J' is no name of a skript"),
    (other(name="a@3"), "header: 'a@3' is no name of a skript"),
    (other(name="a" * 200), "is no name of a skript"),
    (other(version=0), "header: 0 is no version"),
    (other(version=2**63), f"header: {2**63} is no version"),
    (other(ast_hash="AB" * 32), "header: the hash of the AST is no SHA-256"),
    (other(env=("A", "A")), "header: env: each name once"),
    (other(env=("A\n",)), "header: env: each name once"),
    (other(steps=("x" * 200_000, *sample().steps[1:])), "step 0: a name of 200,000 characters"),
    (body(1, name="x" * 200_000), "body 1: a name of 200,000 characters"),
    (other(skripts=(SkriptRef("a@b", None, None),)), "skript 0: 'a@b' is no name of a skript"),
    (other(skripts=(SkriptRef("a", None, "x"),)), "skript 0: its digest is no SHA-256"),
    (other(skripts=(SkriptRef("a", 0, None),)), "skript 0: 0 is no version"),
    (other(skripts=(SkriptRef("", None, "cd" * 32),)), ""),
    (
        other(policies=(*sample().policies, Policy(queue="\n"))),
        "policy 2: '\\n' is no name of a queue",
    ),
]
PUSH = ("set", 0, COUNT, ("push", ("slot", COUNT), ("const", 1)))
SLOTS: list[tuple[Change, str]] = [
    (region(PUSH, ("exit", 0)), ""),
    (region(("set", 0, TOTAL, PUSH[3]), ("exit", 0)), "region 0: a list is appended to in another"),
    (region(("path", 0, COUNT, (EXPRS[2],), PUSH[3]), ("exit", 0)), "region 0: a list is appended"),
    (region(("set", 0, COUNT, ("list", (PUSH[3],))), ("exit", 0)), "region 0: a list is appended"),
    (expr(3, PUSH[3]), "expr 3: a list is appended to by a statement"),
    (
        region(("set", 0, COUNT, ("push", ("slot", COUNT), PUSH[3])), ("exit", 0)),
        "region 0: a list is appended",
    ),
    (
        lambda bp: with_code(region(PUSH, ("exit", 0))(bp), 5, Op.JOIN, COUNT, "list"),
        "body 0: slot 6 holds a list of its own and is written by an instruction",
    ),
    (
        lambda bp: with_body(region(PUSH, ("exit", 0))(bp), 1, captures=((COUNT, 3),)),
        "body 0: slot 6 holds a list of its own and is captured",
    ),
    (
        lambda bp: with_body(region(PUSH, ("exit", 0))(bp), 1, outs=((2, COUNT, ""),)),
        "body 0: slot 6 holds a list of its own and is written by a join",
    ),
    (
        lambda bp: replace(region(PUSH, ("exit", 0))(bp), roots=(("input", COUNT),)),
        "body 0: slot 6 holds a list of its own and is filled at the start",
    ),
    (code(17, Op.RERAISE, TOTAL), "body 0: slot 2 of body 0 is read as an error"),
    (code(13, Op.COMPENSATE, TOTAL), "body 0: slot 2 of body 0 is read as an error"),
    (
        region(("set", 0, ERROR, ("const", {"type": "cancel"})), ("exit", 0)),
        "region 0: it writes slot 4, which is for errors",
    ),
    (
        region(("if", 0, EXPRS[2], (("unset", 0, ERROR),), ()), ("exit", 0)),
        "region 0: it writes slot 4, which is for errors",
    ),
    (code(5, Op.JOIN, ERROR, "list"), "body 0: slot 4 is for errors and is written by an instr"),
    (body(1, captures=((ERROR, 3),)), ""),
]
EXPRESSIONS: list[tuple[Change, str]] = [
    (expr(2, ("slot", 8)), "expr 2: a slot outside the frame"),
    (expr(13, ("slot", 5)), "expr 13: a slot outside the frame"),
    (expr(7, ("local", 1)), "expr 7: a local that is not bound here"),
    (expr(6, ("local", 0)), "expr 6: a local that is not bound here"),
    (expr(0, EXPRS[12]), "expr 0: a secret may stand only inside parameters"),
    (code(20, Op.CALL, 1, None, None, None, 4, False), ""),
    (code(1, Op.LOG, 12, "info"), "expr 12: a secret may stand only inside parameters"),
    (code(18, Op.EMIT, 9, 10, None, 12, 11), "expr 12: a secret may stand only inside parameters"),
    (
        code(9, Op.RUN, 0, 12, SCAN, 1, None, False),
        "expr 12: a secret may stand only inside parameters",
    ),
    (
        region(("set", 0, INPUT, ("secret", "X")), ("exit", 0)),
        "region 0: a secret may stand only inside parameters",
    ),
    (region(("set", 0, INPUT, ("slot", 8)), ("exit", 0)), "region 0: a slot outside the frame"),
    (expr(2, ("ucall", 1, ())), "expr 2: a user function outside the table"),
    (
        other(functions=(FunctionRow("net", 2, ("local", 2)),)),
        "function 0: a local that is not bound here",
    ),
    (
        other(functions=(FunctionRow("net", 2, ("slot", 0)),)),
        "function 0: a slot outside the frame",
    ),
    (other(functions=(FunctionRow("net", 1, ("local", 0)),)), "function 0 takes 1 arguments"),
    (other(input_schema={"typ": "object"}), "input: schema at"),
    (other(listens=(ListenRef(5, 6, 7, 3),)), "listen 0: schema at /"),
]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        pytest.param(change, expected, id=f"{group}-{i}")
        for group, cases in {
            "sizes": SIZES,
            "bodies": BODIES,
            "code": CODE,
            "pools": POOLS,
            "regions": REGIONS,
            "flow": FLOW,
            "header": HEADER,
            "slots": SLOTS,
            "expressions": EXPRESSIONS,
        }.items()
        for i, (change, expected) in enumerate(cases)
    ],
)
def test_rule(change: Change, expected: str) -> None:
    found = problems(change(sample()))
    if expected:
        assert any(expected in problem for problem in found), found
    else:
        assert found == []


# --- depth and size ---------------------------------------------------------------------------


def forks(depth: int) -> Blueprint:
    """A document whose only content is forks within forks."""
    instructions: list[tuple[Any, ...]] = []
    bodies: list[Body] = []
    for i in range(depth + 1):
        entry = len(instructions)
        if i < depth:
            instructions += [(Op.FORK, (i + 1,), 0), (Op.JOIN, None, "none")]
        instructions.append((Op.RETURN, None) if i == 0 else (Op.ARRIVE,))
        bodies.append(Body(f"b{i}", entry, len(instructions), i - 1 if i else None, 0))
    return replace(
        sample(),
        code=tuple(instructions),
        sites=(0,) * len(instructions),
        bodies=tuple(bodies),
        roots=(),
        exceptions=(),
        debug=Debug(),
    )


def test_forks_nest_to_the_bound() -> None:
    assert verify(forks(FORK_DEPTH)) == []
    assert any("forks nest 65 deep" in p for p in problems(forks(FORK_DEPTH + 1)))
    assert any("bodies nest" in p for p in problems(forks(5_000)))


def nested_ifs(depth: int) -> tuple[Any, ...]:
    block: tuple[Any, ...] = (("exit", 0),)
    for _ in range(depth):
        block = (("if", 0, ("const", True), (("exit", 1),), block),)
    return block


def test_ifs_nest_to_the_bound() -> None:
    bp = sample()
    deepest = replace(bp, regions=(nested_ifs(REGION_DEPTH), *bp.regions[1:]))
    assert verify(deepest, check_ir) == []
    deeper = replace(bp, regions=(nested_ifs(50_000), *bp.regions[1:]))
    assert problems(deeper) == ["region 0: it nests deeper than 200 levels"]


def long_code(count: int, exceptions: tuple[ExceptionRow, ...] = ()) -> Blueprint:
    """Straight on through ``count`` scopes."""
    instructions = [(Op.ENTER, "try", None)] * count + [(Op.RETURN, None)]
    return replace(
        sample(),
        code=tuple(instructions),
        sites=(0,) * len(instructions),
        bodies=(Body("long", 0, len(instructions), None, 1),),
        roots=(),
        exceptions=exceptions,
        debug=Debug(),
    )


def test_nested_rows_are_no_harder_than_many() -> None:
    """Quadratic work would take minutes here: every row covers half of the code."""
    count = 40_000
    around = tuple(
        ExceptionRow(i + 1, count, count, "catch", i + 1, 0) for i in range(count // 2, 0, -1)
    )
    found = problems(long_code(count, around))
    assert found
    assert all("scopes" in p for p in found)


def test_the_list_of_problems_is_bounded() -> None:
    bp = sample()
    broken = replace(bp, code=((77,),) * len(bp.code))
    assert len(verify(broken)) == 45
    many = long_code(5_000)
    found = verify(replace(many, code=((77,),) * len(many.code)))
    assert len(found) == MAX_PROBLEMS
