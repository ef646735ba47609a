"""The page of each code, where it is installed: inside the package, or beside its source."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final

from ..model.codes import CODES

_PACKAGE: Final = Path(__file__).parents[1]
_FOLDERS: Final = (_PACKAGE / "pages" / "errors", _PACKAGE.parents[1] / "docs" / "errors")


@cache
def page_of(code: str) -> Path | None:
    """The file of a code's page; None for what is no code, and where no pages are installed."""
    pages = (folder / f"{code}.md" for folder in _FOLDERS if code in CODES)
    return next((page for page in pages if page.is_file()), None)
