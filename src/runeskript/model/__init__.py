"""Floor 1: frozen data and its formats. Standard library only; no IO, no clock, no randomness."""
