"""The verbs of ``rune``; each module has ``configure(parser)`` and ``execute(args)``."""
