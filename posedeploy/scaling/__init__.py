"""The calls of ``api`` on many machines: a Ray cluster, or the cores of this machine."""
