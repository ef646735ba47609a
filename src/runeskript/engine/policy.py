"""What documents may use here: handlers, hosts, secrets and variables of the environment, by name.

A policy is a file of tables; what none of them allows is refused.

    [default]                          # for what a table below does not say
    handlers = ["http.get", "shop.*"]
    hosts = ["api.shop.example", "*.parcels.example:8443"]

    [skripts.order-fulfilment]         # deployed under this name
    secrets = ["SHOP_TOKEN"]

    [skripts."acme/import-*"]          # of the tenant acme; the first table that fits counts
    hosts = ["*"]

    [carried]                          # documents that come with a job, whatever they are called
    handlers = []

Handlers, secrets and ``env`` stand in the Blueprint, and are looked at where a document is deployed
or submitted, and a job forked, retried or claimed. Hosts are looked at with each request that a
handler ``http.*`` sends, redirects too.
A document that a job brings along may call itself anything; a table of ``skripts`` is for it only
where the very same document (by the hash of its AST) is deployed under that name.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from ..errors import NotAllowedError, RuntimeOptionError
from ..model.blueprint import Blueprint
from ..model.nearest import did_you_mean
from ..model.records import record

#: What a table may allow.
KINDS: Final = ("handlers", "hosts", "secrets", "env")
_TABLES: Final = ("default", "skripts", "carried")
_NAME: Final = re.compile(r"[A-Za-z0-9_.*-]{1,200}", re.ASCII)
_SKRIPT: Final = re.compile(r"(?:([a-z0-9][a-z0-9_-]{0,63})/)?([A-Za-z0-9_.*-]{1,200})", re.ASCII)
_HOST: Final = re.compile(
    r"(?:\*|(?:\*\.)?[a-z0-9_-]+(?:\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?", re.ASCII
)


@record
class Grants:
    """What one document may use; each a list of names in which ``*`` stands for any text."""

    handlers: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    env: tuple[str, ...] = ()

    def check(self, blueprint: Blueprint, secrets: Collection[str] = ()) -> None:
        """Raise NotAllowedError for a Blueprint that names what it may not use. ``secrets``: those
        that it is given besides its own.
        """
        for kind, names, allowed in (
            ("handlers", [ref.name for ref in blueprint.handlers], self.handlers),
            ("secrets", sorted(secrets_of(blueprint).union(secrets)), self.secrets),
            ("env", list(blueprint.env), self.env),
        ):
            refused = [name for name in names if not any(_fits(name, one) for one in allowed)]
            if refused:
                raise NotAllowedError(blueprint.name, kind, tuple(refused))

    def reaches(self, host: str, port: int) -> bool:
        """Whether an ``http.*`` call may go to a host, as its URL has it."""
        plain = host.rstrip(".").lower()
        name = f"[{plain}]" if ":" in plain else plain
        return any(_host_fits(name, port, one) for one in self.hosts)


@record
class _Row:
    tenant: str
    name: str
    grants: Grants


class Policy:
    """What documents may use; ``read`` makes it of a file's text."""

    def __init__(self, default: Grants, carried: Grants, rows: Sequence[_Row]) -> None:
        self._default = default
        self._carried = carried
        self._rows = tuple(rows)

    def deployed(self, name: str, tenant: str) -> Grants:
        """What a skript or machine may use that is deployed under a name."""
        for row in self._rows:
            if row.tenant == tenant and _fits(name, row.name):
                return row.grants
        return self._default

    def carried(self) -> Grants:
        """What a document may use that comes with a job."""
        return self._carried


def secrets_of(blueprint: Blueprint) -> frozenset[str]:
    """The names of the secrets that a Blueprint refers to."""
    found: set[str] = set()
    stack: list[Any] = [blueprint.exprs, blueprint.regions]
    stack.extend(function.ir for function in blueprint.functions)
    while stack:
        node = stack.pop()
        if len(node) == 2 and node[0] == "secret" and isinstance(node[1], str):
            found.add(node[1])
        stack.extend(part for part in node if isinstance(part, tuple))
    return frozenset(found)


# --- reading --------------------------------------------------------------------------------------
def read(text: str) -> Policy:
    """The policy of a file's text (TOML). Raises RuntimeOptionError (RUNE-6509)."""
    import tomllib  # ten milliseconds that most runs do without

    try:
        data = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as exc:
        raise _wrong(f"it is no TOML: {exc}") from None
    _known(data, _TABLES, "table")
    default = _grants(data.get("default", {}), "default", Grants())
    carried = _grants(data.get("carried", {}), "carried", default)
    skripts = data.get("skripts", {})
    if not isinstance(skripts, dict):
        raise _wrong("[skripts] is a table of tables: [skripts.NAME]")
    rows = []
    for name, table in skripts.items():
        parts = _SKRIPT.fullmatch(name)
        if parts is None:
            raise _wrong(f"[skripts.{name!r}] is no name: write NAME or TENANT/NAME; * is any text")
        rows.append(_Row(parts[1] or "", parts[2], _grants(table, f"skripts.{name}", default)))
    return Policy(default, carried, rows)


def _grants(table: Any, where: str, default: Grants) -> Grants:
    if not isinstance(table, dict):
        raise _wrong(f"[{where}] is a table")
    _known(table, KINDS, f"key in [{where}]")
    found: dict[str, tuple[str, ...]] = {}
    for kind in KINDS:
        names = table.get(kind, getattr(default, kind))
        form = _HOST if kind == "hosts" else _NAME
        if not isinstance(names, list | tuple) or not all(isinstance(one, str) for one in names):
            raise _wrong(f"[{where}] {kind} is a list of texts")
        for one in names:
            if form.fullmatch(one.lower() if kind == "hosts" else one) is None:
                raise _wrong(f"[{where}] {kind}: {one[:200]!r} {_MEANT[kind]}")
        found[kind] = tuple(one.lower() if kind == "hosts" else one for one in names)
    return Grants(**found)


_MEANT: Final = {
    "hosts": "is no host: write NAME, *.DOMAIN or an address, with :PORT if wanted, or *",
    **dict.fromkeys(("handlers", "secrets", "env"), "is no name; * is any text"),
}


def _known(table: Mapping[str, Any], names: Sequence[str], what: str) -> None:
    for key in table:
        if key not in names:
            hint = did_you_mean(key, names) or f"there are {', '.join(names)}"
            raise _wrong(f"there is no {what} `{key}`; {hint}")


def _wrong(message: str) -> RuntimeOptionError:
    return RuntimeOptionError(f"the policy: {message}", code="RUNE-6509")


# --- names ----------------------------------------------------------------------------------------
def _fits(name: str, pattern: str) -> bool:
    """Whether a name is what a pattern says; each ``*`` stands for any text. In linear time: each
    part is taken where it comes first, which leaves most for those behind it.
    """
    first, *parts = pattern.split("*")
    if not parts:
        return name == pattern
    last = parts.pop()
    at, end = len(first), len(name) - len(last)
    if not name.startswith(first) or not name.endswith(last) or at > end:
        return False
    for part in parts:
        found = name.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return True


def _host_fits(name: str, port: int, pattern: str) -> bool:
    wanted, only = pattern, ""
    if not pattern.endswith("]"):
        head, colon, tail = pattern.rpartition(":")
        if colon:
            wanted, only = head, tail
    if only and int(only) != port:
        return False
    if wanted == "*":
        return True
    return name.endswith(wanted[1:]) if wanted.startswith("*.") else name == wanted
