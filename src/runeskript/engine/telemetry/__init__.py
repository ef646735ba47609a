"""What is seen of a runtime from outside: metrics, spans and logs. Loaded where somebody asks."""
