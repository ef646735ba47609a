"""The shop: a small real HTTP service for the order example (catalogue, payments, inventory).

Standard library only, loopback only. Everything it does is determined by its seed and by what it
is asked, so that two runs of the demo see the same 503s:

    GET  /sku/<sku>      the catalogue; now and then the first one or two requests answer 503
    POST /charges        {amount, key}   402 above the card's limit; one charge per key
    POST /refunds        {id} or {key}   one refund per charge; a key without a charge is voided
    POST /reservations   {items, key}    409 if an item is out of stock; one reservation per key
    GET  /ledger         what was charged, refunded and reserved so far

Run it by itself with ``python examples/shop/service.py --port 8080``.
"""

from __future__ import annotations

import argparse
import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

#: sku -> (name, price, pieces in stock)
CATALOGUE: dict[str, tuple[str, float, int]] = {
    "quill": ("Raven quill", 12.5, 400),
    "ink": ("Oak-gall ink, 50 ml", 7.5, 300),
    "vellum": ("Vellum, ten sheets", 40.0, 80),
    "chisel": ("Letter chisel", 55.0, 60),
    "mallet": ("Ash mallet", 32.5, 60),
    "whetstone": ("Whetstone", 25.0, 90),
    "beeswax": ("Beeswax, 100 g", 5.0, 500),
    "linen": ("Linen thread", 2.5, 900),
    "awl": ("Bookbinder's awl", 15.0, 120),
    "press": ("Nipping press", 180.0, 4),
    "lamp": ("Oil lamp", 45.0, 35),
    "runestone": ("Runestone, blank", 95.0, 0),
}
#: A card is declined above this amount.
CARD_LIMIT = 5_000.0
#: Out of a hundred catalogue pages, how many answer 503 at first.
FLAKY_PERCENT = 30
_MAX_BODY = 1_000_000

Answer = tuple[int, dict[str, Any]]


class Shop:
    """The state behind the service; every method answers (status, body)."""

    def __init__(self, seed: int = 3) -> None:
        self._seed = seed
        self._lock = threading.Lock()
        self._seen: Counter[str] = Counter()
        self.stock = {sku: row[2] for sku, row in CATALOGUE.items()}
        self.charges: dict[str, dict[str, Any]] = {}
        self.refunds: dict[str, dict[str, Any]] = {}
        #: Keys that were refunded before they were charged.
        self.voided: set[str] = set()
        self.reservations: dict[str, dict[str, Any]] = {}

    def _failures(self, sku: str) -> int:
        """How many requests for this page answer 503 before it works: 0, 1 or 2."""
        digest = blake2b(f"{self._seed}/{sku}".encode(), digest_size=2).digest()
        return 1 + digest[1] % 2 if digest[0] % 100 < FLAKY_PERCENT else 0

    def sku(self, sku: str) -> Answer:
        """One page of the catalogue."""
        row = CATALOGUE.get(sku)
        if row is None:
            return 404, {"error": "unknown sku", "sku": sku}
        with self._lock:
            self._seen[sku] += 1
            if self._seen[sku] <= self._failures(sku):
                return 503, {"error": "the catalogue is busy", "sku": sku}
        return 200, {"sku": sku, "name": row[0], "price": row[1], "currency": "EUR"}

    def charge(self, body: dict[str, Any]) -> Answer:
        """Charge the card once per key."""
        amount, key = body.get("amount"), body.get("key")
        if isinstance(amount, bool) or not isinstance(amount, int | float) or amount <= 0:
            return 422, {"error": "amount must be a positive number"}
        if not isinstance(key, str) or not key:
            return 422, {"error": "key must be a text"}
        if amount > CARD_LIMIT:
            return 402, {"error": "declined", "limit": CARD_LIMIT}
        with self._lock:
            if key in self.charges:
                return 200, self.charges[key]
            if key in self.voided:
                return 410, {"error": "voided", "key": key}
            charge = {"id": f"ch_{len(self.charges) + 1:04}", "amount": amount, "key": key}
            self.charges[key] = charge
            return 201, charge

    def refund(self, body: dict[str, Any]) -> Answer:
        """Give the money of one charge back, once."""
        key = body.get("key")
        with self._lock:
            charge = next(
                (c for c in self.charges.values() if c["id"] == body.get("id") or c["key"] == key),
                None,
            )
            if charge is not None:
                refund = {"id": f"re_{charge['id'][3:]}", "amount": charge["amount"]}
                self.refunds[charge["id"]] = refund
                return 200, refund
            if isinstance(key, str):
                self.voided.add(key)
                return 200, {"id": None, "amount": 0}
            return 404, {"error": "no such charge"}

    def reserve(self, body: dict[str, Any]) -> Answer:
        """Set the items aside, all or none, once per key."""
        items, key = body.get("items"), body.get("key")
        if not isinstance(items, list) or not isinstance(key, str) or not key:
            return 422, {"error": "items must be a list and key a text"}
        wanted: Counter[str] = Counter()
        for item in items:
            if not isinstance(item, dict) or not isinstance(item.get("qty"), int):
                return 422, {"error": "an item is {sku, qty}"}
            wanted[str(item.get("sku"))] += item["qty"]
        with self._lock:
            if key in self.reservations:
                return 200, self.reservations[key]
            for sku, quantity in wanted.items():
                if self.stock.get(sku, 0) < quantity:
                    return 409, {
                        "error": "out of stock",
                        "sku": sku,
                        "left": self.stock.get(sku, 0),
                    }
            for sku, quantity in wanted.items():
                self.stock[sku] -= quantity
            number = len(self.reservations) + 1
            reservation = {"id": f"rs_{number:04}", "pieces": sum(wanted.values())}
            self.reservations[key] = reservation
            return 201, reservation

    def ledger(self) -> Answer:
        """What happened so far."""
        with self._lock:
            return 200, {
                "charges": list(self.charges.values()),
                "refunds": list(self.refunds.values()),
                "reservations": list(self.reservations.values()),
                "catalogue_requests": sum(self._seen.values()),
            }


class _Requests(BaseHTTPRequestHandler):
    """HTTP in front of a Shop; the class attribute is set per server."""

    protocol_version = "HTTP/1.1"
    shop: ClassVar[Shop]

    def do_GET(self) -> None:
        """The catalogue, or the ledger."""
        path = self.path.partition("?")[0]
        if path.startswith("/sku/"):
            self._answer(self.shop.sku(path.removeprefix("/sku/")))
        elif path == "/ledger":
            self._answer(self.shop.ledger())
        else:
            self._answer((404, {"error": "not found"}))

    def do_POST(self) -> None:
        """Payments and inventory."""
        routes = {
            "/charges": self.shop.charge,
            "/refunds": self.shop.refund,
            "/reservations": self.shop.reserve,
        }
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > _MAX_BODY:
            self.close_connection = True
            self._answer((411, {"error": "Content-Length is needed"}))
            return
        data = self.rfile.read(int(length))
        try:
            body = json.loads(data)
        except ValueError:
            body = None
        if self.path not in routes:
            self._answer((404, {"error": "not found"}))
        elif not isinstance(body, dict):
            self._answer((400, {"error": "the body must be a JSON object"}))
        else:
            self._answer(routes[self.path](body))

    def _answer(self, answer: Answer) -> None:
        status, body = answer
        data = json.dumps(body).encode()
        self.send_response(HTTPStatus(status))
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Silence: the client's view is the one worth watching."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


def make_server(shop: Shop, port: int = 0) -> ThreadingHTTPServer:
    """A server for one shop, on loopback only; port 0 takes a free one."""
    handler = type("Requests", (_Requests,), {"shop": shop})
    return _Server(("127.0.0.1", port), handler)


@contextmanager
def running(seed: int = 3) -> Iterator[tuple[str, Shop]]:
    """The service on a free port, in a thread of this process: yields (base URL, shop)."""
    shop = Shop(seed)
    server = make_server(shop)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), name="shop", daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", shop
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=5)


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(description="The shop service of the order example.")
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--seed", type=int, default=3)
    options = parser.parse_args()
    server = make_server(Shop(options.seed), options.port)
    host, port = "127.0.0.1", server.server_address[1]
    print(f"the shop listens on http://{host}:{port}", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass
    finally:
        server.server_close()


if __name__ == "__main__":
    main()
