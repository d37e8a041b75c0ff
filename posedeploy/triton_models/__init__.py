"""Models for Triton's Python backend. The ``model.py`` files of bundles import them on the server."""
