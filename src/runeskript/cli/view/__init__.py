"""Watching a job: what is known of its steps, drawn in place or written as lines."""
