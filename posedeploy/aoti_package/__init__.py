"""AOTInductor packages (.pt2): try them in a child process, then load them."""
