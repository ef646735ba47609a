"""Floor 3b: the rune kernel, a pure state machine that executes Blueprints."""

from .load import Program, load
from .ready import Ready
from .replay import replay
from .resume import Resumed, outstanding, resume
from .vm import advance, new_run

__all__ = [
    "Program",
    "Ready",
    "Resumed",
    "advance",
    "load",
    "new_run",
    "outstanding",
    "replay",
    "resume",
]
