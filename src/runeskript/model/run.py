"""The state of one run: tokens, forks, scopes, undo entries. Data only; the kernel moves it."""

from __future__ import annotations

from collections import deque
from typing import Any, Final

from .events import Event, Finished, Path, Sent, SentIf
from .faults import Fault


class TokenState:
    """What a token is doing; all but READY are *rests*. Plain ints: they are compared all the time.

    READY is 0, so that the kernel's loop can test for a rest by truth.
    """

    READY: Final = 0
    CALLING: Final = 1
    RETRYING: Final = 2
    WAITING: Final = 3
    JOINING: Final = 4
    CHILD: Final = 5
    COMPENSATING: Final = 6
    DONE: Final = 7
    #: Not a token's: ``Calls`` that stand among the ready tokens, and ``Branches`` that do.
    STARTING: Final = 8
    BEGINNING: Final = 9
    #: The handler has returned; somebody outside completes the call.
    PENDING: Final = 10


class Scope:
    """What ENTER pushed. ``timer``: the ``m`` of its deadline, or None."""

    __slots__ = ("height", "shield", "step", "timer")

    def __init__(self, height: int, shield: bool, timer: int | None, step: str) -> None:
        self.height = height
        self.shield = shield
        self.timer = timer
        self.step = step


class UndoEntry:
    """One registered undo: body and captured frame; ``seq`` is the order of completion."""

    __slots__ = ("body", "captured", "n", "path", "seq", "step")

    def __init__(
        self, seq: int, body: int, captured: list[Any], path: Path, n: int, step: str
    ) -> None:
        self.seq = seq
        self.body = body
        self.captured = captured
        self.path = path
        self.n = n
        self.step = step


class Token:
    """A thread of control. Slots only: a fork of 100,000 has this many."""

    __slots__ = (
        "attempt",
        "body",
        "cancelling",
        "child",
        "deferred",
        "drawn",
        "draws",
        "entry",
        "fork",
        "frame",
        "index",
        "m",
        "made",
        "n",
        "path",
        "pc",
        "scopes",
        "state",
        "timer",
        "turns",
        "undo",
    )

    def __init__(
        self, path: Path, body: int, pc: int, frame: list[Any], fork: Any, index: int
    ) -> None:
        self.path = path
        self.body = body
        self.pc = pc
        self.frame = frame
        #: The Fork this token is a branch of, the Compensation it is an undo of, or None (root).
        self.fork = fork
        self.index = index
        self.n = 0
        self.m = 0
        #: The label (``expr/labels.py``) at which the region at ``pc`` is entered; 0: at its start.
        self.entry = 0
        #: Names the places where the token can be interrupted, each once in its life (it may be
        #: woken without an event, by another token): odd where it was woken, even at loop heads;
        #: a turn adds two, and so does waking.
        self.turns = 1
        self.draws = 0
        #: ``draws`` when the call it waits for was first dispatched: a retry draws the same.
        self.drawn = 0
        #: The time when it was: in a retry `now()` is that of the first attempt.
        self.made = 0
        self.attempt = 0
        self.state: int = 0
        #: The Fork or Compensation this token waits for, or the id of its child job.
        self.child: Any = None
        #: ``m`` of the timer or listener this token waits for.
        self.timer: int | None = None
        #: The cancel Fault being carried out once what it waits for has settled.
        self.cancelling: Fault | None = None
        #: A cancel that waits until the token leaves its shield.
        self.deferred: Fault | None = None
        self.scopes: list[Scope] | None = None
        self.undo: list[UndoEntry] | None = None


class Calls:
    """The branches of a FORKCALL that are no tokens: started in one go, ended by their results.

    While some are still to be started it stands among the ready tokens in the place of the first
    of them, and is what an event that interrupts the run there names.
    """

    __slots__ = ("at", "fork", "out", "prefix", "state")

    #: What a branch's token has before it was woken for the first time.
    turns: Final = 1

    def __init__(self, fork: Fork) -> None:
        self.fork = fork
        #: The fork's path; that of a branch is one longer.
        self.prefix: Path = (*fork.owner.path, fork.n)
        #: The next branch to start, of those the fork has let go (``Fork.next``).
        self.at = 0
        #: For each branch 1 while its call is out and it is no token.
        self.out = bytearray(fork.total)
        self.state: int = TokenState.DONE

    @property
    def path(self) -> Path:
        """The path of the next branch to start."""
        return (*self.prefix, self.at)


class Branches:
    """The branches of a FORKPURE that have not begun: they stand among the ready tokens in the
    place of the first of them, and are what an event that interrupts the run there names.
    """

    __slots__ = ("at", "fork", "prefix", "single", "state", "yields")

    #: As of ``Calls``.
    turns: Final = 1

    def __init__(self, fork: Fork) -> None:
        self.fork = fork
        #: The fork's path; that of a branch is one longer.
        self.prefix: Path = (*fork.owner.path, fork.n)
        #: The next branch to begin.
        self.at = 0
        #: Whether each branch is a token at once: they outlast slices, or cannot be anything else.
        self.single = False
        #: What the first branches yield, one value each; all others are in the fork's ``results``.
        self.yields: list[Any] = []
        self.state: int = TokenState.BEGINNING

    @property
    def path(self) -> Path:
        """The path of the next branch to begin."""
        return (*self.prefix, self.at)


class Fork:
    """One executed FORK, FORKN, FORKCALL or FORKPURE: who waits, who runs, what arrived."""

    __slots__ = (
        "base",
        "bodies",
        "calls",
        "closing",
        "faults",
        "items",
        "limit",
        "live",
        "lost",
        "n",
        "need",
        "next",
        "outs",
        "owner",
        "pure",
        "results",
        "total",
        "undo",
        "virtual",
        "wins",
    )

    def __init__(
        self,
        owner: Token,
        n: int,
        bodies: tuple[int, ...],
        total: int,
        need: int,
        items: list[Any] | None,
        limit: int,
    ) -> None:
        self.owner = owner
        self.n = n
        #: Body per branch (FORK), or the one body of all (FORKN).
        self.bodies = bodies
        self.total = total
        #: 0: all must arrive.
        self.need = need
        self.items = items
        self.limit = limit
        #: FORKN: next index to start, and the captured frame each branch begins as.
        self.next = 0
        self.base: list[Any] | None = None
        self.live: dict[int, Token] = {}
        self.results: dict[int, Any] = {}
        #: Indexes in order of arrival.
        self.wins: list[int] = []
        #: Values of the outs per arrived branch.
        self.outs: dict[int, tuple[Any, ...]] | None = None
        self.faults: list[tuple[int, Fault]] = []
        #: Undo entries that become the owner's, and those of lost branches (any, n) to be run.
        self.undo: list[UndoEntry] = []
        self.lost: list[UndoEntry] = []
        #: Set once the outcome is decided and only losers are waited for.
        self.closing = False
        #: FORKCALL: the branches that are no tokens, and how many of them have not ended.
        self.calls: Calls | None = None
        self.virtual = 0
        #: FORKPURE: the branches that have not begun; ``virtual`` is how many they are.
        self.pure: Branches | None = None

    @property
    def under_way(self) -> int:
        """How many branches may start or have started, and have not ended."""
        return len(self.live) + self.virtual


class Compensation:
    """Undo entries being run one at a time, newest first.

    ``then``: the Token to wake, the Fork to go on with, or None for the end of the run.
    """

    __slots__ = ("entries", "failures", "step", "then")

    def __init__(self, entries: list[UndoEntry], then: Token | Fork | None) -> None:
        self.entries = sorted(entries, key=lambda e: e.seq)
        #: The step whose undo is under way.
        self.step = ""
        self.failures: list[Any] = []
        self.then = then


class MachineState:
    """Where a declared machine stands."""

    __slots__ = ("due", "moves", "moving", "queue", "since", "state", "token", "tried")

    def __init__(self) -> None:
        #: Index of its state, and since when it is there.
        self.state = 0
        self.since = 0
        #: How often it has moved.
        self.moves = 0
        #: When the event of the state's timeout is raised; None: never, or it was.
        self.due: int | None = None
        #: Events that wait, each with ``moves`` as it was when the machine raised it by itself
        #: (it counts for that state only), else None.
        self.queue: deque[tuple[Sent | SentIf, int | None]] = deque()
        #: The token that rests until an event comes.
        self.token: Token | None = None
        #: The event that is being dealt with, and the row of the transition that is tried.
        self.moving: Sent | SentIf | None = None
        self.tried = -1


class Run:
    """A run in memory. ``ready`` is a stack in reverse token-path order: pop() is the smallest."""

    __slots__ = (
        "calls",
        "context",
        "ending",
        "env",
        "finished",
        "floor",
        "forks",
        "graces",
        "inbox",
        "job",
        "length",
        "listens",
        "machine",
        "now",
        "ready",
        "replaying",
        "root",
        "seq",
        "stop",
        "timers",
    )

    def __init__(self, context: Any) -> None:
        #: The expression floor's evaluation context (fuel, clock, entropy).
        self.context = context
        self.job: dict[str, Any] = {}
        self.env: dict[str, Any] = {}
        self.now = 0
        #: Tokens, and Calls and Branches that have branches to start.
        self.ready: list[Any] = []
        self.inbox: deque[Event] = deque()
        #: By path: a token waits for one call or child at a time.
        self.calls: dict[Path, Token] = {}
        #: FORKCALLs under way, by their path: that of the owner, then n.
        self.forks: dict[Path, Fork] = {}
        self.timers: dict[tuple[Path, int], tuple[Token, Scope | None]] = {}
        self.listens: dict[tuple[Path, int], Token] = {}
        #: What numbers are above since the last retry; 0 where there was none. ``numbering.py``.
        self.floor = 0
        #: When the grace times of a cancel that run are over, by the ``m`` of their timers.
        self.graces: dict[int, int] = {}
        self.root: Token | None = None
        self.machine: MachineState | None = None
        self.seq = 0
        #: How many events the journal holds already, where a machine's are to know: set by whoever
        #: writes it, before each turn.
        self.length = 0
        #: Whether events come from a journal and their step names are checked.
        self.replaying = False
        #: Replay only: where the token in front must stop for the next event.
        self.stop: tuple[Path, int] | None = None
        #: The outcome while compensation still runs: status, fault.
        self.ending: tuple[str, Fault] | None = None
        self.finished: Finished | None = None
