"""The command ``rune``: one file per verb in ``verbs``."""
