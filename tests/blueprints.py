"""A Blueprint assembled by hand that has every opcode, and tools to take Blueprints apart."""

from __future__ import annotations

import hashlib
import struct
from dataclasses import replace
from random import Random
from typing import Any

from runeskript.model import versions
from runeskript.model.blueprint import (
    Blueprint,
    Body,
    Debug,
    ExceptionRow,
    FunctionRow,
    HandlerRef,
    ListenRef,
    MachineTable,
    Policy,
    SkriptRef,
    StateRow,
    TransitionRow,
)
from runeskript.model.blueprint_codec import MAX_DEPTH, encode
from runeskript.model.codec import decode as decode_value
from runeskript.model.codec import encode as encode_value
from runeskript.model.isa import Op
from runeskript.model.spans import Span
from runeskript.model.values import copy_value

SOURCE = """\
skript: everything
env: [PRICING]
do:
  - set: {total: 0.0}
  - if: input.vip
    then: [{log: "hello ${input.name}"}]
  - {for: i, in: range(3), do: []}
  - {for: item, in: input.items, parallel: 8, collect: prices, do: [...]}
  - {parallel: {left: [...], right: [...]}, join: any, into: receipt}
  - try: [{run: audit@2}, {listen: parcel.scanned, key: job, timeout: 3d, into: scan}]
    catch: [{when: error.type == 'timeout', do: [{raise: {type: late, compensate: true}}]}]
  - {emit: done, key: total, keep: 1h}
  - {call: ledger.add, undo: {call: ledger.remove}}
  - return: {total: "${total}"}
"""

INPUT, ENV, TOTAL, PRICES, ERROR, SCAN, COUNT, RECEIPT = range(8)


def const(value: Any) -> tuple[Any, ...]:
    return ("const", value)


def slot(i: int) -> tuple[Any, ...]:
    return ("slot", i)


def item(e: tuple[Any, ...], key: str) -> tuple[Any, ...]:
    return ("item", e, const(key))


EXPRS = (
    ("text", (const("hello "), item(slot(INPUT), "name"))),  # 0
    ("aslist", item(slot(INPUT), "items")),  # 1
    const(8),  # 2
    ("object", ((const("total"), slot(TOTAL)),)),  # 3
    ("duration", const("3d")),  # 4
    const("parcel.scanned"),  # 5
    item(slot(INPUT), "job"),  # 6
    ("compare", item(item(("local", 0), "data"), "weight"), ((">", const(0)),)),  # 7: where
    ("object", ((const("type"), const("late")), (const("compensate"), const(True)))),  # 8
    const("done"),  # 9
    slot(TOTAL),  # 10
    const(3_600_000),  # 11
    ("object", ((const("note"), ("text", (const("key "), ("secret", "LEDGER")))),)),  # 12: with
    # In body 1: 0 item, 1 index, 2 yield, 3 env, 4 p.
    (
        "object",
        ((const("url"), ("text", (item(slot(3), "PRICING"), const("/"), item(slot(0), "sku")))),),
    ),  # 13
    ("instant", const("2030-01-01T00:00:00Z")),  # 14
    const(30_000),  # 15: a timeout
    ("aslist", const(["north", "south"])),  # 16
)
REGIONS = (
    (
        ("set", 0, TOTAL, const(0.0)),
        ("set", 2, COUNT, const(0)),
        ("if", 1, item(slot(INPUT), "vip"), (("exit", 0),), (("exit", 1),)),
    ),
    (
        (
            "if",
            2,
            ("compare", slot(COUNT), (("<", const(3)),)),
            (("set", 2, COUNT, ("add", slot(COUNT), const(1))), ("exit", 0)),
            (("unset", 2, COUNT), ("exit", 1)),
        ),
    ),
    (
        (
            "if",
            5,
            ("compare", item(slot(ERROR), "type"), (("==", const("timeout")),)),
            (("exit", 0),),
            (("exit", 1),),
        ),
    ),
    (
        ("set", 3, 2, ("ucall", 0, (item(slot(4), "price"), item(slot(0), "qty")))),
        ("path", 3, 4, (const("seen"), ("call", "str", (slot(1),))), const(True)),
        ("exit", 0),
    ),
    (("set", 4, 0, ("slot", 1)), ("exit", 0)),
)
#: (instruction, index of its step); addresses in comments.
CODE: tuple[tuple[tuple[Any, ...], int], ...] = (
    # body 0
    ((Op.PURE, 0, (1, 2)), 0),  # 0
    ((Op.LOG, 0, "info"), 1),  # 1
    ((Op.LOOP, 1, (3, 4)), 2),  # 2
    ((Op.JUMP, 2), 2),  # 3
    ((Op.FORKN, 1, 1, 2, 0), 3),  # 4
    ((Op.JOIN, PRICES, "list"), 3),  # 5
    ((Op.FORK, (2, 3), 1), 4),  # 6
    ((Op.JOIN, RECEIPT, "winner"), 4),  # 7
    ((Op.ENTER, "try", None), 5),  # 8
    ((Op.RUN, 0, 3, SCAN, 1, None, False), 5),  # 9
    ((Op.WAIT, 4, "delay", 0, SCAN), 5),  # 10
    ((Op.LEAVE,), 5),  # 11
    ((Op.JUMP, 18), 5),  # 12
    ((Op.COMPENSATE, ERROR), 5),  # 13
    ((Op.LEAVE,), 5),  # 14
    ((Op.PURE, 2, (16, 17)), 5),  # 15
    ((Op.RAISE, 8), 5),  # 16
    ((Op.RERAISE, ERROR), 5),  # 17
    ((Op.EMIT, 9, 10, None, 3, 11), 6),  # 18
    ((Op.ENTER, "shield", 15), 7),  # 19
    ((Op.CALL, 1, 12, None, None, 4, False), 7),  # 20
    ((Op.LEAVE,), 7),  # 21
    ((Op.JUMP, 25), 7),  # 22
    ((Op.LEAVE,), 7),  # 23
    ((Op.RERAISE, ERROR), 7),  # 24
    ((Op.RETURN, 3), 8),  # 25
    # body 1: an iteration
    ((Op.CALL, 0, 13, 4, 0, None, False), 3),  # 26
    ((Op.PURE, 3, (28,)), 3),  # 27
    ((Op.ARRIVE,), 3),  # 28
    # body 2, body 3: branches
    ((Op.CALL, 1, None, 0, None, 5, False), 4),  # 29
    ((Op.ARRIVE,), 4),  # 30
    ((Op.WAIT, 14, "until", None, None), 4),  # 31
    ((Op.ARRIVE,), 4),  # 32
    # body 4, body 5: undos
    ((Op.CALL, 2, None, None, None, None, False), 7),  # 33
    ((Op.ARRIVE,), 7),  # 34
    ((Op.CALL, 2, None, None, None, None, False), 4),  # 35
    ((Op.FORKCALL, 6, 16, 2, 0), 4),  # 36
    ((Op.JOIN, None, "none"), 4),  # 37
    ((Op.FORKPURE, (7,), 16, 2, 0), 4),  # 38
    ((Op.JOIN, None, "none"), 4),  # 39
    ((Op.ARRIVE,), 4),  # 40
    # body 6: an iteration of one call
    ((Op.CALL, 2, None, 0, None, None, False), 4),  # 41
    ((Op.ARRIVE,), 4),  # 42
    # body 7: an iteration that only computes
    ((Op.PURE, 4, (44,)), 4),  # 43
    ((Op.ARRIVE,), 4),  # 44
)
STEP_LINES = (4, 5, 7, 8, 9, 10, 12, 13, 14)


def sample() -> Blueprint:
    """The Blueprint of ``SOURCE``, more or less: well-formed, and with everything there is."""
    step_spans = tuple(Span("everything.yaml", line, 5, line, 40) for line in STEP_LINES)
    sites = tuple(site for _, site in CODE)
    return Blueprint(
        name="everything",
        version=3,
        labels={"team": "shop"},
        ast_hash="ab" * 32,
        input_schema={"type": "object", "required": ["items"]},
        env=("PRICING",),
        roots=(("input", INPUT), ("env", ENV)),
        code=tuple(instruction for instruction, _ in CODE),
        sites=sites,
        steps=(*(f"/do/{i}" for i in range(8)), "end"),
        bodies=(
            Body("everything", 0, 26, None, 8),
            Body(
                "/do/3[]",
                26,
                29,
                0,
                5,
                captures=((ENV, 3),),
                outs=((2, TOTAL, "sum"),),
                item=0,
                index=1,
                result=2,
            ),
            Body("left", 29, 31, 0, 1, outs=((0, SCAN, ""),)),
            Body("right", 31, 33, 0, 0),
            Body("/do/7.undo", 33, 35, 0, 1, captures=((TOTAL, 0),)),
            Body("left.undo", 35, 41, 2, 0),
            Body("left.undo[]", 41, 43, 5, 1, item=None, index=None, result=0),
            Body("left.undo[]", 43, 45, 5, 2, item=1, index=None, result=0),
        ),
        exceptions=(
            ExceptionRow(9, 11, 13, "catch", 1, ERROR),
            ExceptionRow(20, 21, 23, "finally", 1, ERROR),
        ),
        exprs=EXPRS,
        regions=REGIONS,
        functions=(FunctionRow("net", 2, ("mul", ("local", 0), ("local", 1))),),
        handlers=(
            HandlerRef("http.get", True, True),
            HandlerRef("ledger.add", False, True),
            HandlerRef("ledger.remove", False, False),
        ),
        policies=(
            Policy(5, ("timeout", "http.5xx"), 200, 10_000, 15),
            Policy(on_crash="fail", queue="slow"),
        ),
        listens=(ListenRef(5, 6, 7, {"type": "object"}),),
        skripts=(SkriptRef("audit", 2, "cd" * 32),),
        debug=Debug(
            spans=tuple(step_spans[site] for site in sites),
            step_spans=step_spans,
            slot_names=(
                ("input", "env", "total", "prices", "$error", "scan", "i", "receipt"),
                ("item", "index", "$yield", "env", "p"),
                ("receipt",),
                (),
                ("total",),
                (),
                ("$yield",),
                ("$yield", "site"),
            ),
            source=SOURCE,
        ),
    )


#: A machine of two states, one transition between them, with all that only machines have.
MACHINE_CODE: tuple[tuple[Any, ...], ...] = (
    (Op.MOVE, 0, None, 1),  # 0
    (Op.AWAIT, 0, 1, 2, 3),  # 1
    (Op.LOOP, 0, (1, 3, 5)),  # 2
    (Op.PASS, 3),  # 3
    (Op.JUMP, 2),  # 4
    (Op.ENTER, "try", None),  # 5
    (Op.EVENT, 2),  # 6
    (Op.MOVE, 1, 0, None),  # 7
    (Op.LEAVE,),  # 8
    (Op.RETURN, 0),  # 9
    (Op.REFUSE, 4),  # 10
    (Op.JUMP, 1),  # 11
    (Op.FAIL, 5, 0),  # 12
    (Op.COMPENSATE, 5),  # 13
    (Op.LEAVE,),  # 14
    (Op.JUMP, 1),  # 15
)


def sample_machine() -> Blueprint:
    """A well-formed Blueprint of a machine."""
    picked = ("compare", ("slot", 3), (("==", ("const", 0)),))
    region = (("if", 0, picked, (("exit", 2),), (("if", 0, ("slot", 0), (("exit", 1),), ()),)),)
    return Blueprint(
        name="order",
        version=None,
        labels={},
        ast_hash="cd" * 32,
        input_schema=None,
        env=(),
        roots=(("input", 0),),
        code=MACHINE_CODE,
        sites=(0,) * len(MACHINE_CODE),
        steps=("/states/draft",),
        bodies=(Body("order", 0, len(MACHINE_CODE), None, 6),),
        exceptions=(
            ExceptionRow(2, 3, 10, "any", 0, 4),
            ExceptionRow(6, 7, 12, "any", 1, 5),
        ),
        exprs=(("slot", 0), ("const", 1_000), ("object", ((("const", "name"), ("const", "pay")),))),
        regions=((*region, ("exit", 0)),),
        functions=(),
        handlers=(),
        policies=(),
        listens=(),
        skripts=(),
        machine=MachineTable(
            0,
            0,
            (StateRow("draft", False, "late"), StateRow("paid", True, None)),
            (TransitionRow(0, "pay", 1, ("clerk",)),),
        ),
    )


def with_code(bp: Blueprint, address: int, *instruction: Any) -> Blueprint:
    """``bp`` with another instruction at ``address``."""
    code = list(bp.code)
    code[address] = instruction
    return replace(bp, code=tuple(code))


def with_body(bp: Blueprint, index: int, **changes: Any) -> Blueprint:
    """``bp`` with other fields in one body."""
    bodies = list(bp.bodies)
    bodies[index] = replace(bodies[index], **changes)
    return replace(bp, bodies=tuple(bodies))


# --- bytes ------------------------------------------------------------------------------------

_HEADER = struct.Struct(">6sHHQ32sQ32s")


def take_apart(data: bytes) -> tuple[Any, Any]:
    """The values of the program and the debug section."""
    size = _HEADER.unpack_from(data)[3]
    program, debug = data[_HEADER.size : _HEADER.size + size], data[_HEADER.size + size :]
    return decode_value(program, max_depth=MAX_DEPTH), decode_value(debug, max_depth=MAX_DEPTH)


def seal(program: Any, debug: Any = None) -> bytes:
    """Bytes with a right header and right digests around any program section."""
    version = {21: 2, 22: 3}.get(len(program), 1) if isinstance(program, list) else 1
    if not isinstance(program, bytes):
        program = encode_value(program, max_depth=MAX_DEPTH + 10)
    if not isinstance(debug, bytes):
        value = [[], [], [], [], [], ""] if debug is None else debug
        debug = encode_value(value, max_depth=MAX_DEPTH + 10)
    prefix = struct.pack(">6sHH", b"RUNEBP", version, versions.SEMANTICS)
    hashes = hashlib.sha256(prefix + program).digest(), hashlib.sha256(debug).digest()
    header = struct.pack(">Q32sQ32s", len(program), hashes[0], len(debug), hashes[1])
    return prefix + header + program + debug


def sample_values() -> tuple[Any, Any]:
    """``take_apart`` of the sample: fresh lists, to be changed at will."""
    return take_apart(encode(sample()))


# --- mutations --------------------------------------------------------------------------------

#: What a place is overwritten with: edges of every kind a field may have, and kinds it has not.
ODDITIES: tuple[Any, ...] = (
    None, True, False, -1, 0, 1, 2, 3, 7, 25, 36, 37, 255, 40, 41, 10**6, 2**63 - 1, -(2**63), 1.5, "", "x",
    "const", "slot", "if", "exit", "list", "secret", [], {}, [[]], [0], [1, 2], ["const", {}],
    ["slot", 0], ["slot", 99], ["local", 0], ["exit", 0], ["secret", "X"], {"a": 1}, ["if"],
    [1, 99],
)  # fmt: skip


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Every (container, key) inside a value, in a fixed order."""
    found: list[tuple[Any, Any]] = []
    waiting = [value] if isinstance(value, list | dict) else []
    while waiting:
        container = waiting.pop()
        keys = range(len(container)) if isinstance(container, list) else list(container)
        for key in keys:
            found.append((container, key))
            if isinstance(container[key], list | dict):
                waiting.append(container[key])
    return found


def mutate(program: Any, random: Random) -> Any:
    """One to three changes anywhere in a program section (a fresh one; it is changed in place)."""
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        # Half of the changes go to the code, its bodies and the exception table.
        at = random.choice((7, 10, 11)) if random.random() < 0.5 else len(program)
        places = _places(program[at]) if at < len(program) else []
        container, key = random.choice(places or _places(program))
        old = container[key]
        kind = random.randrange(6)
        if kind == 0 and type(old) is int:
            container[key] = old + random.choice((-2, -1, 1, 2))
        elif kind == 1 and isinstance(container, list):
            del container[key]
        elif kind == 2 and isinstance(container, list):
            container.insert(key, copy_value(old))
        elif kind == 3 and isinstance(container, list):
            other = random.randrange(len(container))
            container[key], container[other] = container[other], old
        elif kind == 4:
            donor, at = random.choice(_places(program))
            container[key] = copy_value(donor[at])
        else:
            container[key] = copy_value(random.choice(ODDITIES))
    return program
