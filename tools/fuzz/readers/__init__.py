"""The functions of the targets: each calls a reader of the command line and uses the result."""
