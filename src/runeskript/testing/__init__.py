"""Shipped for users' own tests: run a skript synchronously, with mocks and a virtual clock."""

from .simulate import HANG, After, Outcome, Simulation, simulate

__all__ = ["HANG", "After", "Outcome", "Simulation", "simulate"]
