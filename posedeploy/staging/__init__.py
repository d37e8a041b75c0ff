"""Replace a set of files as one: however a run ends, the set is either the old one or the new one."""
