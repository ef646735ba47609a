"""The functions of the language, one module per topic; ``expr/functions.py`` gathers the table."""
