"""Floor 3b: the rune kernel, a pure state machine that executes Blueprints."""

from .chain import Halt, next_call
from .forcing import all_stopping, by_deadline, stopping
from .load import Program, load
from .ready import Ready
from .replay import replay
from .resume import Resumed, outstanding, resume
from .vm import advance, new_run

__all__ = [
    "Halt",
    "Program",
    "Ready",
    "Resumed",
    "advance",
    "all_stopping",
    "by_deadline",
    "load",
    "new_run",
    "next_call",
    "outstanding",
    "replay",
    "resume",
    "stopping",
]
