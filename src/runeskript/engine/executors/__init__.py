"""Executors: where handlers run. One module per mode: tasks (async), threads, processes."""
