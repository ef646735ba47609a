"""Case follows the pinned tables, whatever Unicode version the host has."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runeskript.expr.casing import lower_text, upper_text

#: Cased letters that came with Unicode 15.0 to 16.0: unchanged by tables of 14.0.
NEWER = "\ua7cb\ua7cc\ua7da\ua7dc\U00010d50\U00010d70"


def test_newer_letters_stay_as_they_are() -> None:
    assert upper_text(NEWER) == NEWER and lower_text(NEWER) == NEWER


def test_ascii() -> None:
    text = "".join(map(chr, range(128)))
    assert upper_text(text) == text.upper() and lower_text(text) == text.lower()


@pytest.mark.parametrize(
    ("text", "upper", "lower"),
    [
        ("straße", "STRASSE", "straße"), ("ÀÉÎõü", "ÀÉÎÕÜ", "àéîõü"), ("Σίσυφος", "ΣΊΣΥΦΟΣ", "σίσυφος"),
        ("ΑΣ", "ΑΣ", "ασ"), ("ǆ", "Ǆ", "ǆ"), ("İi", "İI", "i̇i"), ("ﬁﬂ", "FIFL", "ﬁﬂ"), ("жук", "ЖУК", "жук"),
        ("Ⅷⓐ", "ⅧⒶ", "ⅷⓐ"), ("𐐀𐐨", "𐐀𐐀", "𐐨𐐨"), ("日本", "日本", "日本"),
    ],
)  # fmt: skip
def test_beyond_ascii(text: str, upper: str, lower: str) -> None:
    assert upper_text(text) == upper
    assert lower_text(text) == lower


@pytest.mark.skipif(unicodedata.unidata_version != "14.0.0", reason="compares with Unicode 14.0")
def test_the_tables_are_those_of_unicode_14() -> None:
    points = [*range(0xD800), *range(0xE000, 0x110000)]
    text = "".join(map(chr, points))
    assert upper_text(text) == text.upper()
    # The host looks around a capital sigma, the language does not.
    text = text.replace("Σ", "")
    assert lower_text(text) == text.lower()


@given(st.text("aßÄǆΣσ", max_size=5))
def test_upper_of_upper_is_upper(text: str) -> None:
    assert upper_text(upper_text(text)) == upper_text(text)
