"""What differs between two deployed versions of a skript or a machine.

Documents are compared as what they say, not as they are written: steps that were moved along by one
that was put before them have not changed. Beside it stands the difference of the texts.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator
from typing import Any, Final, Literal

from ..compiler.load_text import read_text
from ..compiler.nodes import to_value
from ..model.blueprint import Blueprint
from ..model.diagnostics import Diagnostics
from ..model.limits import DIFF_LINES, DIFFERENCES
from ..model.records import fields_of, record
from ..model.values import Value
from .outlines import outline_of

#: Elements of these lists are no steps: they belong to the step that the list stands in.
_NO_STEPS: Final = frozenset(("cases", "catch", "elif", "edges", "branches", "required", "enum"))
#: Elements up to which two lists are aligned; longer ones are compared place by place.
_ALIGNED: Final = 5_000


@record
class Difference:
    """One thing that was ``added``, ``removed`` or ``changed``.

    ``step``: the step it belongs to, by its id or else its pointer; None for what belongs to the
    whole document. ``pointer``: where it stands, in the new document, or in the old one if it was
    removed. ``before`` and ``after``: null on the side where it is not.
    """

    change: Literal["added", "removed", "changed"]
    step: str | None
    pointer: str
    before: Value
    after: Value


@record
class SkriptDiff:
    """From version ``old`` to ``new``. ``more``: how many differences there are besides.

    ``same``: they mean the same. ``text``: the difference of the texts in the unified format; None
    where one of them is not kept (it was built without one), or is too long.
    """

    name: str
    old: int
    new: int
    same: bool
    differences: tuple[Difference, ...]
    more: int
    text: str | None

    def shown(self) -> dict[str, Any]:
        """As JSON."""
        plain = {name: getattr(self, name) for name in fields_of(SkriptDiff)}
        rows = [{n: getattr(one, n) for n in fields_of(Difference)} for one in self.differences]
        return plain | {"differences": rows}


def diff_blueprints(
    name: str, versions: tuple[int, int], old: Blueprint, new: Blueprint
) -> SkriptDiff:
    """What differs between the documents of two Blueprints."""
    before, after = _said(old), _said(new)
    if before is None or after is None:
        before, after = _outlined(old), _outlined(new)
    found: list[Difference] = []
    more = 0
    for one in _compared(before, after, "", "", None):
        if len(found) < DIFFERENCES:
            found.append(one)
        else:
            more += 1
    same = old.ast_hash == new.ast_hash
    return SkriptDiff(name, *versions, same, tuple(found), more, _texts(name, versions, old, new))


def _said(blueprint: Blueprint) -> Value:
    """What the document of a Blueprint says as a plain value; None where no text is kept."""
    source = blueprint.debug.source
    if not source:
        return None
    root = read_text(source, "", Diagnostics()).root
    return None if root is None else to_value(root)


def _outlined(blueprint: Blueprint) -> Value:
    """The steps by name, of one without a text."""
    outline = outline_of(blueprint)
    return {"do": [{"id": one.id, "kind": one.kind, "label": one.label} for one in outline.nodes]}


def _texts(name: str, versions: tuple[int, int], old: Blueprint, new: Blueprint) -> str | None:
    before, after = old.debug.source.splitlines(), new.debug.source.splitlines()
    if not all(0 < len(lines) <= DIFF_LINES for lines in (before, after)):
        return None
    here, there = (f"{name}@{version}" for version in versions)
    return "\n".join(difflib.unified_diff(before, after, here, there, lineterm=""))


# --- trees ----------------------------------------------------------------------------------------
def _compared(
    before: Any, after: Any, old: str, new: str, step: str | None
) -> Iterator[Difference]:
    """What differs below two places; ``step``: the one they stand in."""
    if _same(before, after):
        return
    if isinstance(before, dict) and isinstance(after, dict):
        for key in dict.fromkeys((*before, *after)):
            here, there = f"{old}/{_escaped(key)}", f"{new}/{_escaped(key)}"
            if key not in after:
                yield Difference("removed", step, here, before[key], None)
            elif key not in before:
                yield Difference("added", step, there, None, after[key])
            else:
                yield from _compared(before[key], after[key], here, there, step)
    elif _rows(before) and _rows(after):
        yield from _listed(before, after, old, new, step)
    else:
        yield Difference("changed", step, new, before, after)


def _listed(
    before: list[Any], after: list[Any], old: str, new: str, step: str | None
) -> Iterator[Difference]:
    """The same for lists whose elements are objects."""
    key = new.rpartition("/")[2]

    def named(element: Any, place: str) -> str | None:
        if key in _NO_STEPS:
            return step
        id_ = element.get("id") if isinstance(element, dict) else None
        return id_ if isinstance(id_, str) else place

    for i, j in _pairs(before, after):
        here, there = f"{old}/{i}", f"{new}/{j}"
        if i is None:
            yield Difference("added", named(after[j], there), there, None, after[j])
        elif j is None:
            yield Difference("removed", named(before[i], here), here, before[i], None)
        else:
            yield from _compared(before[i], after[j], here, there, named(after[j], there))


def _pairs(before: list[Any], after: list[Any]) -> Iterator[tuple[Any, Any]]:
    """Which elements belong together; None on the side that has none."""
    if max(len(before), len(after)) > _ALIGNED:
        for place in range(max(len(before), len(after))):
            yield (place if place < len(before) else None), (place if place < len(after) else None)
        return
    matcher = difflib.SequenceMatcher(
        None, list(map(_key, before)), list(map(_key, after)), autojunk=False
    )
    for tag, a, b, c, d in matcher.get_opcodes():
        if tag == "equal":
            yield from zip(range(a, b), range(c, d), strict=True)
            continue
        left, right = list(range(a, b)), list(range(c, d))
        while left or right:
            if left and right and _alike(before[left[0]], after[right[0]]):
                yield left.pop(0), right.pop(0)
            elif left and (len(left) >= len(right) or not right):
                yield left.pop(0), None
            else:
                yield None, right.pop(0)


def _alike(before: Any, after: Any) -> bool:
    """Whether one may have become the other: the same verb, and not another id."""
    if not isinstance(before, dict) or not isinstance(after, dict):
        return False
    ids = before.get("id"), after.get("id")
    return next(iter(_verbs(before)), "") == next(iter(_verbs(after)), "") and ids[0] == ids[1]


def _verbs(element: dict[str, Any]) -> list[str]:
    return [key for key in element if key not in ("id", "if", "timeout")]


def _key(element: Any) -> str:
    """What an element is known by: its id, else all of it."""
    id_ = element.get("id") if isinstance(element, dict) else None
    return f"id {id_}" if isinstance(id_, str) else _canonical(element)


def _rows(value: Any) -> bool:
    return isinstance(value, list) and any(isinstance(one, dict) for one in value)


def _same(before: Any, after: Any) -> bool:
    return before == after and _canonical(before) == _canonical(after)  # 1 is not 1.0, nor true


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def _escaped(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")
