"""``rune token``: make and revoke the tokens that `rune serve` asks for."""

from __future__ import annotations

import asyncio
from argparse import Namespace
from collections.abc import Awaitable, Callable
from typing import Any, Final

from ...engine.clock import SystemClock
from ...expr.instants import format_instant
from ...service import tokens
from ...service.access import SCOPES
from ...service.tokens import DamagedToken, Token
from ...stores import Store, open_store
from .. import terminal
from ..options import Parser, add_output
from ..usage import UsageError

#: What can be asked, and what words it takes.
ACTIONS: Final = {"create": "", "list": "", "revoke": "ID ..."}


def configure(parser: Parser) -> None:
    """Declare the options."""
    parser.add_argument("action", choices=ACTIONS, metavar="ACTION", help=", ".join(ACTIONS))
    parser.add_argument("words", metavar="ID", nargs="*", help="revoke: ids of tokens")
    parser.add_argument(
        "--store",
        default="sqlite://",
        metavar="URL",
        help="the store: sqlite:///PATH; sqlite:// (the default) is .rune/jobs.db",
    )
    parser.add_argument("--name", metavar="TEXT", help="create: who acts with it")
    parser.add_argument(
        "--scope",
        action="append",
        default=[],
        metavar="SCOPE",
        help=f"create: what it may be used for: {', '.join(SCOPES)}; may be repeated",
    )
    parser.add_argument(
        "--role",
        action="append",
        default=[],
        metavar="ROLE",
        help="create: a role that machines' `allow` refers to; may be repeated",
    )
    parser.add_argument(
        "--tenant", default="", metavar="NAME", help="create: whose jobs it sees; the default one"
    )
    parser.add_argument(
        "--expires",
        default="never",
        metavar="TIME",
        help="create: after a duration (90d) or at an instant (RFC 3339); never is the default",
    )
    parser.add_argument(
        "--hook", metavar="TOPIC", help="create: for POST /hooks/TOPIC and nothing else"
    )
    add_output(parser)
    parser.only_for(("create",), "name", "scope", "role", "tenant", "expires", "hook")
    parser.epilog = (
        "create  make a token and print it, this once: only its hash is stored\n"
        "list    all tokens, those that are revoked or have expired, too; never their secrets\n"
        "revoke  let tokens let nobody in any more, from the next request on\n"
        "\n"
        "No scope implies another; admin has them all. As soon as a store has a token, `rune\n"
        "serve` asks every request for one, for good."
    )


def execute(args: Namespace) -> int:
    """Do it."""
    wanted = ACTIONS[args.action]
    if bool(args.words) != bool(wanted):
        raise UsageError(f"write: rune token {args.action} {wanted}".rstrip())
    if args.store.startswith("memory:"):
        raise UsageError("a token is kept in the store of the service: --store sqlite:///PATH")
    asyncio.run(_run(args, terminal.mode(args.output) == "json"))
    return 0


async def _run(args: Namespace, as_json: bool) -> None:
    store = open_store(args.store, SystemClock().now_ms)
    try:
        await _DO[args.action](store, args, as_json)
    finally:
        await store.close()


async def _create(store: Store, args: Namespace, as_json: bool) -> None:
    if args.name is None:
        raise UsageError("say who acts with it: --name TEXT")
    now = store.now()
    text = await tokens.create(
        store,
        name=args.name,
        tenant=args.tenant,
        scopes=args.scope,
        roles=args.role,
        expires_at=tokens.expiry(args.expires, now),
        hook=args.hook,
        now=now,
    )
    if as_json:
        made = await tokens.check(store, text, now)
        shown = {} if made is None else _fields(made, now)
        terminal.say_json({**shown, "token": text})
        return
    terminal.say(text)
    terminal.note("Keep it: it is shown this once, and only its hash is stored.")


async def _list(store: Store, args: Namespace, as_json: bool) -> None:
    now = store.now()
    for one in await tokens.list_tokens(store):
        if as_json:
            terminal.say_json(_fields(one, now))
        else:
            terminal.say(terminal.printable(_line(one, now)))


async def _revoke(store: Store, args: Namespace, as_json: bool) -> None:
    now = store.now()
    for id_ in args.words:
        token = await tokens.revoke(store, id_, now)
        if as_json:
            terminal.say_json(_fields(token, now))
        else:
            terminal.note(terminal.printable(f"{token.id}: revoked ({token.name})"))


_DO: Final[dict[str, Callable[[Store, Namespace, bool], Awaitable[None]]]] = {
    "create": _create,
    "list": _list,
    "revoke": _revoke,
}


def _fields(one: Token | DamagedToken, now: int) -> dict[str, Any]:
    if isinstance(one, DamagedToken):
        return {"id": one.id, "damaged": one.problem}
    return {
        "id": one.id,
        "name": one.name,
        "state": one.state(now),
        "tenant": one.tenant,
        "scopes": list(one.scopes),
        "roles": list(one.roles),
        "hook": one.hook,
        "created": one.created,
        "expires": one.expires,
        "revoked": one.revoked,
    }


def _line(one: Token | DamagedToken, now: int) -> str:
    if isinstance(one, DamagedToken):
        return f"{one.id}  damaged  {one.problem}"
    ends = "never" if one.expires is None else format_instant(one.expires)[:19] + "Z"
    may = f"hook:{one.hook}" if one.hook is not None else ",".join(one.scopes)
    roles = f"  roles {','.join(one.roles)}" if one.roles else ""
    tenant = f"  tenant {one.tenant}" if one.tenant else ""
    state = one.state(now)
    return f"{one.id}  {state:<7}  {one.name:<16}  {may}{roles}{tenant}  expires {ends}"
