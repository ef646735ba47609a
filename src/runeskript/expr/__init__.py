"""Floor 2: the expression language: parser, IR, operators, functions, types, code generator."""
