"""Shipped for users' own tests: run a skript synchronously, with mocks and a virtual clock."""

from .mocks import HANG, After
from .simulate import Outcome, Simulation, simulate

__all__ = ["HANG", "After", "Outcome", "Simulation", "simulate"]
