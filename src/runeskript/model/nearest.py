"""The nearest match for a misspelt name: what most diagnostics end with."""

from __future__ import annotations

from collections.abc import Iterable


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name closest to ``name``, or None where nothing is close enough to suggest."""
    candidates = [k for k in known if k]
    lowered = {k.lower(): k for k in reversed(candidates)}
    if name.lower() in lowered:
        return lowered[name.lower()]
    if len(name) > 64 or len(candidates) > 5000:
        return None
    from difflib import get_close_matches  # only those who misspelt something wait for it

    for match in get_close_matches(name, candidates, n=3, cutoff=0.6):
        # A slip rarely changes the first letter: `position` does not mean `description`.
        if match[0].lower() == name[0].lower() or match in get_close_matches(
            name, [match], cutoff=0.65
        ):
            return match
    return None


def did_you_mean(name: str, known: Iterable[str]) -> str | None:
    """The sentence for a diagnostic's hint, or None."""
    match = nearest(name, known)
    return f"did you mean `{match}`?" if match else None
