"""``_replace`` of our own named tuples does what that of the library does."""

from __future__ import annotations

from collections import namedtuple

import pytest

from runeskript.stores.base import JobRow, Unit


@pytest.mark.parametrize("made", [JobRow, Unit])
def test_fields_are_replaced_as_the_library_does_it(made: type) -> None:
    fields = made._fields
    row, same = made(*range(len(fields))), namedtuple("Same", fields)(*range(len(fields)))
    for changes in ({}, {fields[-1]: "x"}, {fields[0]: None, fields[2]: 7}):
        found = row._replace(**changes)
        assert type(found) is made
        assert tuple(found) == tuple(same._replace(**changes))
    assert row == made(*range(len(fields)))


def test_a_field_that_there_is_not_is_refused() -> None:
    with pytest.raises(ValueError, match=r"unexpected field names: \['odd'\]"):
        Unit("a", 0, 0, ())._replace(job="b", odd=1)  # type: ignore[call-arg]
