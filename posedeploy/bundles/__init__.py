"""Bundles: an artifact in the layout of a model server."""
