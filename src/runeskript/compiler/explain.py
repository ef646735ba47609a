"""The document after each stage of the compiler, as text that a reader can follow.

``explain`` needs a document compiled with ``Options(keep=True)``: passes rewrite the core form in
place, so what they found is put down as text before they run.
"""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Callable, Iterator
from typing import Any, Final

from ..model.ast import Args, Do, Expr, Flow, Function, Name, Retry, Site, Target
from ..model.blueprint import Blueprint
from ..model.disasm import disassemble
from ..model.ir_text import Names, region_text
from ..model.ir_text import expression_text as show
from ..model.isa import Op
from ..model.spans import Span
from .estimate import estimate
from .nodes import Map, Node, Scalar, Seq
from .pipeline import Compiled
from .validate.facts import collect_facts

#: Fields of AST nodes that say where, not what.
_PLACES: Final = frozenset({"span", "handler_span", "skript_span", "pointer", "site"})


def explain(compiled: Compiled, stage: str | None = None) -> str:
    """The text of one stage, or of all in their order.

    ``stage`` is a name of :data:`STAGES`. Raises KeyError for another one, ValueError for a
    document that was compiled without ``Options(keep=True)``.
    """
    if not compiled.stages:
        raise ValueError("compile with Options(keep=True) to explain a document")
    if stage is not None:
        return _text(compiled, stage)
    parts = []
    for name, (title, _) in _STAGES.items():
        parts.append(f"=== {name}: {title}\n\n{_text(compiled, name).rstrip()}\n")
    return "\n".join(parts)


def _text(compiled: Compiled, stage: str) -> str:
    """One stage: of the document, then of its ``on_failure``, where that is compiled apart."""
    text = _STAGES[stage][1](compiled)
    notice = compiled.stages.get("notice")
    if notice is None or stage not in _APART:
        return text
    own = _STAGES[stage][1](notice)
    return f"{text.rstrip()}\n\n--- on_failure, a skript of its own\n\n{own}"


# --- source and tree --------------------------------------------------------------------------
def _source(compiled: Compiled) -> str:
    source = compiled.blueprint.debug.source
    lines = source.splitlines()
    width = len(str(len(lines)))
    return "".join(f"{n:>{width}}  {line}\n" for n, line in enumerate(lines, 1))


def _tree(compiled: Compiled) -> str:
    tree = compiled.stages["tree"]
    if tree is None or tree.root is None:
        return "(no text: the document was built in Python)\n"
    return "\n".join(_tree_lines(tree.root, "", "")) + "\n"


def _tree_lines(node: Node, label: str, indent: str) -> Iterator[str]:
    at = f"{node.line + 1}:{node.column + 1}"
    if isinstance(node, Scalar):
        yield f"{at:>8}  {indent}{label}{_short(node.value)}"
    elif isinstance(node, Map):
        yield f"{at:>8}  {indent}{label}{{{len(node.entries)}}}"
        for key, child in node.entries.items():
            yield from _tree_lines(child, f"{key}: ", indent + "  ")
    elif isinstance(node, Seq):
        yield f"{at:>8}  {indent}{label}[{len(node.items)}]"
        for child in node.items:
            yield from _tree_lines(child, "- ", indent + "  ")


# --- AST --------------------------------------------------------------------------------------
def _ast(compiled: Compiled) -> str:
    return "\n".join(_node_lines("", compiled.document, "")) + "\n"


def _node_lines(label: str, node: Any, indent: str) -> Iterator[str]:
    """A node with its fields; what is absent or empty is left out."""
    flat = _flat(node)
    if flat is not None:
        yield f"{indent}{label}{flat}"
    elif isinstance(node, Flow):
        yield from _flow_lines(label, node, indent)
    elif isinstance(node, tuple):
        yield f"{indent}{label}".rstrip()
        for item in node:
            yield from _node_lines("- ", item, indent + "  ")
    else:
        site = getattr(node, "site", None)
        name = f" {site.name}" if isinstance(site, Site) else ""
        yield f"{indent}{label}{type(node).__name__}{name}"
        for f in dataclasses.fields(node):
            value = getattr(node, f.name)
            if f.name not in _PLACES and value not in (None, (), {}, f.default):
                yield from _node_lines(f"{f.name}: ", value, indent + "  ")


def _flow_lines(label: str, flow: Flow, indent: str) -> Iterator[str]:
    """A flow: each label with its step and where it leads."""
    yield f"{indent}{label}Flow"
    for name, step, jumps in zip(flow.labels, flow.steps, flow.jumps, strict=True):
        yield f"{indent}  {name}:"
        if not (isinstance(step, Do) and not step.body):
            yield from _node_lines("", step, indent + "    ")
        for condition, to in jumps:
            where = "on" if to is None else f"to {flow.labels[to]}"
            test = "" if condition is None else f" if {show(condition.ir)}"
            yield f"{indent}    {where}{test}"


def _flat(node: Any) -> str | None:
    """A node that fits one line, else None."""
    if isinstance(node, Expr):
        return show(node.ir)
    if isinstance(node, Function):
        return f"{node.name}({', '.join(node.params)}): " + show(
            node.body.ir, Names((), node.params)
        )
    if isinstance(node, Target):
        return node.name + "".join(f"[{show(key.ir)}]" for key in node.path)
    if isinstance(node, Args):
        if node.whole is not None:
            return show(node.whole.ir)
        return "{" + ", ".join(f"{k}: {show(v.ir)}" for k, v in node.entries.items()) + "}"
    if isinstance(node, Retry):
        on = f" on {' '.join(node.on)}" if node.on else ""
        return f"max {node.max}{on}, backoff {node.backoff_ms}..{node.backoff_max_ms} ms"
    if isinstance(node, Span | Name):
        return str(node)
    if isinstance(node, tuple) and all(_flat(item) is not None for item in node):
        return ", ".join(str(_flat(item)) for item in node)
    if isinstance(node, tuple) or dataclasses.is_dataclass(node):
        return None
    return node if isinstance(node, str) else _short(node)


def _short(value: Any, limit: int = 80) -> str:
    text = show(("const", value))
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


# --- core, findings ---------------------------------------------------------------------------
def _core(compiled: Compiled) -> str:
    return str(compiled.stages["core"])


def _optimized(compiled: Compiled) -> str:
    changes = compiled.stages["passes"]
    if not changes:
        return "(the optimizer found nothing to do)\n"
    parts = [
        f"--- {one.name}: {one.why}\n\n{difference(before, after)}"
        for one, before, after in changes
    ]
    return "\n".join([*parts, "--- after all passes\n", str(compiled.stages["optimized"])])


def difference(before: str, after: str) -> str:
    """What a pass made of the core form: of each body that changed, the lines around changes."""
    old, new = _stanzas(before), _stanzas(after)
    lines: list[str] = []
    for name in dict.fromkeys([*old, *new]):
        was, now = old.get(name, []), new.get(name, [])
        if was == now:
            continue
        lines.append(f"  {name}")
        rows = list(difflib.unified_diff(was, now, n=2, lineterm=""))[2:]
        lines += ["  ..." if row.startswith("@@") else f"{row[0]} {row[1:]}" for row in rows]
    return "\n".join(lines) + "\n"


def _stanzas(listing: str) -> dict[str, list[str]]:
    """The bodies of a listing by their first lines, which are told apart where they are alike."""
    out: dict[str, list[str]] = {}
    for stanza in listing.rstrip("\n").split("\n\n"):
        first, *rest = stanza.split("\n")
        name, number = first, 1
        while name in out:
            number += 1
            name = f"{first} ({number})"
        out[name] = rest
    return out


def _findings(compiled: Compiled) -> str:
    """What the checks and lints found, and how many calls a job can make."""
    found = [d for d in compiled.diagnostics if d.code != "RUNE-3140"]  # the last line says it
    lines = [f"{d.span}: {d.severity} {d.code}: {d.message}\n" for d in found]
    most = estimate(collect_facts(compiled.document))
    if most.calls is not None:
        calls = f"a job makes at most {most.calls:,}"
    else:
        place = most.loop.site.span if most.loop is not None else compiled.document.span
        calls = f"no bound: {place} is a loop of unknown length"
    return "".join(lines or ["(none)\n"]) + f"calls: {calls}\n"


# --- codegen, Blueprint -----------------------------------------------------------------------
def _codegen(compiled: Compiled) -> str:
    """Frames, then every region as code."""
    bp = compiled.blueprint
    lines: list[str] = []
    for number, body in enumerate(bp.bodies):
        slots = ", ".join(f"{i} {name}" for i, name in enumerate(bp.debug.slot_names[number]))
        lines.append(f"frame {number} {body.name}: {slots or '(empty)'}")
    functions = [f.name for f in bp.functions]
    owners = dict(_owners(bp))
    for number, region in enumerate(bp.regions):
        body_number, exits = owners[number]
        names = Names(bp.debug.slot_names[body_number], (), functions)
        lines += ["", f"region {number} of frame {body_number}"]
        lines += [f"    {line}" for _, line in region_text(region, names, exits)]
    return "\n".join(lines) + "\n"


def _owners(bp: Blueprint) -> Iterator[tuple[int, tuple[int, list[str]]]]:
    """For each region the body whose code runs it, and the addresses of its exits."""
    for number, body in enumerate(bp.bodies):
        for ins in bp.code[body.entry : body.end]:
            operands: Any = ins
            if operands[0] in (Op.PURE, Op.LOOP):
                yield operands[1], (number, [str(to) for to in operands[2]])


def _blueprint(compiled: Compiled) -> str:
    return disassemble(compiled.blueprint)


_STAGES: Final[dict[str, tuple[str, Callable[[Compiled], str]]]] = {
    "source": ("the text as it was read", _source),
    "read": ("the tree of the text, each node with its place", _tree),
    "parse": ("the AST: steps and expressions", _ast),
    "expand": ("the core form: jumps, forks and scopes on named variables", _core),
    "validate": ("what the checks found", _findings),
    "optimize": ("what each pass changed, and the core form after all", _optimized),
    "codegen": ("frames and regions: names have become slots", _codegen),
    "assemble": ("the Blueprint", _blueprint),
}

#: Stages that ``on_failure`` goes through on its own; up to there it is a part of the document.
_APART: Final = frozenset({"expand", "optimize", "codegen", "assemble"})

#: The stages ``explain`` can show.
STAGES: Final = tuple(_STAGES)
