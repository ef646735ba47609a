"""Floor 3a: text to Blueprint. ``pipeline.py`` holds the order of the stages."""
