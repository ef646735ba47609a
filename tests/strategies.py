"""What hypothesis draws in several test modules: any value a document or a handler may hold."""

from __future__ import annotations

from hypothesis import strategies as st

from runeskript.model.limits import INT_MAX, INT_MIN

texts = st.text(st.characters(codec="utf-8"), max_size=40)
scalars = (
    st.none()
    | st.booleans()
    | st.integers(INT_MIN, INT_MAX)
    | st.integers(-70_000, 70_000)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=20) | st.dictionaries(texts, inner, max_size=20),
    max_leaves=40,
)
