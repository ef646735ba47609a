"""Floor 5: the only floor that touches the world: driver, executors, handlers, runtime."""
