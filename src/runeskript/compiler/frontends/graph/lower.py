"""From the nodes of a graph to its steps: the order of the stages between reading and the AST."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ....model.ast import Block, Target
from .build import Builder
from .forks import make_forks
from .iterations import share_names
from .loops import find_loops
from .names import Variables, assigned_by, resolve
from .nodes import NodeReader
from .structure import Fresh, Structure
from .ways import Wiring
from .written import Part

#: Values that all Ends without output together may list (nodes by variables): past it they share
#: one place, so that a large document stays in proportion.
LISTED = 100_000


def lower_document(
    reader: NodeReader, part: Part, declared: Iterable[str], title: str
) -> tuple[Block, tuple[str, ...]]:
    """The steps of a whole document, and the variables its nodes set; no steps where its edges are
    wrong. Each stage relies on those before it, so the first with findings is the last to run."""
    variables = Variables(tuple(declared), tuple(dict.fromkeys(_assigned(part))))
    found = reader.fields.diagnostics
    before = found.errors
    wiring = Wiring(reader)
    wiring.part(part)
    if found.errors > before or reader.unread:
        return (), variables.assigned
    many = len(wiring.ways) * (len(variables.declared) + len(variables.assigned)) > LISTED
    fresh = Fresh()
    scope = Builder(wiring, document=True, shared=many).scope(part, title)
    if found.errors == before:
        make_forks(scope, found)
    if found.errors == before:
        loops = find_loops(scope, fresh, found)
    if found.errors > before:
        return (), variables.assigned
    resolve(scope, variables, fresh)
    return Structure(loops).steps(scope), variables.assigned


def _assigned(part: Part) -> Iterator[str]:
    """The variables that nodes set, in the order of the document."""
    for node in part.nodes:
        yield from assigned_by(node.steps)
        for inner in node.inner():
            yield from _assigned(inner)


def lower_step(reader: NodeReader, part: Part, into: Target | None, fresh: Fresh) -> Block:
    """The steps of a step ``graph``; its names are those of the document around it."""
    found = reader.fields.diagnostics
    before = found.errors
    wiring = Wiring(reader)
    wiring.part(part)
    if found.errors > before or reader.unread:
        return ()
    scope = Builder(wiring, document=False, into=into).scope(part, "graph")
    if found.errors == before:
        make_forks(scope, found)
    if found.errors == before:
        loops = find_loops(scope, fresh, found)
    if found.errors > before:
        return ()
    share_names(scope, set(), fresh)
    return Structure(loops).steps(scope)
