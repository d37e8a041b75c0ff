"""Sets of files that replace others as one: all old files are found or all new, whatever ends the run."""
