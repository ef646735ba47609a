"""Transitions that are written in another module than the machine they go into."""

from __future__ import annotations

from runeskript import Transition, step

WRONG = Transition("draft", "pay", "nowhere", do=[step.log("gone")])
