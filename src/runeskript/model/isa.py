"""THE ONE PAGE: the instruction set.

One row per opcode: operands and their kinds, control flow, and one line of pseudo-code. The
verifier, the disassembler, the reference page and the generators of the property tests are derived
from these rows; the kernel (``kernel/vm.py``) is the only other place that knows an opcode.

An instruction is a tuple ``(opcode, *operands)`` and its address is its index in the code array.
An optional operand (kind ends in ``?``) is None where absent. ``next`` is address + 1.

Machine model. A *token* is a thread of control: program counter, frame, path, scope stack. A
*frame* is a list of slots, laid out per *body*; body 0 is the document, every branch of a fork and
every undo is a body of its own whose frame begins as its captures. A *scope* is what ENTER pushes.
Errors are routed by the static exception table, rows (start, end, handler, kind, depth, slot): an
error at an address in [start, end) truncates the scope stack to ``depth``, stores the error in
``slot`` and goes on at ``handler``; rows are in order, innermost first.
"""

from __future__ import annotations

import enum
from typing import Final, Literal

from .rows import NamedTuple


class Op(enum.IntEnum):
    """Opcodes; the numbers are part of the Blueprint format and never change meaning."""

    JUMP = 1
    PURE = 2
    LOOP = 3
    CALL = 4
    FORK = 5
    FORKN = 6
    ARRIVE = 7
    JOIN = 8
    WAIT = 9
    EMIT = 10
    RUN = 11
    LOG = 12
    ENTER = 13
    LEAVE = 14
    RAISE = 15
    RERAISE = 16
    COMPENSATE = 17
    RETURN = 18
    FORKCALL = 19
    FORKPURE = 20
    AWAIT = 21
    PASS = 22
    REFUSE = 23
    MOVE = 24
    FAIL = 25
    EVENT = 26


#: Operand kinds. The verifier checks each against the pool or range it points into.
#:   addr     instruction address          addrs    tuple of addresses
#:   slot     slot of the body's frame     expr     index into ``exprs``
#:   region   index into ``regions``       handler  index into ``handlers``
#:   policy   index into ``policies``      body     index into ``bodies`` (not 0)
#:   bodies   tuple of body indexes        listen   index into ``listens``
#:   skript   index into ``skripts``       count    int >= 0
#:   word     one of a closed set of texts flag     bool
class Operand(NamedTuple):
    """One operand: its name in listings, kind, role and (for ``word``) the allowed texts."""

    name: str
    kind: str
    #: How a slot operand is used; ``-`` for everything that is no slot.
    role: Literal["read", "write", "-"] = "-"
    words: tuple[str, ...] = ()


#: next: falls to address + 1 · jump: only to its address operands · wait: may rest the token, then
#: next · halt: the token ends (or, for RAISE/RERAISE, goes where the exception table says).
Flow = Literal["next", "jump", "wait", "halt"]


class Row(NamedTuple):
    """One opcode."""

    op: Op
    operands: tuple[Operand, ...]
    flow: Flow
    #: Whether the instruction counts in the token's ``n`` (forks and non-pure calls).
    counts: bool
    #: Whether it may fail with a typed error.
    fails: bool
    pseudo: str


_ = Operand
ROWS: Final[tuple[Row, ...]] = (
    Row(Op.JUMP, (_("to", "addr"),), "jump", False, False, "pc = to"),
    Row(
        Op.PURE,
        (_("region", "region"), _("exits", "addrs")),
        "jump",
        False,
        True,
        "k = region(frame); pc = exits[k]",
    ),
    Row(
        Op.LOOP,
        (_("region", "region"), _("exits", "addrs")),
        "jump",
        False,
        True,
        "a source loop head: count a turn, yield if the slice is used up; then as PURE",
    ),
    Row(
        Op.CALL,
        (
            _("handler", "handler"),
            _("with", "expr?"),
            _("into", "slot?", "write"),
            _("policy", "policy?"),
            _("undo", "body?"),
            _("grouped", "flag"),
        ),
        "wait",
        True,
        True,
        "frame[into] = await handler(with); if undo: push (undo, its captures) on the undo list; "
        "grouped: where a call of this token has just ended, leave with it, ahead of the commit",
    ),
    Row(
        Op.FORK,
        (_("bodies", "bodies"), _("need", "count")),
        "next",
        True,
        False,
        "one token per body; need = 0: all must arrive, else the first `need`",
    ),
    Row(
        Op.FORKN,
        (_("body", "body"), _("over", "expr"), _("limit", "expr?"), _("need", "count")),
        "next",
        True,
        True,
        "one token per element of `over`, at most `limit` at once (absent: no limit)",
    ),
    Row(
        Op.FORKCALL,
        (_("body", "body"), _("over", "expr"), _("limit", "expr?"), _("need", "count")),
        "next",
        True,
        True,
        "as FORKN, for a body that is one CALL, at most one PURE behind it, and ARRIVE: the calls "
        "leave as one effect, a branch becomes a token only where its call fails",
    ),
    Row(
        Op.FORKPURE,
        (
            _("bodies", "bodies"),
            _("over", "expr?"),
            _("limit", "expr?"),
            _("need", "count"),
        ),
        "next",
        True,
        True,
        "as FORK, or with `over` as FORKN of the one body, for bodies that only compute: branches "
        "run in order in one function, and are tokens only where they fail or outlast a slice",
    ),
    Row(Op.ARRIVE, (), "halt", False, False, "the branch (or undo) is done; its yield counts"),
    Row(
        Op.JOIN,
        (
            _("into", "slot?", "write"),
            _("shape", "word", "-", ("none", "object", "list", "winner")),
        ),
        "wait",
        False,
        True,
        "rest until the token's fork is met or lost; apply outs in branch order; "
        "frame[into] = yields in `shape`",
    ),
    Row(
        Op.WAIT,
        (
            _("due", "expr?"),
            _("clock", "word", "-", ("delay", "until")),
            _("listen", "listen?"),
            _("into", "slot?", "write"),
        ),
        "wait",
        False,
        True,
        "rest until due (delay: ms from now; until: ms since 1970) or a message matches; with both "
        "a timer that is first raises `timeout`",
    ),
    Row(
        Op.EMIT,
        (
            _("topic", "expr"),
            _("key", "expr?"),
            _("to", "expr?"),
            _("with", "expr?"),
            _("keep", "expr?"),
        ),
        "next",
        True,
        True,
        "send message (topic, key, with) after the commit",
    ),
    Row(
        Op.RUN,
        (
            _("skript", "skript"),
            _("with", "expr?"),
            _("into", "slot?", "write"),
            _("policy", "policy?"),
            _("undo", "body?"),
            _("detach", "flag"),
        ),
        "wait",
        True,
        True,
        "frame[into] = output of a child job (detach: its id, at once)",
    ),
    Row(
        Op.LOG,
        (_("text", "expr"), _("level", "word", "-", ("debug", "info", "warning", "error"))),
        "next",
        False,
        True,
        "log after the commit; silent on replay",
    ),
    Row(
        Op.ENTER,
        (_("kind", "word", "-", ("block", "try", "shield")), _("deadline", "expr?")),
        "next",
        False,
        True,
        "push a scope: height of the undo list, deadline in ms from now; shield defers cancel",
    ),
    Row(Op.LEAVE, (), "next", False, False, "pop a scope; a deferred cancel is taken up here"),
    Row(
        Op.RAISE,
        (_("error", "expr"),),
        "halt",
        False,
        True,
        "raise {type, message, data, compensate}",
    ),
    Row(
        Op.RERAISE,
        (_("error", "slot", "read"),),
        "halt",
        False,
        True,
        "go on raising what the exception table stored in `error`",
    ),
    Row(
        Op.COMPENSATE,
        (_("error", "slot", "read"),),
        "wait",
        False,
        False,
        "if the error asks for it: run the undos registered since the top scope, newest first",
    ),
    Row(Op.RETURN, (_("value", "expr?"),), "halt", False, True, "body 0 only: the run's output"),
    Row(
        Op.AWAIT,
        (
            _("state", "count"),
            _("event", "slot", "write"),
            _("actor", "slot", "write"),
            _("into", "slot", "write"),
        ),
        "wait",
        False,
        True,
        "rest in a state of the machine until an event comes that somebody may fire here; "
        "frame[into] = which of the state's transitions is tried first; others are refused",
    ),
    Row(
        Op.PASS,
        (_("into", "slot", "write"),),
        "next",
        False,
        True,
        "the guard does not hold: frame[into] = the next transition of the event, or -1: refused",
    ),
    Row(
        Op.REFUSE,
        (_("error", "slot", "read"),),
        "next",
        False,
        True,
        "the guard has failed: the event is refused with that error",
    ),
    Row(
        Op.MOVE,
        (_("to", "count"), _("transition", "count?"), _("due", "expr?")),
        "next",
        False,
        True,
        "the machine is in another state, whose event is raised in `due` ms; the undos of what led "
        "there are forgotten",
    ),
    Row(
        Op.FAIL,
        (_("error", "slot", "read"), _("transition", "count")),
        "next",
        False,
        True,
        "the transition has failed; the error asks for compensation from here on",
    ),
    Row(
        Op.EVENT,
        (_("event", "expr"),),
        "next",
        False,
        True,
        "queue {name, data}, an event that the machine raises itself, for the state it is in",
    ),
)

BY_OP: Final[dict[int, Row]] = {int(row.op): row for row in ROWS}

#: Region statements (what a PURE runs), tag -> operands. ``site`` is the address-independent index
#: into ``steps`` of the source step, so that an error inside a fused region names its step. Kinds
#: beside those above:
#:   site   index into ``steps``             keys   tuple of at least one expression
#:   block  tuple of statements              k      index into the instruction's exits
#: A block goes on behind its last statement: a loop's body at the next turn, an `if` behind the
#: `if`; at the end of a region there must be an exit.
STATEMENTS: Final[dict[str, tuple[Operand, ...]]] = {
    "set": (_("site", "site"), _("slot", "slot", "write"), _("expr", "expr")),
    "path": (_("site", "site"), _("slot", "slot", "write"), _("keys", "keys"), _("expr", "expr")),
    "unset": (_("site", "site"), _("slot", "slot", "write")),
    "if": (_("site", "site"), _("condition", "expr"), _("then", "block"), _("else", "block")),
    "loop": (_("site", "site"), _("body", "block")),
    "break": (),
    "continue": (),
    "raise": (_("site", "site"), _("error", "expr")),
    "exit": (_("k", "k"),),
}
del _
