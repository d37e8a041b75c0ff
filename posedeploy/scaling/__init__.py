"""Run the calls of ``api`` on a Ray cluster, or on the cores of this machine."""
