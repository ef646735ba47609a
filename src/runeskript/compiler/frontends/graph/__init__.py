"""The graph front end: a workflow of nodes and edges -> the AST that the native form makes, too.

In this order: ``nodes.py`` reads what is written, ``ways.py`` finds where each node leads,
``build.py`` makes blocks with jumps of it. On these ``forks.py`` finds branches, ``loops.py``
loops, ``names.py`` what each name means; ``structure.py`` makes steps, with ``flows.py`` where
jumps have no structure. ``tables.py`` says which keys there are.
"""
