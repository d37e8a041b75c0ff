"""Where the environments of toolchains live, and where things are inside one."""

from __future__ import annotations

import os
import sys
import sysconfig
from pathlib import Path

from posedeploy.errors import ToolchainError

VARIABLE = "POSEDEPLOY_TOOLCHAINS"
"""The environment variable that names another folder for all toolchains."""


def home() -> Path:
    """The folder of all toolchains: that of ``POSEDEPLOY_TOOLCHAINS``, or one among the user's data.

    Raises:
        ToolchainError: the variable names the home of a user who is not there.
    """
    named = os.environ.get(VARIABLE)
    if not named:
        return _user_data() / "posedeploy" / "toolchains"
    try:
        return Path(named).expanduser().absolute()
    except RuntimeError as error:
        raise ToolchainError(f"{VARIABLE}={named}: there is no such user; name a folder") from error


def _user_data() -> Path:
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support"
    named = Path(os.environ.get("XDG_DATA_HOME", ""))
    return named if named.is_absolute() else Path.home() / ".local" / "share"


def interpreter(environment: Path) -> Path:
    """The Python of an environment."""
    scripts = environment / ("Scripts" if sys.platform == "win32" else "bin")
    return scripts / ("python.exe" if sys.platform == "win32" else "python")


def packages(environment: Path, python: str) -> Path:
    """Where an environment of this Python version, such as ``3.11``, has its packages."""
    return Path(sysconfig.get_path("purelib", "venv", {"base": str(environment), "py_version_short": python}))
