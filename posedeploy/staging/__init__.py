"""Sets of files that replace others as one: either all old files are found, or all new ones, whatever ends the run."""
