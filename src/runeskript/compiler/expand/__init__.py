"""Desugars the AST into the core form: ``if``, loops, ``try`` and forks become jumps and bodies."""

from __future__ import annotations

from .document import expand

__all__ = ["expand"]
