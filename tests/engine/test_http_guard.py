"""Which addresses http.* may connect to."""

from __future__ import annotations

import ipaddress

import pytest

from runeskript.engine.builtin.guard import AddressDeniedError, HostPolicy, literal, unwrap

DENIED = [
    "127.0.0.1",
    "127.8.8.8",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0",
    "255.255.255.255",
    "224.0.0.1",
    "239.1.1.1",
    "198.18.0.1",
    "192.0.2.1",
    "240.0.0.1",
    "::",
    "::1",
    "fe80::1",
    "fc00::1",
    "fd00:ec2::254",
    "ff02::1",
    "ff0e::1",
    "2001:db8::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::127.0.0.1",
    "::ffff:0:127.0.0.1",
    "64:ff9b::7f00:1",
    "2002:7f00:1::",
    "2001:0:4136:e378:8000:63bf:80ff:fffe",
]
ALLOWED = [
    "8.8.8.8",
    "1.1.1.1",
    "93.184.216.34",
    "2606:4700:4700::1111",
    "::ffff:8.8.8.8",
    "64:ff9b::808:808",
]


@pytest.mark.parametrize("text", DENIED)
def test_denied(text: str) -> None:
    with pytest.raises(AddressDeniedError):
        HostPolicy().check("host", 80, ipaddress.ip_address(text))


@pytest.mark.parametrize("text", ALLOWED)
def test_allowed(text: str) -> None:
    HostPolicy().check("host", 80, ipaddress.ip_address(text))


@pytest.mark.parametrize(
    ("pattern", "host", "port", "address", "allowed"),
    [
        ("127.0.0.1", "127.0.0.1", 80, "127.0.0.1", True),
        ("127.0.0.1", "any.name", 80, "127.0.0.1", True),
        ("127.0.0.1", "127.0.0.1", 80, "127.0.0.2", False),
        ("127.0.0.1", "x", 80, "::ffff:127.0.0.1", True),
        ("127.0.0.1:8080", "x", 8080, "127.0.0.1", True),
        ("127.0.0.1:8080", "x", 80, "127.0.0.1", False),
        ("10.0.0.0/8", "x", 80, "10.9.8.7", True),
        ("10.0.0.0/8", "x", 80, "11.0.0.1", True),
        ("10.0.0.0/8", "x", 80, "192.168.0.1", False),
        ("localhost", "localhost", 80, "127.0.0.1", True),
        ("localhost", "LOCALHOST.", 80, "::1", True),
        ("localhost", "other", 80, "127.0.0.1", False),
        ("localhost:8080", "localhost", 8080, "127.0.0.1", True),
        ("localhost:8080", "localhost", 8081, "127.0.0.1", False),
        ("*.internal", "a.internal", 80, "10.0.0.1", True),
        ("*.internal", "a.b.internal", 80, "10.0.0.1", True),
        ("*.internal", "internal", 80, "10.0.0.1", False),
        ("*.internal", "xinternal", 80, "10.0.0.1", False),
        ("*.internal:81", "a.internal", 81, "10.0.0.1", True),
        ("::1", "x", 80, "::1", True),
        ("[::1]:8080", "x", 8080, "::1", True),
        ("[::1]:8080", "x", 80, "::1", False),
        ("fd00::/8", "x", 80, "fd12::1", True),
        ("*", "x", 80, "169.254.169.254", True),
    ],
)
def test_patterns(pattern: str, host: str, port: int, address: str, allowed: bool) -> None:
    policy = HostPolicy([pattern])
    if allowed:
        policy.check(host, port, ipaddress.ip_address(address))
    else:
        with pytest.raises(AddressDeniedError):
            policy.check(host, port, ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "pattern", ["", "http://x", "x:", "x:0", "x:99999", "x:abc", "a b", "*.*", "x/8", "[::1", "ä"]
)
def test_bad_patterns(pattern: str) -> None:
    with pytest.raises(ValueError, match="is no host"):
        HostPolicy([pattern])


def test_one_text_is_no_list() -> None:
    with pytest.raises(ValueError, match="list"):
        HostPolicy("localhost")


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "017700000001",
        "0x7f.1",
        "127.0.1",
        "127.0.0.1.",
    ],
)
def test_every_way_to_write_an_address(host: str) -> None:
    assert str(literal(host)) == "127.0.0.1"


@pytest.mark.parametrize("host", ["localhost", "example.com", "1password.com", "face", "", "0x.y"])
def test_names_are_no_addresses(host: str) -> None:
    assert literal(host) is None


def test_literals_of_version_6() -> None:
    assert str(literal("::1")) == "::1"
    assert str(literal("fe80::1%eth0")) == "fe80::1"
    mapped = literal("::ffff:127.0.0.1")
    assert mapped is not None
    assert str(unwrap(mapped)) == "127.0.0.1"
