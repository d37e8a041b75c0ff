"""Paths of isolated environments, and of the interpreter and the packages in one."""

from __future__ import annotations

import os
import sys
import sysconfig
from pathlib import Path

from posedeploy.errors import IsolatedEnvironmentError
from posedeploy.user_folders import data_home

VARIABLE = "POSEDEPLOY_ENVIRONMENTS"
"""The environment variable that names another folder for all isolated environments."""


def home() -> Path:
    """Return the folder of all isolated environments: ``POSEDEPLOY_ENVIRONMENTS``, or one in the user's data.

    Raises:
        IsolatedEnvironmentError: the variable names the home folder of an unknown user.
    """
    value = os.environ.get(VARIABLE)
    if not value:
        return data_home() / "posedeploy" / "environments"
    try:
        return Path(value).expanduser().absolute()
    except RuntimeError as error:
        raise IsolatedEnvironmentError(
            f"{VARIABLE}={value}: no user of this name exists; set the variable to a folder"
        ) from error


def interpreter(environment: Path) -> Path:
    """Return the Python interpreter of an environment."""
    scripts = environment / ("Scripts" if sys.platform == "win32" else "bin")
    return scripts / ("python.exe" if sys.platform == "win32" else "python")


def packages(environment: Path, python: str) -> Path:
    """Return the package folder of an environment with this Python version, such as ``3.11``."""
    return Path(sysconfig.get_path("purelib", "venv", {"base": str(environment), "py_version_short": python}))
