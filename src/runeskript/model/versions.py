"""The version numbers every stored record begins with.

N reads N-1; a number this build does not know is refused (later: parked), never guessed.
"""

from __future__ import annotations

from typing import Final

#: Written is the oldest format that can say all of a Blueprint, so that what needs nothing new
#: keeps its identity. Format 2 has two sections more, format 3 a machine's table and its opcodes.
BLUEPRINT: Final = 3
BLUEPRINT_OLDEST: Final = 1
#: Segments, their records, and payloads (``segments.py``, ``journal.py``, ``payloads.py``). A new
#: kind of event does not raise it: who does not know one refuses the record that has it, and what
#: has none is written as before.
JOURNAL: Final = 1
SNAPSHOT: Final = 1
#: Files of ``rune jobs export`` (``exports.py``), around a Blueprint and segments of their own.
EXPORT: Final = 1
#: Meaning of operators and functions; a change that alters any golden vector raises it.
SEMANTICS: Final = 1
