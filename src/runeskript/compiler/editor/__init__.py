"""What an editor asks about a document that is being written: pure functions of text and position.

A text under edit is broken most of the time, so where the cursor stands is found from indentation
and brackets (``scan.py``, ``cursor.py``), not from a tree; what names mean comes from the last text
that could be read (``analysis.py``). Lines and columns count from 0 here, columns in characters.
"""
