"""Write ``access.log``: a web server's log in combined format, the same bytes for the same seed.

Each line is the *combined* format of Apache and nginx with the request time in seconds at its end
(nginx: ``$request_time``). A day of traffic of a small shop: more at noon and in the evening,
slower when busy, a crawler, a scanner that probes for holes, a few lines cut short as after a
full disk.

    python examples/access-log/generate.py [--lines 12000] [--seed 20240229] [--out access.log]
"""

from __future__ import annotations

import argparse
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

DAY = datetime(2024, 2, 29, tzinfo=UTC)
#: Share of the day's requests per hour, 0 to 23.
BY_HOUR = (2, 1, 1, 1, 1, 2, 4, 6, 8, 9, 10, 11, 13, 12, 10, 9, 9, 10, 12, 15, 16, 13, 8, 4)
#: (path, weight, usual bytes, usual seconds)
PAGES = (
    ("/", 18, 14_200, 0.031),
    ("/catalogue", 14, 22_900, 0.055),
    ("/catalogue?page=2", 5, 21_700, 0.058),
    ("/sku/quill", 9, 8_100, 0.024),
    ("/sku/vellum", 7, 8_400, 0.026),
    ("/sku/chisel", 6, 8_300, 0.025),
    ("/sku/press", 3, 9_000, 0.027),
    ("/search?q=runes", 6, 12_600, 0.140),
    ("/cart", 8, 3_900, 0.042),
    ("/checkout", 4, 5_200, 0.210),
    ("/static/site.css", 12, 31_000, 0.004),
    ("/static/site.js", 11, 88_000, 0.007),
    ("/static/logo.svg", 10, 2_100, 0.003),
    ("/favicon.ico", 6, 1_150, 0.002),
    ("/account", 3, 4_700, 0.060),
)
PROBES = ("/wp-login.php", "/.env", "/admin/config.php", "/cgi-bin/test.cgi")
AGENTS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:122.0) Gecko/20100101 Firefox/122.0",
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/121.0.0.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_3 like Mac OS X) Version/17.3 Mobile Safari/604.1",
)
CRAWLER = "Mozilla/5.0 (compatible; ExampleBot/2.1; +https://bot.example/about)"
REFERERS = (
    "-",
    "-",
    "-",
    "https://shop.example/",
    "https://shop.example/catalogue",
    "https://search.example/?q=rune+shop",
)


def _line(rng: random.Random, at: datetime) -> str:
    """One request at a moment of the day."""
    busy = BY_HOUR[at.hour] / max(BY_HOUR)
    kind = rng.random()
    method, status, agent, referer = "GET", 200, rng.choice(AGENTS), rng.choice(REFERERS)
    # Documentation addresses (RFC 5737), never somebody's.
    client = f"{rng.choice(('198.51.100', '203.0.113', '192.0.2'))}.{rng.randint(1, 254)}"
    path, _, size, seconds = rng.choices(PAGES, weights=[p[1] for p in PAGES])[0]
    if kind < 0.015:
        path, status, size, seconds = rng.choice(PROBES), 404, 540, 0.002
        agent, referer = "-", "-"
    elif kind < 0.06:
        agent, referer, client = CRAWLER, "-", "192.0.2.66"
    elif path == "/checkout":
        method, status = "POST", 303 if rng.random() < 0.9 else 422
    elif path.startswith("/static") and rng.random() < 0.45:
        status, size = 304, 0
    if status == 200 and rng.random() < 0.002 + 0.02 * busy**4:
        status, size, seconds = rng.choice((500, 502, 503)), 610, seconds * 12
    seconds *= rng.lognormvariate(0.0, 0.5) * (1 + 3 * busy**3)
    size = 0 if size == 0 else max(120, int(rng.gauss(size, size * 0.04)))
    shown = "-" if size == 0 else str(size)
    stamp = at.strftime("%d/%b/%Y:%H:%M:%S +0000")
    return (
        f'{client} - - [{stamp}] "{method} {path} HTTP/1.1" {status} {shown}'
        f' "{referer}" "{agent}" {seconds:.3f}'
    )


def generate(lines: int, seed: int) -> str:
    """The whole log; ``lines`` lines in the order of time, each ended by a newline."""
    rng = random.Random(seed)  # noqa: S311 - reproducible traffic, not a secret
    hours = rng.choices(range(24), weights=BY_HOUR, k=lines)
    moments = sorted(DAY + timedelta(hours=hour, seconds=rng.randrange(3600)) for hour in hours)
    out = []
    for at in moments:
        line = _line(rng, at)
        if rng.random() < 0.0006:
            line = line[: rng.randint(12, 60)]
        out.append(line)
    return "\n".join(out) + "\n"


def main() -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(description="Write a day's access log.")
    parser.add_argument("--lines", type=int, default=12_000)
    parser.add_argument("--seed", type=int, default=20240229)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("access.log"))
    options = parser.parse_args()
    options.out.write_text(generate(options.lines, options.seed), encoding="ascii", newline="\n")


if __name__ == "__main__":
    main()
