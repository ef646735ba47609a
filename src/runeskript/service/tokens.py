"""Tokens: who holds the text is who the record says.

A token is ``rune_<id>_<secret>``. The id is public: it names the record in the store's table
``tokens``, stands in logs and is what is revoked. The secret is 256 random bits; the record holds
its SHA-256, which needs no salt and no slow hash, since there is nothing to guess. A record that
cannot be read lets nobody in.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Callable, Sequence
from typing import Any, Final

from ..engine.handlers.durations import milliseconds
from ..errors import StoreDamagedError, TokenError, TokenNotFoundError
from ..expr.instants import parse_instant, to_ms
from ..kernel.machine import SYSTEM
from ..model.limits import NAME, TOKEN_ROLES, TOPIC
from ..model.nearest import did_you_mean
from ..model.records import record
from ..model.values import Value, is_text
from ..stores.base import Store
from .access import HOOK, SCOPES, TENANT, Caller

#: Random bytes of the id and of the secret; both are written in hexadecimal.
ID_BYTES: Final = 8
SECRET_BYTES: Final = 32
_TEXT: Final = re.compile(
    rf"rune_([0-9a-f]{{{2 * ID_BYTES}}})_([0-9a-f]{{{2 * SECRET_BYTES}}})", re.ASCII
)
_ID: Final = re.compile(rf"[0-9a-f]{{{2 * ID_BYTES}}}", re.ASCII)
_LENGTH: Final = len("rune__") + 2 * (ID_BYTES + SECRET_BYTES)
_HASH: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)
#: What is compared with where there is no record: SHA-256 of nothing that anybody could send.
_NOBODY: Final = "0" * 64
#: Attempts to write a record that others write, too.
RACES: Final = 20
#: Records that are read at once.
PAGE: Final = 100

Random = Callable[[int], bytes]


@record
class Token:
    """What is known of a token, its secret aside. Times are milliseconds since 1970.

    ``name``: who acts with it. ``hook``: the topic it may send messages of, and nothing else.
    """

    id: str
    name: str
    tenant: str
    scopes: tuple[str, ...]
    roles: tuple[str, ...]
    hook: str | None
    created: int
    expires: int | None
    revoked: int | None

    def state(self, now: int) -> str:
        """``valid``, ``expired`` or ``revoked``."""
        if self.revoked is not None:
            return "revoked"
        return "expired" if self.expires is not None and now >= self.expires else "valid"

    def caller(self) -> Caller:
        """Who acts with it."""
        scopes = frozenset(self.scopes if self.hook is None else (f"{HOOK}:{self.hook}",))
        return Caller(self.name, self.tenant, scopes, self.roles, self.id)


@record
class DamagedToken:
    """A token whose record cannot be read: it lets nobody in. It can be revoked."""

    id: str
    problem: str


async def create(
    store: Store,
    *,
    name: str,
    tenant: str = "",
    scopes: Sequence[str] = (),
    roles: Sequence[str] = (),
    expires_at: int | None = None,
    hook: str | None = None,
    now: int,
    random: Random = secrets.token_bytes,
) -> str:
    """Make a token; its text, which nobody can be told again. Raises TokenError."""
    _check(name, tenant, scopes, roles, hook)
    if expires_at is not None and expires_at <= now:
        raise TokenError("the token would have expired already")
    for _ in range(RACES):
        id_, secret = random(ID_BYTES).hex(), random(SECRET_BYTES).hex()
        value: Value = {
            "hash": _digest(secret),
            "name": name,
            "tenant": tenant,
            "scopes": [scope for scope in SCOPES if scope in scopes],
            "roles": list(dict.fromkeys(roles)),
            "hook": hook,
            "created": now,
            "expires": expires_at,
            "revoked": None,
        }
        if await store.put_record("tokens", id_, value, 0) is not None:
            return f"rune_{id_}_{secret}"
    raise TokenError("no id was found that is free")


async def check(store: Store, text: object, now: int) -> Token | None:
    """The token whose text this is, None where it lets nobody in: it is no token, unknown, expired,
    revoked, or damaged. What is looked up and compared does not depend on which of these it is.

    Raises StoreError where the store cannot be asked (a damaged record is none of that).
    """
    if type(text) is not str or len(text) != _LENGTH:
        return None
    parts = _TEXT.fullmatch(text)
    if parts is None:
        return None
    id_, secret = parts.groups()
    value: Any = None
    try:
        found = await store.get_record("tokens", id_)
        value = None if found is None else found.value
    except StoreDamagedError:
        value = None
    kept = value.get("hash") if isinstance(value, dict) else None
    known = kept if isinstance(kept, str) and _HASH.fullmatch(kept) is not None else _NOBODY
    same = hmac.compare_digest(known, _digest(secret))
    token = _read(id_, value) if same and known is not _NOBODY else None
    return token if isinstance(token, Token) and token.state(now) == "valid" else None


async def is_valid(store: Store, id_: str, now: int) -> bool:
    """Whether a token that was checked before lets somebody in still. Raises StoreError."""
    try:
        found = await store.get_record("tokens", id_)
    except StoreDamagedError:
        return False
    token = None if found is None else _read(id_, found.value)
    return isinstance(token, Token) and token.state(now) == "valid"


async def any_token(store: Store) -> bool:
    """Whether there is any token: valid, expired, revoked or damaged."""
    try:
        return bool(await store.list_records("tokens", limit=1))
    except StoreDamagedError:
        return True


async def list_tokens(store: Store) -> list[Token | DamagedToken]:
    """All tokens, the oldest first; then those whose records are damaged.

    Raises StoreDamagedError where more than records is damaged.
    """
    found: list[Token | DamagedToken] = []
    after, size = "", PAGE
    while True:
        try:
            page = await store.list_records("tokens", "", after, size)
        except StoreDamagedError as exc:
            if exc.record is None:
                raise
            if size > 1:
                size = 1  # those in front of it
                continue
            found.append(DamagedToken(exc.record, exc.message))
            after, size = exc.record, PAGE
            continue
        found.extend(_read(one.name, one.value) for one in page)
        if len(page) < size:
            break
        after = page[-1].name
    return sorted(found, key=_by_age)


async def revoke(store: Store, id_: str, now: int) -> Token:
    """Let a token let nobody in any more, for good; its record stays. ``id_`` may be its text.

    Raises TokenNotFoundError.
    """
    parts = _TEXT.fullmatch(id_) if len(id_) == _LENGTH else None
    id_ = parts[1] if parts is not None else id_
    if _ID.fullmatch(id_) is None:
        raise TokenNotFoundError(f"{id_[:NAME]!r} is no id of a token")
    for _ in range(RACES):
        value: Any = None
        try:
            found = await store.get_record("tokens", id_)
            if found is None:
                raise TokenNotFoundError(f"no token has the id {id_}")
            value, version = found.value, found.version
        except StoreDamagedError as exc:
            version = exc.version
        token = _read(id_, value)
        if isinstance(token, Token) and token.revoked is not None:
            return token
        changed = {**(value if isinstance(token, Token) else _DAMAGED), "revoked": now}
        if await store.put_record("tokens", id_, changed, version) is not None:
            done = _read(id_, changed)
            assert isinstance(done, Token)  # noqa: S101 - it was made of one
            return done
    raise TokenError(f"cannot revoke {id_}: others write it all the time")


def expiry(text: str, now: int) -> int | None:
    """When a token ends: a duration from now (``90d``), an instant (RFC 3339), or ``never``.

    Raises TokenError.
    """
    word = text.strip()
    if word == "never":
        return None
    instant = parse_instant(word)
    if instant is not None:
        return to_ms(*instant)
    try:
        return now + milliseconds(word)
    except ValueError:
        raise TokenError(
            f"{text[:NAME]!r} is no time to expire: write 90d, 2027-01-01T00:00:00Z or never"
        ) from None


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _check(
    name: object, tenant: object, scopes: Sequence[str], roles: Sequence[str], hook: object
) -> None:
    """Raise TokenError for what no token can be."""
    if not _word(name, NAME) or name == SYSTEM:
        raise TokenError(
            f"a token's name says who acts with it: 1 to {NAME} printable characters, and not "
            f"`{SYSTEM}`"
        )
    if not isinstance(tenant, str) or TENANT.fullmatch(tenant) is None:
        raise TokenError("a tenant is 1 to 64 of a-z, 0-9, _ and -, and begins with a-z or 0-9")
    for scope in scopes:
        if scope not in SCOPES:
            known = did_you_mean(scope, SCOPES) or f"there are {', '.join(SCOPES)}"
            raise TokenError(f"there is no scope {scope[:NAME]!r}; {known}")
    if len(roles) > TOKEN_ROLES or not all(_word(role, NAME) for role in roles):
        raise TokenError(
            f"roles are at most {TOKEN_ROLES} texts of 1 to {NAME} printable characters"
        )
    if hook is None:
        if not scopes:
            raise TokenError(f"a token has a scope: {', '.join(SCOPES)}")
    elif not _word(hook, TOPIC):
        raise TokenError(f"a hook's topic is 1 to {TOPIC} printable characters")
    elif scopes or roles:
        raise TokenError("a token of a hook sends messages of its topic: no scopes, no roles")


def _word(text: object, most: int) -> bool:
    return isinstance(text, str) and 0 < len(text) <= most and is_text(text) and text.isprintable()


#: What a record holds -> of which type it is.
_HOLDS: Final[dict[str, tuple[type, ...]]] = {
    "hash": (str,), "name": (str,), "tenant": (str,), "scopes": (list,), "roles": (list,),
    "hook": (str, type(None)), "created": (int,), "expires": (int, type(None)),
    "revoked": (int, type(None)),
}  # fmt: skip
#: What is written in the place of a damaged record that is revoked.
_DAMAGED: Final[dict[str, Value]] = {
    "hash": _NOBODY, "name": "(damaged)", "tenant": "", "scopes": [], "roles": [], "hook": None,
    "created": 0, "expires": None,
}  # fmt: skip


def _read(id_: str, value: Any) -> Token | DamagedToken:
    if not isinstance(value, dict):
        return DamagedToken(id_, "its record is of no token")
    for key, types in _HOLDS.items():
        if key not in value or type(value[key]) not in types:
            return DamagedToken(id_, f"its record is of no token: `{key}`")
    scopes, roles = tuple(value["scopes"]), tuple(value["roles"])
    if not set(map(type, scopes + roles)) <= {str} or TENANT.fullmatch(value["tenant"]) is None:
        return DamagedToken(id_, "its record is of no token: `scopes`, `roles` or `tenant`")
    return Token(
        id_,
        value["name"],
        value["tenant"],
        scopes,
        roles,
        value["hook"],
        value["created"],
        value["expires"],
        value["revoked"],
    )


def _by_age(one: Token | DamagedToken) -> tuple[bool, int, str]:
    return (False, one.created, one.id) if isinstance(one, Token) else (True, 0, one.id)
