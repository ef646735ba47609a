"""``rune bench``: measure Runeskript against plain Python, both in this process, in turns."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from ...model.nearest import did_you_mean
from .. import terminal
from ..bench_measure import Figure
from ..bench_scenarios import MIN_ROUNDS, SCENARIOS
from ..options import add_output
from ..usage import UsageError


def configure(parser: ArgumentParser) -> None:
    """Declare the options."""
    names = ", ".join(SCENARIOS)
    parser.add_argument(
        "--scenario",
        action="append",
        default=[],
        metavar="NAME",
        help=f"only this scenario ({names}); may be repeated",
    )
    parser.add_argument(
        "--rounds",
        type=int,
        default=MIN_ROUNDS,
        metavar="N",
        help=f"pairs of measurements, at least {MIN_ROUNDS} (the default)",
    )
    parser.add_argument("--json", action="store_true", help="the same as --output json")
    add_output(parser)
    parser.epilog = (
        "Each scenario prints its rate (or a cost: bytes), the floor it is measured against and\n"
        "the floor's, the median of the paired ratios (above 1 is better than the floor), the\n"
        "smallest of them, and the peak memory."
    )


def execute(args: Namespace) -> int:
    """Run the scenarios in the order of the table."""
    for name in args.scenario:
        if name not in SCENARIOS:
            raise UsageError(
                f"unknown scenario `{name}`",
                code="RUNE-8009",
                hint=did_you_mean(name, SCENARIOS) or f"scenarios: {', '.join(SCENARIOS)}",
            )
    if args.rounds < MIN_ROUNDS:
        raise UsageError(f"--rounds {args.rounds}: a median needs at least {MIN_ROUNDS} rounds")
    mode = terminal.mode("json" if args.json else args.output)
    for name, scenario in SCENARIOS.items():
        if args.scenario and name not in args.scenario:
            continue
        for figure in scenario.measure(args.rounds):
            terminal.say_json(figure.to_dict()) if mode == "json" else terminal.say(_line(figure))
            terminal.flush()
    return 0


def _line(figure: Figure) -> str:
    extra = "".join(f", {key} {value}" for key, value in figure.extra.items())
    per = "" if figure.cost else "/s"
    return (
        f"{figure.scenario:<18}{figure.rate:>12,.1f} {figure.unit}{per}   {figure.ratio:.2f} x "
        f"{figure.floor} ({figure.floor_rate:,.1f}{per}), at least {figure.least:.2f}   "
        f"{figure.rss_mb:.0f} MB{extra}"
    )
