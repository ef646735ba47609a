"""Front ends: each turns one form of document into the same AST."""
