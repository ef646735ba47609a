"""A Blueprint as a listing for people: ``rune explain`` prints it.

Instructions stand under the source line they come from, operands go by the names and kinds of
``isa.ROWS``, expressions and regions are written out in place, and an address that something jumps
to is marked ``>``. What a verifier would refuse is shown as it is: a listing is how one finds out.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from ..errors import BlueprintError
from .blueprint import Blueprint, Body, Policy
from .blueprint_codec import digest
from .durations import show_duration
from .ir_text import Names, expression_text, region_text
from .isa import BY_OP, Row

__all__ = ["disassemble", "instruction_texts"]

#: A longer instruction gets one line per operand.
WIDTH: Final = 100
#: Where operands begin; what belongs to an instruction is indented this far.
_MARGIN: Final = 20


def disassemble(bp: Blueprint) -> str:
    """The listing of ``bp``, ending in a newline. Never raises for a decoded Blueprint."""
    return "\n".join(_Listing(bp).lines()) + "\n"


def instruction_texts(bp: Blueprint, addresses: Iterable[int]) -> dict[int, str]:
    """The instructions at some addresses, one line each; those that are not in the code are left
    out. Never raises for a decoded Blueprint, whatever a verifier would say of it."""
    wanted = {address for address in addresses if 0 <= address < len(bp.code)}
    if not wanted:
        return {}
    listing = _Listing(bp)
    found = {}
    for address in sorted(wanted):
        body = next((i for i, b in enumerate(bp.bodies) if b.entry <= address < b.end), 0)
        line = next(listing.instruction(address, bp.code[address], listing.names(body))).strip(" >")
        found[address] = line if len(line) <= WIDTH else line[: WIDTH - 1] + "…"
    return found


class _Listing:
    __slots__ = ("bp", "functions", "source", "targets")

    def __init__(self, bp: Blueprint) -> None:
        self.bp = bp
        self.functions = [function.name for function in bp.functions]
        self.source = bp.debug.source.splitlines()
        self.targets = set(_targets(bp))

    def lines(self) -> Iterator[str]:
        yield from self.header()
        yield from self.pools()
        for index, body in enumerate(self.bp.bodies):
            yield ""
            yield from self.body(index, body)

    # --- sections -----------------------------------------------------------------------------

    def header(self) -> Iterator[str]:
        bp = self.bp
        yield f"blueprint {bp.name}" + ("" if bp.version is None else f" version {bp.version}")
        try:
            yield f"  digest    {digest(bp)}"
        except BlueprintError as error:
            yield f"  digest    none: {error.message}"
        yield f"  ast       {bp.ast_hash}"
        if bp.on_failure is not None:
            yield f"  failure   {bp.on_failure}"
        if bp.schedule is not None:
            plan = bp.schedule
            when = f"every {plan.every} ms" if plan.cron is None else f"{plan.cron}"
            yield f"  schedule  {when} {plan.timezone or ''}".rstrip()
        if bp.labels:
            yield "  labels    " + ", ".join([f"{k}={v}" for k, v in bp.labels.items()])
        if bp.env:
            yield "  env       " + ", ".join(bp.env)
        if bp.input_schema is not None:
            yield "  input     " + json.dumps(bp.input_schema, ensure_ascii=False)

    def pools(self) -> Iterator[str]:
        bp = self.bp
        if bp.functions:
            yield ""
            yield "functions"
        for function in bp.functions:
            params = [f"p{i}" for i in range(min(function.params, 256))]
            text = expression_text(function.ir, Names((), params, self.functions))
            yield f"  {function.name}({', '.join(params)}) = {text}"
        if bp.handlers:
            yield ""
            yield "handlers"
        for handler in bp.handlers:
            flags = [f for f in ("pure", "idempotent") if getattr(handler, f)]
            yield f"  {handler.name:<24}{', '.join(flags)}".rstrip()

    def body(self, index: int, body: Body) -> Iterator[str]:
        names = self.names(index)
        kind = "" if body.parent is None else f", in body {body.parent}"
        yield f"body {index} {body.name}  [{body.entry}, {body.end}){kind}"
        slots = [f"{i} {names.slot(i)}" for i in range(min(body.slots, len(names.slots)))]
        more = [f"{body.slots - len(slots)} unnamed"] if body.slots > len(slots) else []
        yield from _wrapped("slots", [*slots, *more])
        roots = [f"{names.slot(slot)} = {root}" for root, slot in self.bp.roots if index == 0]
        yield from _wrapped("roots", roots)
        outer = self.names(body.parent) if body.parent is not None else names
        captures = [f"{names.slot(b)} = {outer.slot(a)}" for a, b in body.captures]
        yield from _wrapped("captures", captures)
        outs = [
            f"{outer.slot(b)} = {names.slot(a)}" + (f" ({reducer})" if reducer else "")
            for a, b, reducer in body.outs
        ]
        yield from _wrapped("outs", outs)
        fills = ("item", "index", "result")
        used = [(fill, getattr(body, fill)) for fill in fills if getattr(body, fill) is not None]
        yield from _wrapped("fills", [f"{names.slot(slot)} = {fill}" for fill, slot in used])
        yield from self.code(body, names)
        yield from self.exceptions(body, names)

    def exceptions(self, body: Body, names: Names) -> Iterator[str]:
        for row in self.bp.exceptions:
            if body.entry <= row.start < body.end:
                scopes = "1 scope" if row.depth == 1 else f"{row.depth} scopes"
                where = f"[{row.start}, {row.end}) -> {row.handler}"
                yield f"  {row.kind:<9} {where}  error {names.slot(row.slot)}, keeps {scopes}"

    # --- code ---------------------------------------------------------------------------------

    def code(self, body: Body, names: Names) -> Iterator[str]:
        bp = self.bp
        shown: object = None
        for address in range(body.entry, min(body.end, len(bp.code))):
            place, text = self.origin(address)
            if place != shown:
                shown = place
                yield f"  ; {text}"
            yield from self.instruction(address, bp.code[address], names)

    def origin(self, address: int) -> tuple[object, str]:
        """Where an instruction comes from: (what to tell it from others by, text)."""
        spans = self.bp.debug.spans
        if address < len(spans):
            span = spans[address]
            if 0 < span.line <= len(self.source):
                return span.line, f"{span.line} | {self.source[span.line - 1]}".rstrip()
        return self.step(address)

    def step(self, address: int) -> tuple[object, str]:
        site = self.bp.sites[address] if address < len(self.bp.sites) else -1
        name = self.bp.steps[site] if 0 <= site < len(self.bp.steps) else "?"
        return name, f"step {name or '(the document)'}"

    def instruction(
        self, address: int, instruction: tuple[Any, ...], names: Names
    ) -> Iterator[str]:
        row = BY_OP.get(instruction[0]) if instruction else None
        mark = ">" if address in self.targets else " "
        if row is None or len(row.operands) != len(instruction) - 1:
            yield f" {mark}{address:>6}  ?           {instruction!r}"
            return
        head = f" {mark}{address:>6}  {row.op.name:<10}"
        operands = list(self.operands(row, instruction, names))
        line = head + "  " + ", ".join(operands)
        if len(line) <= WIDTH or len(operands) == 1:
            yield line.rstrip()
        else:
            yield f"{head}  {operands[0]}"
            for operand in operands[1:]:
                yield " " * _MARGIN + operand
        yield from self.regions(address, row, instruction, names)

    def operands(self, row: Row, instruction: tuple[Any, ...], names: Names) -> Iterator[str]:
        has_region = any(operand.kind == "region" for operand in row.operands)
        for operand, value in zip(row.operands, instruction[1:], strict=True):
            kind = operand.kind.rstrip("?")
            # A region and its exits are written out below.
            if value is None or kind == "region" or (kind == "addrs" and has_region):
                continue
            text = self.operand(kind, value, names)
            if kind == "addr":
                yield f"-> {text}"
            elif kind == "flag":
                if value:
                    yield operand.name
            elif kind in ("handler", "policy", "skript", "listen"):
                yield text
            elif operand.name == "need" and value == 0:
                yield "need all"
            else:
                yield f"{operand.name} {text}"

    def operand(self, kind: str, value: Any, names: Names) -> str:
        bp = self.bp
        if kind == "slot":
            return names.slot(value)
        if kind == "expr":
            return self.expr(value, names)
        if kind in ("body", "bodies"):
            several = value if type(value) is tuple else (value,)
            return ", ".join([f"{i} {self.body_name(i)}".rstrip() for i in several])
        pool = getattr(bp, {"policy": "policies"}.get(kind, f"{kind}s"), None)
        if pool is None:
            return str(value)
        if type(value) is not int or not 0 <= value < len(pool):
            return f"{kind}?{value!r}"
        entry = pool[value]
        if kind == "policy":
            return self.policy(entry, names)
        if kind == "listen":
            found = [f"listen {self.expr(entry.topic, names)}"]
            if entry.key is not None:
                found.append(f"key {self.expr(entry.key, names)}")
            if entry.where is not None:
                event = Names(names.slots, ("event",), names.functions)
                found.append(f"where {self.expr(entry.where, event)}")
            if entry.schema is not None:
                found.append("schema " + json.dumps(entry.schema, ensure_ascii=False))
            return ", ".join(found)
        if kind == "skript":
            version = "" if entry.version is None else f"@{entry.version}"
            pinned = "" if entry.digest is None else f" (pinned to {entry.digest[:12]})"
            return f"{entry.name}{version}{pinned}"
        return str(entry.name)

    def policy(self, policy: Policy, names: Names) -> str:
        found: list[str] = []
        if policy.max_attempts != 1:
            on = f" on {'|'.join(policy.retry_on)}" if policy.retry_on else ""
            backoff = f"{show_duration(policy.backoff_ms)}..{show_duration(policy.backoff_max_ms)}"
            found.append(f"{policy.max_attempts} attempts{on} after {backoff}")
        if policy.timeout is not None:
            found.append(f"timeout {self.expr(policy.timeout, names)} ms")
        if policy.on_crash != "rerun":
            found.append(f"on_crash {policy.on_crash}")
        if policy.queue is not None:
            found.append(f"queue {policy.queue}")
        return ", ".join(found) or "policy of one attempt"

    def regions(
        self, address: int, row: Row, instruction: tuple[Any, ...], names: Names
    ) -> Iterator[str]:
        """The statements of a PURE or LOOP."""
        kinds = {operand.kind: v for operand, v in zip(row.operands, instruction[1:], strict=True)}
        if "region" not in kinds:
            return
        index, exits = kinds["region"], kinds.get("addrs")
        if type(index) is not int or not 0 <= index < len(self.bp.regions):
            yield " " * _MARGIN + f"region?{index!r}"
            return
        known = exits if type(exits) is tuple else ()
        line = self.line_of_site(self.bp.sites[address] if address < len(self.bp.sites) else None)
        for site, text in region_text(self.bp.regions[index], names, known):
            other = self.line_of_site(site)
            note = ""
            if other not in (None, line):
                line = other
                note = f"   ; {line}"
            yield " " * _MARGIN + text + note

    def line_of_site(self, site: int | None) -> int | None:
        spans = self.bp.debug.step_spans
        inside = type(site) is int and 0 <= site < len(spans)
        return spans[site].line if inside and site is not None else None

    # --- names --------------------------------------------------------------------------------

    def names(self, index: int) -> Names:
        known = self.bp.debug.slot_names
        slots: Sequence[str] = known[index] if index < len(known) else ()
        return Names(slots, (), self.functions)

    def body_name(self, index: Any) -> str:
        inside = type(index) is int and 0 <= index < len(self.bp.bodies)
        return self.bp.bodies[index].name if inside else "?"

    def expr(self, index: Any, names: Names) -> str:
        if type(index) is not int or not 0 <= index < len(self.bp.exprs):
            return f"expr?{index!r}"
        return expression_text(self.bp.exprs[index], names)


def _targets(bp: Blueprint) -> Iterator[int]:
    """Addresses that control reaches otherwise than from the address before."""
    for row in bp.exceptions:
        yield row.handler
    for address, instruction in enumerate(bp.code):
        isa = BY_OP.get(instruction[0]) if instruction else None  # type: ignore[call-overload]
        if isa is None:
            continue
        for operand, value in zip(isa.operands, instruction[1:], strict=False):
            if operand.kind == "addr" and type(value) is int:
                yield value
            elif operand.kind == "addrs" and type(value) is tuple:
                yield from (to for to in value if to != address + 1)


def _wrapped(title: str, items: Sequence[str]) -> Iterator[str]:
    """``title`` and the items, over as many lines as they need."""
    line = f"  {title:<10}"
    for i, item in enumerate(items):
        text = item + ("" if i == len(items) - 1 else ", ")
        if len(line) + len(text) > WIDTH and line.strip() not in ("", title):
            yield line.rstrip()
            line = " " * 12
        line += text
    if items:
        yield line.rstrip()
