"""Hostile input: documents and Blueprints that are wrong on purpose, and what must hold of them."""
