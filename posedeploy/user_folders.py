"""The folders that an operating system has for the user's data and caches."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def cache_home() -> Path:
    """Return the folder for caches.

    Raises:
        RuntimeError: the user has no home folder.
    """
    return _user_folder("XDG_CACHE_HOME", ".cache", "Caches")


def data_home() -> Path:
    """Return the folder for data.

    Raises:
        RuntimeError: the user has no home folder.
    """
    return _user_folder("XDG_DATA_HOME", ".local/share", "Application Support")


def _user_folder(variable: str, default: str, mac: str) -> Path:
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    if sys.platform == "darwin":
        return Path.home() / "Library" / mac
    named = Path(os.environ.get(variable, ""))
    return named if named.is_absolute() else Path.home() / default
