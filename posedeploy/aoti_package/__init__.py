"""AOTInductor packages (.pt2): test them in a child process, then load them."""
