"""AOTInductor packages (.pt2): loaded, and tried in a child process before this one loads them."""
