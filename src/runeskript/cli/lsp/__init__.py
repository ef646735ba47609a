"""The language server: what ``compiler/editor`` knows, spoken as the Language Server Protocol."""
