"""Runeskript: the SQLite of workflow engines."""
