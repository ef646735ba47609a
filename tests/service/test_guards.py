"""The door: what comes from a browser for somebody else does not get in."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest

from runeskript.errors import HostError, MediaTypeError, OriginError, RuntimeOptionError
from runeskript.service import guards


class Rules(NamedTuple):
    hosts: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()


PLAIN = Rules()


def check(rules: Rules = PLAIN, method: str = "POST", **headers: str) -> dict[str, str]:
    given = {"host": "localhost:8440"}
    given |= {name.replace("_", "-"): value for name, value in headers.items()}
    return dict(guards.check({"method": method}, given, rules))


# --- Host -------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "host",
    [
        "localhost", "LOCALHOST:8440", "localhost.", "127.0.0.1", "127.0.0.1:1", "127.9.9.9:8440",
        "[::1]", "[::1]:8440", "10.0.0.7:8440", "[2001:db8::1]:65535",
    ],
)  # fmt: skip
def test_hosts_that_nobody_can_rebind(host: str) -> None:
    assert check(host=host) == {}


@pytest.mark.parametrize(
    "host",
    [
        "", "evil.example", "localhost.evil.example", "evil.localhost", "127.0.0.1.evil.example",
        "localhost:0", "localhost:65536", "localhost:", "localhost:80:80", "localhost, evil",
        "localhost, localhost", "user@localhost", "localhost/", "localhost\0", " localhost", "::1",
        "[::1", "[localhost]", "0.0.0.0", "0.0.0.0:8440", "[::]", "[::1%25lo]", "2130706433",
        "0x7f000001", "127.1", "-localhost", "localhost\n", "localhöst", "a" * 10_000_000,
    ],
)  # fmt: skip
def test_hosts_that_are_refused(host: str) -> None:
    with pytest.raises(HostError) as caught:
        check(host=host)
    assert len(caught.value.message) < 1_000


def test_a_host_that_is_missing_is_refused() -> None:
    with pytest.raises(HostError):
        guards.check({"method": "GET"}, {}, PLAIN)


@pytest.mark.parametrize(
    ("allowed", "host", "fits"),
    [
        ("shop.example", "shop.example", True),
        ("Shop.Example", "SHOP.example:99", True),
        ("shop.example", "shop.example.", True),
        ("shop.example", "a.shop.example", False),
        ("shop.example:8440", "shop.example:8440", True),
        ("shop.example:8440", "shop.example:8441", False),
        ("shop.example:8440", "shop.example", False),
        ("*.shop.example", "a.shop.example", True),
        ("*.shop.example", "a.b.shop.example:1", True),
        ("*.shop.example", "shop.example", False),
        ("*.shop.example", "ashop.example", False),
        ("*", "anything.at.all", True),
        ("*", "", False),
    ],
)
def test_hosts_that_were_allowed(allowed: str, host: str, fits: bool) -> None:
    assert guards.known_host(host, guards.hosts([allowed])) is fits


@pytest.mark.parametrize("text", ["", "a b", "http://a", "a/b", "**", "*.*", "a.*", "a:b", "a\0"])
def test_what_cannot_be_allowed_as_a_host(text: str) -> None:
    with pytest.raises(RuntimeOptionError):
        guards.hosts([text])


# --- Origin -----------------------------------------------------------------------------------
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "OPTIONS"])
@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example", "null", "", "file://", "http://localhost", "http://localhost:8441",
        "http://localhost:8440.evil.example", "http://evil@localhost:8440", "localhost:8440",
        "http://localhost:8440/", "http://localhost:8440, http://localhost:8440", "http://\0",
        "chrome-extension://localhost:8440", "http://" + "a" * 10_000_000,
    ],
)  # fmt: skip
def test_pages_of_others_are_refused(method: str, origin: str) -> None:
    with pytest.raises(OriginError) as caught:
        check(method=method, origin=origin)
    assert len(caught.value.message) < 1_000


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("http://localhost:8440", "localhost:8440"),
        ("http://LOCALHOST", "localhost"),
        ("http://localhost", "localhost:80"),
        ("https://localhost", "localhost"),
        ("https://localhost", "localhost:443"),
        ("http://[::1]:8440", "[::1]:8440"),
    ],
)
def test_pages_of_the_service_itself_may_call(origin: str, host: str) -> None:
    assert check(origin=origin, host=host, sec_fetch_site="same-origin") == {}


def test_a_page_of_another_port_is_another_site() -> None:
    with pytest.raises(OriginError):
        check(origin="http://127.0.0.1:8440")
    assert not guards.same_origin("http://localhost:8441", "localhost:8440")


@pytest.mark.parametrize("site", ["cross-site", "same-site", "", "None", "none, cross-site"])
def test_what_a_browser_sends_for_another_site_is_refused(site: str) -> None:
    for method in ("GET", "POST"):
        with pytest.raises(OriginError):
            check(method=method, sec_fetch_site=site)


def test_links_may_be_followed_and_nothing_else() -> None:
    visit = {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate"}
    assert check(method="GET", sec_fetch_dest="document", **visit) == {}
    for method, dest in (("POST", "document"), ("GET", "iframe"), ("GET", "object"), ("GET", "")):
        with pytest.raises(OriginError):
            check(method=method, sec_fetch_dest=dest, **visit)


def test_what_no_browser_sent_has_no_such_headers() -> None:
    assert check() == {}
    assert check(sec_fetch_site="none") == {}


# --- CORS -------------------------------------------------------------------------------------
SHOP = Rules(origins=("https://shop.example",))


def test_an_allowed_origin_is_named_and_nobody_else() -> None:
    found = check(SHOP, origin="https://shop.example", sec_fetch_site="cross-site")
    assert found["access-control-allow-origin"] == "https://shop.example"
    assert found["vary"] == "origin" and "etag" in found["access-control-expose-headers"]
    assert check(SHOP) == {"vary": "origin"}
    for other in ("https://shop.example:443", "http://shop.example", "https://a.shop.example",
                  "https://SHOP.example", "https://shop.example.evil", "null"):  # fmt: skip
        with pytest.raises(OriginError):
            check(SHOP, origin=other)


def test_a_preflight_of_an_allowed_origin() -> None:
    asks = {"access_control_request_method": "PUT", "origin": "https://shop.example"}
    found = check(SHOP, "OPTIONS", **asks)
    assert "PUT" in found["access-control-allow-methods"]
    assert "authorization" in found["access-control-allow-headers"]
    assert "access-control-allow-private-network" not in found
    found = check(SHOP, "OPTIONS", **asks, access_control_request_private_network="true")
    assert found["access-control-allow-private-network"] == "true"


@pytest.mark.parametrize("rules", [PLAIN, SHOP])
def test_nothing_is_said_to_everybody(rules: Rules) -> None:
    for origin in (None, "https://shop.example"):
        headers: dict[str, Any] = {} if origin is None or rules is PLAIN else {"origin": origin}
        for method in ("GET", "OPTIONS"):
            found = check(rules, method, **headers, access_control_request_method="GET")
            assert "*" not in found.values()
            assert "access-control-allow-credentials" not in found


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("https://shop.example", "https://shop.example"),
        ("HTTPS://Shop.Example:443", "https://shop.example"),
        ("http://localhost:3000", "http://localhost:3000"),
        ("http://[::1]:3000", "http://[::1]:3000"),
    ],
)
def test_origins_as_browsers_write_them(text: str, written: str) -> None:
    assert guards.origins([text]) == (written,)


@pytest.mark.parametrize(
    "text", ["*", "null", "shop.example", "https://*.example", "https://a/", ""]
)
def test_what_cannot_be_allowed_as_an_origin(text: str) -> None:
    with pytest.raises(RuntimeOptionError):
        guards.origins([text])


# --- bodies -----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "given",
    [
        "application/json", "Application/JSON; charset=UTF-8", 'application/json;charset="utf-8"',
        "application/problem+json", "application/json ; boundary=x",
    ],
)  # fmt: skip
def test_json_is_read(given: str) -> None:
    guards.check_media({"content-type": given})


@pytest.mark.parametrize(
    "given",
    [
        "", "text/plain", "text/plain; application/json", "application/x-www-form-urlencoded",
        "multipart/form-data", "application/jsonp", "text/json", "application/json; charset=latin-1",
        "application/json, text/plain", "*/*", "json", "application/json\0", "x" * 10_000_000,
    ],
)  # fmt: skip
def test_what_pages_can_send_without_asking_is_not_read(given: str) -> None:
    with pytest.raises(MediaTypeError) as caught:
        guards.check_media({"content-type": given} if given else {})
    assert len(caught.value.message) < 1_000
