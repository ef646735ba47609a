"""The documentation, executed: every block of every page, every link, every generated part."""
