"""The option parser of the verbs and the options several of them share.

The parser is ``argparse``'s: importing it costs a tenth of what a richer library does, and the
command's start-up time is part of its contract (docs/decisions/0001-cli-parser.md).
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, NoReturn

from ..model.limits import CANCEL_GRACE_MS
from ..model.nearest import did_you_mean
from .usage import UsageError

if TYPE_CHECKING:
    from ..engine.handlers.limits import CallLimit
    from ..engine.policy import Policy


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Lines as they are written. Every option that is declared makes one of these, and without a
    width each would ask shutil, which imports three compressors, for the terminal's."""

    def __init__(self, prog: str, width: int | None = None) -> None:
        super().__init__(prog, width=width or _columns())


def _columns() -> int:
    """The terminal's width, less two columns as argparse has it."""
    text = os.environ.get("COLUMNS", "")
    if text.isdigit() and int(text) > 0:
        return int(text) - 2
    try:
        return os.get_terminal_size(1).columns - 2
    except (OSError, ValueError):
        return 78


class Parser(argparse.ArgumentParser):
    """An ArgumentParser that raises UsageError, with the nearest match for a misspelt option."""

    def __init__(self, verb: str, summary: str) -> None:
        super().__init__(
            prog=f"rune {verb}",
            description=summary,
            allow_abbrev=False,
            formatter_class=_Formatter,
        )
        #: Options that mean something to some of a verb's actions alone: destination -> those.
        self._only: dict[str, tuple[str, ...]] = {}
        #: What these are where they are not given. Their defaults are left to us, for only what
        #: argparse sets was given: a default that is written out is refused like anything else.
        self._absent: dict[str, Any] = {}

    def error(self, message: str) -> NoReturn:
        """Refuse the command line."""
        raise UsageError(message, hint=f"`{self.prog} --help` lists the options")

    def only_for(self, actions: Sequence[str], *options: str) -> None:
        """These options (by their destinations) are refused with any other action."""
        for option in options:
            self._only[option] = (*self._only.get(option, ()), *actions)
        for action in self._actions:
            if action.dest in options and action.dest not in self._absent:
                self._absent[action.dest] = action.default
                action.default = argparse.SUPPRESS

    def read(self, words: Sequence[str]) -> argparse.Namespace:
        """The parsed options; raises UsageError."""
        args, unknown = self.parse_known_intermixed_args(list(words))
        if unknown:
            word = unknown[0].partition("=")[0]
            hint = did_you_mean(word, self._option_string_actions)
            kind = "option" if word.startswith("-") else "argument"
            raise UsageError(
                f"unknown {kind} `{word}`", hint=hint or f"`{self.prog} --help` lists the options"
            )
        for option, actions in self._only.items():
            if not hasattr(args, option):
                default = self._absent[option]
                setattr(args, option, list(default) if isinstance(default, list) else default)
            elif args.action not in actions:
                name = option.replace("_", "-")
                raise UsageError(f"--{name} is for {', '.join(actions)}, not for {args.action}")
        return args


def add_output(parser: argparse.ArgumentParser) -> None:
    """``--output``, which every verb has."""
    parser.add_argument(
        "--output",
        choices=("text", "json"),
        metavar="text|json",
        help="the format; text on a terminal, JSON otherwise",
    )


def add_handlers(parser: argparse.ArgumentParser) -> None:
    """``--handlers``, for every verb that has to know the handlers."""
    parser.add_argument(
        "--handlers",
        action="append",
        default=[],
        metavar="FILE_OR_MODULE",
        help="a Python file or module with handlers; may be repeated",
    )


def add_passes(parser: argparse.ArgumentParser) -> None:
    """``--no-opt`` and ``--passes``, for every verb that compiles what it then uses."""
    parser.add_argument("--no-opt", action="store_true", help="leave the optimizer's passes out")
    parser.add_argument(
        "--passes",
        metavar="A,B",
        help="only these passes of the optimizer; `rune explain` shows what each did",
    )


def chosen_passes(args: argparse.Namespace) -> tuple[str, ...] | None:
    """What ``--no-opt`` and ``--passes`` ask for, as ``Options.passes``."""
    if args.passes is None:
        return () if args.no_opt else None
    if args.no_opt:
        raise UsageError("--no-opt and --passes do not go together")
    return tuple(name for word in args.passes.split(",") if (name := word.strip()))


def add_file(parser: argparse.ArgumentParser) -> None:
    """The one document a verb works on."""
    parser.add_argument("file", metavar="FILE", help="the skript (YAML or JSON); - reads stdin")


def add_input(parser: argparse.ArgumentParser) -> None:
    """``--input``, for the verbs that make a job."""
    parser.add_argument(
        "--input",
        action="append",
        default=[],
        metavar="KEY=VALUE|@FILE|-",
        help="the job's input: a field (a.b=1 for one inside), a JSON or YAML file, or stdin; "
        "may be repeated",
    )


def add_job(parser: argparse.ArgumentParser) -> None:
    """``--key`` and ``--label``, for the verbs that make a job."""
    parser.add_argument("--key", metavar="TEXT", help="the job's key, which the skript sees")
    parser.add_argument(
        "--label",
        action="append",
        default=[],
        metavar="NAME=TEXT",
        help="a label of the job; may be repeated",
    )


def add_tenant(parser: argparse.ArgumentParser) -> None:
    """``--tenant``, for the verbs that make something of one."""
    parser.add_argument("--tenant", default="", metavar="NAME", help="whose it is; else nobody's")


def add_priority(parser: argparse.ArgumentParser) -> None:
    """``--priority``, for the verbs that store a job."""
    parser.add_argument(
        "--priority",
        type=int,
        default=0,
        metavar="N",
        help="from -100 to 100: jobs of a higher one are begun first; 0 is the default",
    )


def job_labels(args: argparse.Namespace) -> dict[str, str]:
    """What ``--label`` says."""
    found: dict[str, str] = {}
    for word in args.label:
        name, equals, text = word.partition("=")
        if not equals or not name:
            raise UsageError(f"--label {word}: a label is NAME=TEXT")
        found[name] = text
    return found


#: The store of who names none.
STORE: Final = "sqlite://"


def add_store(parser: argparse.ArgumentParser, default: str | None = STORE) -> None:
    """``--store``, for the verbs that work with jobs."""
    parser.add_argument(
        "--store",
        default=default,
        metavar="URL",
        help="where jobs are kept: sqlite:///PATH, sqlite:// (the default) for .rune/jobs.db, or "
        "memory:// for no longer than the command",
    )


def add_place(parser: argparse.ArgumentParser) -> None:
    """``--store`` or ``--server``, for the verbs that ask a service, too; None where left out."""
    add_store(parser, None)
    add_server(parser, "in place of a store: a service (`rune serve`) to ask")


def add_server(parser: argparse.ArgumentParser, what: str) -> None:
    """``--server``; ``what`` it is."""
    parser.add_argument(
        "--server",
        metavar="URL",
        help=f"{what}, such as http://127.0.0.1:8440; RUNE_TOKEN in the environment says who asks",
    )


def add_lease(parser: argparse.ArgumentParser) -> None:
    """``--lease``, for the verbs that run jobs."""
    parser.add_argument(
        "--lease",
        default="5s",
        metavar="DURATION",
        help="after how much silence of this process others take its jobs; 5s is the default",
    )


def add_queue(parser: argparse.ArgumentParser, default: str) -> None:
    """``--queue``, for the verbs that run jobs. ``default``: what is taken without it."""
    parser.add_argument(
        "--queue",
        action="append",
        metavar="NAME",
        help="a queue to take calls from (`queue: NAME` in a skript), and no other; '' is the "
        f"unnamed queue, of all other jobs; may be repeated; {default}",
    )


def add_grace(parser: argparse.ArgumentParser) -> None:
    """``--grace``, for the verbs that run jobs."""
    seconds = CANCEL_GRACE_MS // 1000
    parser.add_argument(
        "--grace",
        default=CANCEL_GRACE_MS,
        metavar="DURATION",
        help="how long a call that a cancel has asked to stop is waited for, where whoever cancels "
        f"does not say; {seconds}s is the default",
    )


def add_allow(parser: argparse.ArgumentParser) -> None:
    """``--allow-host`` and ``--allow``, for the verbs that call handlers."""
    parser.add_argument(
        "--allow-host",
        action="append",
        default=[],
        metavar="HOST",
        help="a private host that http.* may reach: a name, *.domain, an address or a network, "
        "with :port if wanted; may be repeated",
    )
    parser.add_argument(
        "--allow",
        action="append",
        default=[],
        metavar="NAME",
        help="switch on what is off by default (exec); may be repeated",
    )
    parser.add_argument(
        "--limit-calls",
        action="append",
        default=[],
        metavar="HANDLER=LIMIT",
        help="for all workers of the store together: 8 (at once), 100/1s (in a time), 1@account "
        "(for each value of a parameter); may be repeated",
    )


def add_policy(parser: argparse.ArgumentParser) -> None:
    """``--policy``, for the verbs that run the jobs of others."""
    parser.add_argument(
        "--policy",
        metavar="FILE",
        help="which handlers, hosts, secrets and variables of the environment each skript may use "
        "(TOML); without it, all",
    )


def chosen_policy(args: argparse.Namespace) -> Policy | None:
    """What ``--policy`` says. Raises UsageError, RuntimeOptionError."""
    if args.policy is None:
        return None
    from ..engine import policy
    from . import documents

    try:
        return policy.read(documents.read_whole(args.policy).decode())
    except UnicodeDecodeError as exc:
        raise UsageError(f"{args.policy}: {exc}", code="RUNE-6509") from None


def call_limits(args: argparse.Namespace) -> dict[str, list[CallLimit]]:
    """What ``--limit-calls`` says, as ``Runtime`` takes it. Raises HandlerDefinitionError."""
    found: dict[str, list[CallLimit]] = {}
    if args.limit_calls:
        from ..engine.handlers.limits import parse_limit

        for word in args.limit_calls:
            name, equals, text = word.partition("=")
            if not equals or not name:
                raise UsageError(f"--limit-calls {word}: write HANDLER=LIMIT, such as http.get=8")
            found.setdefault(name, []).append(parse_limit(text))
    return found


def add_mocks(parser: argparse.ArgumentParser) -> None:
    """``--mocks``, for the verbs that mock handlers."""
    parser.add_argument(
        "--mocks",
        metavar="FILE",
        help="what mocked handlers give: Python functions named like them (dots become _), or YAML "
        "{handlers: {NAME: RESULT}, messages: [{topic, key, data}]}",
    )


def add_log(parser: argparse.ArgumentParser) -> None:
    """``--log``, for the verbs that run jobs."""
    from .logs import LEVELS

    parser.add_argument(
        "--log",
        choices=LEVELS,
        default="info",
        metavar="LEVEL",
        help=f"least level that is logged: {', '.join(LEVELS)}",
    )
    parser.add_argument(
        "--log-format",
        choices=("text", "json"),
        default="text",
        metavar="text|json",
        help="json: an object a line, with job, step, attempt, handler, tenant and worker, also of "
        "what handlers log by loggers of their own; text is the default",
    )
