"""Remove an isolated environment. It is renamed before it is deleted, so that a killed process leaves no
incomplete environment under its name."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import psutil

from posedeploy.environments.environment_specs import EnvironmentSpec
from posedeploy.environments.state import describe_missing, folder_of, inspect_environment, is_managed
from posedeploy.errors import IsolatedEnvironmentError, OutputError


def remove(spec: EnvironmentSpec) -> Path:
    """Delete an isolated environment, and the work folders of interrupted ``add`` calls; return its folder.

    Raises:
        IsolatedEnvironmentError: it is not installed, or posedeploy did not create the folder.
        OutputError: it cannot be deleted.
    """
    environment = inspect_environment(spec)
    folder = environment.folder
    if environment.state != "missing" and not is_managed(folder):
        raise IsolatedEnvironmentError(
            f"{folder}: {environment.fault}; delete it yourself if you do not need it"
        )
    try:
        discard(spec)
        delete_abandoned_work(spec)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be removed ({error.strerror})") from error
    if environment.state == "missing":
        raise IsolatedEnvironmentError(describe_missing(environment))
    return folder


def discard(spec: EnvironmentSpec) -> None:
    """Delete the folder of an isolated environment, if it exists."""
    folder = folder_of(spec)
    if os.path.lexists(folder):
        work = create_work_folder(spec)
        folder.rename(work / "environment")
        shutil.rmtree(work)


def create_work_folder(spec: EnvironmentSpec) -> Path:
    """Create a folder next to an environment's folder, with the ID of this process in its name."""
    return Path(tempfile.mkdtemp(prefix=f".{spec.name}-{os.getpid()}-", dir=folder_of(spec).parent))


def delete_abandoned_work(spec: EnvironmentSpec) -> None:
    """Delete the work folders of processes that no longer run."""
    prefix = f".{spec.name}-"
    for path in folder_of(spec).parent.glob(prefix + "*"):
        owner, separator, _ = path.name.removeprefix(prefix).partition("-")
        if separator and owner.isdecimal() and not psutil.pid_exists(int(owner)) and path.is_dir():
            shutil.rmtree(path)
