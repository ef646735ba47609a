"""What a document calls its keys: findings speak of those that stand in it.

Validation and lints see one AST, whichever form it came from. A finding about a call names `call`
in the native form, and `function`, `action` or `name` in a node of the graph form.
"""

from __future__ import annotations

from typing import Final

from .nodes import Map, Node, Seq

#: Native key -> the ways to what is the same in a node of the graph form, best first.
_SAME: Final[dict[str, tuple[str, ...]]] = {
    "call": ("function", "action", "name"),
    "run": ("params/workflow", "params/workflow_id", "params/workflow_name", "params/name",
            "params/id"),
    "with": ("params",),
    "into": ("output",),
    "for": ("item_var",),
    "index": ("index_var",),
}  # fmt: skip
#: Where a document of the graph form has its name; else what makes it a document.
_NAMES: Final = ("/workflow/id", "/id", "/workflow/name", "/name", "/workflow", "/nodes")


class Wording:
    """The words of one document. Without a tree (a document built in Python): the native ones."""

    __slots__ = ("_machine", "_root")

    def __init__(self, root: Node | None = None, *, machine: bool = False) -> None:
        self._root = root
        self._machine = machine

    @property
    def variables(self) -> str:
        """The key under which variables are declared; empty where there is none."""
        if self._machine:
            return ""
        return "variables" if self._is_graph() else "vars"

    def to_set(self) -> str:
        """The hint for a variable that nothing sets before it is read."""
        if self._machine:
            return "set it before; `data` is what lasts from one transition to the next"
        return f"set it earlier, or give it a value in `{self.variables}`"

    def to_set_always(self, name: str) -> str:
        """The hint for one that is not set on every path."""
        if self._machine:
            return f"set it in all blocks that lead here, such as `set: {{{name}: null}}`"
        return f"give it a value in `{self.variables}`, such as `{name}: null`"

    def instead_of_losing(self) -> str:
        """The hint for one that is written where it vanishes."""
        more = "" if self._machine else f", or declare a reducer for it in `{self.variables}`"
        return f"`yield` the value and `collect` it{more}"

    def at(self, site: str, key: str) -> str:
        """The pointer of what the native form calls ``key``, of the step or node at ``site``."""
        if not self._has(f"{site}/{key}"):
            for other in _SAME.get(key, ()):
                if self._has(f"{site}/{other}"):
                    return f"{site}/{other}"
        return f"{site}/{key}"

    def key(self, site: str, key: str) -> str:
        """What that key is called there."""
        return self.at(site, key).rpartition("/")[2]

    def name(self) -> str:
        """The pointer of the document's name."""
        if self._is_graph():
            return next(filter(self._has, _NAMES))
        return "/machine" if self._machine else "/skript"

    def _is_graph(self) -> bool:
        root = self._root
        if type(root) is not Map or "skript" in root.entries:
            return False
        return "workflow" in root.entries or "nodes" in root.entries

    def _has(self, pointer: str) -> bool:
        """Whether the text has something at a pointer."""
        node = self._root
        for token in pointer.split("/")[1:]:
            key = token.replace("~1", "/").replace("~0", "~")
            if type(node) is Map and key in node.entries:
                node = node.entries[key]
            elif type(node) is Seq and key.isdigit() and int(key) < len(node.items):
                node = node.items[int(key)]
            else:
                return False
        return node is not None
