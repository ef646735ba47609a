"""Every bound in one file, each with the reason for its size.

A bound is part of the language: work is refused with a typed error (``limit.*``) or a diagnostic,
never by running out of memory or stack.
"""

from __future__ import annotations

from typing import Final

# --- values -----------------------------------------------------------------------------------
INT_MIN: Final = -(2**63)
INT_MAX: Final = 2**63 - 1
#: Nesting of lists and objects in one value; far below what native recursion survives.
VALUE_DEPTH: Final = 200
#: Parts (elements and keys, counted as often as they occur) of a value that crosses into the
#: runtime: a result, an input, a message. Copying it must not hold the loop for long.
VALUE_PARTS: Final = 2_000_000
#: Characters of its texts together, those of at most 16 left out: stores keep a value in one piece,
#: up to four bytes a character, and SQLite takes no piece of a billion.
VALUE_TEXT: Final = 150_000_000
#: Bytes that a worker process may send at once: more than the largest value takes as MessagePack (a
#: part up to 9 bytes and a text of 16 characters, a character up to 4).
FRAME_BYTES: Final = VALUE_PARTS * (9 + 16 * 4) + VALUE_TEXT * 4
#: Elements of one list or object that an expression may build.
COLLECTION: Final = 1_000_000
#: Characters of one text that an expression may build.
TEXT: Final = 16 * 1024 * 1024
#: Bits of an intermediate integer (intermediates are exact; what is stored must fit 64 bits).
INT_BITS: Final = 4096

# --- documents --------------------------------------------------------------------------------
#: Bytes of one document.
DOCUMENT_BYTES: Final = 64 * 1024 * 1024
#: Nesting of YAML collections.
DOCUMENT_DEPTH: Final = 100
#: Nesting of loops, and of forks, that a graph is drawn with: what steps are made of them nests as
#: deep, and each level costs a document of nodes a walk.
GRAPH_DEPTH: Final = 20
#: Nodes that aliases may add to a document (each use of an anchor counts its whole subtree).
ALIAS_NODES: Final = 100_000
#: Diagnostics reported for one document; a longer list helps nobody.
DIAGNOSTICS: Final = 200
#: Further ones that are counted before the rest of a document is left unread.
DIAGNOSTICS_COUNTED: Final = 1_000
#: Digits of an integer literal before it is refused unread (int() is quadratic).
INT_DIGITS: Final = 20
#: Characters of an identifier or id.
NAME: Final = 128
#: States of one machine.
STATES: Final = 1_000
#: Rows of its table: a transition has one for each state it starts from.
TRANSITIONS: Final = 10_000

#: Milliseconds that what a cancel has asked to stop has to end, where nobody says another time.
CANCEL_GRACE_MS: Final = 30_000
#: Events that wait for one machine, while a transition is under way.
MACHINE_QUEUE: Final = 1_000
#: Characters of a topic, a job's key, a label or the id of a message: stores index them.
TOPIC: Final = 512

# --- expressions ------------------------------------------------------------------------------
#: Characters of one expression.
EXPRESSION: Final = 20_000
#: Nesting of one expression.
EXPRESSION_DEPTH: Final = 60
#: `for` clauses of one comprehension; the host nests at most twenty loops.
GENERATORS: Final = 16
#: Names that comprehensions bind at one place, those around it included.
BOUND_NAMES: Final = 64
#: Calls of user functions in flight at once, in every tier.
CALL_DEPTH: Final = 1_000
#: Source-level units (comprehension turns, function calls) one evaluation may spend outside a
#: loop head: it cannot be interrupted there, so this bounds how long the driver may be held.
PURE_WORK: Final = 2_000_000
#: Turns of loops (and wakings) of one token before it ends with ``limit.work``.
LOOP_TURNS: Final = 10_000_000_000

# --- lints ------------------------------------------------------------------------------------
#: Calls that a job may be able to make without a warning; a project sets its own (`max_calls`).
CALLS: Final = 100_000

#: What the compiler computes before the run: expressions of one document that it runs code for, and
#: units of work for each; a tenth of a second for all of them at worst.
PRECOMPUTED: Final = 100
PRECOMPUTED_WORK: Final = 10_000
#: Parts of a list or object, and characters of a text, that may stand in a Blueprint in place of
#: the expression that makes them. A text this short costs no units wherever it is used.
PRECOMPUTED_SIZE: Final = 100
PRECOMPUTED_TEXT: Final = 255

# --- runs -------------------------------------------------------------------------------------
#: Branches of one fork.
BRANCHES: Final = 1_000_000
#: Nesting of forks.
FORK_DEPTH: Final = 64
#: Nesting of child skripts (``run``).
RUN_DEPTH: Final = 64
#: Longest duration in milliseconds (100 years of 365 days); a later due time would overflow stores.
DURATION_MS: Final = 100 * 365 * 24 * 3600 * 1000
#: Milliseconds from one tick of a schedule to the next, at the least and at the most.
SCHEDULE_MIN: Final = 1_000
SCHEDULE_MAX: Final = 366 * 24 * 3600 * 1000
#: Attempts of one call.
ATTEMPTS: Final = 10_000
#: Branches started at once: a millisecond's work. The last of them starts the next ones.
WAVE: Final = 500
#: Jobs that are submitted in one go.
SUBMITS: Final = 10_000
#: Completions that one batch event stands for: as many as a segment of a journal holds.
BATCH_EVENTS: Final = 1_000
#: Bytes of the results in a batch event of several: they fit a segment (256 KB) with its head.
BATCH_BYTES: Final = 240 * 1024
#: Source-level loop turns in one slice before the kernel hands the run back to the driver.
SLICE_TURNS: Final = 20_000

# --- Blueprints -------------------------------------------------------------------------------
#: Bytes of one Blueprint; a document of 100,000 steps takes a quarter of it.
BLUEPRINT_BYTES: Final = 64 * 1024 * 1024
#: Values (elements, keys, fields) in one section of its bytes: what decoding them may allocate.
BLUEPRINT_PARTS: Final = 12_000_000
INSTRUCTIONS: Final = 1_000_000
SLOTS: Final = 1_000_000
#: Nodes of one expression, and of one region together: host code is made of them at run time, about
#: 20 kB and 0.2 ms for the costliest.
EXPRESSION_NODES: Final = 50_000
REGION_NODES: Final = 100_000
#: Scopes open at once in one token; blocks nest far less deep in a document that can be read.
SCOPES: Final = 1_000

# --- service ----------------------------------------------------------------------------------
#: Roles of one token: they go with every event that it sends to a machine.
TOKEN_ROLES: Final = 50

# --- stores -----------------------------------------------------------------------------------
#: Single events of one segment of a journal: what is read at once, and lost to one damaged byte.
SEGMENT_EVENTS: Final = 1_000
#: Bytes of one segment.
SEGMENT_BYTES: Final = 256 * 1024
#: Bytes of a stored value or record; what is larger is kept apart, by its hash.
PAYLOAD_BYTES: Final = 64 * 1024
#: Bytes of a run that is written down only to make recovery quicker.
SNAPSHOT_BYTES: Final = 256 * 1024 * 1024
#: Nesting of the records that values stand in when they are stored.
RECORD_DEPTH: Final = 10
#: Differences between two versions of a skript that are listed, and lines of its text up to which
#: texts are compared: looking for what differs least takes the square of them at worst.
DIFFERENCES: Final = 1_000
DIFF_LINES: Final = 20_000
#: Branches of a job that are shown one by one, where its variables are asked for.
SHOWN_BRANCHES: Final = 100
#: Messages of one job's inbox that are loaded with it; the others are read when these are used up.
LOADED_MESSAGES: Final = 1_000
