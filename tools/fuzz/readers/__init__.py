"""What each target does with a file: it calls the reader that the command line calls and uses the result."""
