"""Converters whose packages cannot live beside ours: each in an environment of its own, run as a child."""
