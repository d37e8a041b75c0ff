"""Where the environments of toolchains live, and where things are inside one."""

from __future__ import annotations

import os
import sys
import sysconfig
from pathlib import Path

from posedeploy.errors import ToolchainError
from posedeploy.user_folders import data_home

VARIABLE = "POSEDEPLOY_TOOLCHAINS"
"""The environment variable that names another folder for all toolchains."""


def home() -> Path:
    """The folder of all toolchains: that of ``POSEDEPLOY_TOOLCHAINS``, or one among the user's data.

    Raises:
        ToolchainError: the variable names the home of a user who is not there.
    """
    named = os.environ.get(VARIABLE)
    if not named:
        return data_home() / "posedeploy" / "toolchains"
    try:
        return Path(named).expanduser().absolute()
    except RuntimeError as error:
        raise ToolchainError(f"{VARIABLE}={named}: there is no such user; name a folder") from error


def interpreter(environment: Path) -> Path:
    """The Python of an environment."""
    scripts = environment / ("Scripts" if sys.platform == "win32" else "bin")
    return scripts / ("python.exe" if sys.platform == "win32" else "python")


def packages(environment: Path, python: str) -> Path:
    """Where an environment of this Python version, such as ``3.11``, has its packages."""
    return Path(sysconfig.get_path("purelib", "venv", {"base": str(environment), "py_version_short": python}))
