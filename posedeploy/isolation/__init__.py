"""Run code that may crash, such as a native library on a file of unknown origin, in a child process."""
