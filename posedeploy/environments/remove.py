"""A toolchain is removed: out of its place first, so that what a kill leaves is not taken for whole."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import psutil

from posedeploy.environments.state import folder_of, is_ours, look
from posedeploy.environments.table import Toolchain
from posedeploy.errors import OutputError, ToolchainError


def remove(toolchain: Toolchain) -> Path:
    """Delete the environment of a toolchain, and what an interrupted ``add`` left; gives back where it was.

    Raises:
        ToolchainError: there is none, or posedeploy did not make what is there.
        OutputError: it cannot be deleted.
    """
    found = look(toolchain)
    if found.state != "missing" and not is_ours(found.folder):
        raise ToolchainError(f"{found.folder}: {found.fault}; delete it yourself if it is not wanted")
    try:
        put_aside(toolchain)
        sweep(toolchain)
    except OSError as error:
        raise OutputError(f"{found.folder}: cannot be removed ({error.strerror})") from error
    if found.state == "missing":
        raise ToolchainError(f"the toolchain {toolchain.name} is not installed (looked in {found.folder})")
    return found.folder


def put_aside(toolchain: Toolchain) -> None:
    """Take away what is in a toolchain's place, if anything is."""
    place = folder_of(toolchain)
    if os.path.lexists(place):
        aside = work_folder(toolchain)
        place.rename(aside / "environment")
        shutil.rmtree(aside)


def work_folder(toolchain: Toolchain) -> Path:
    """A new folder beside a toolchain's place, whose name says which process it belongs to."""
    parent = folder_of(toolchain).parent
    return Path(tempfile.mkdtemp(prefix=f".{toolchain.name}-{os.getpid()}-", dir=parent))


def sweep(toolchain: Toolchain) -> None:
    """Delete the work folders that ended processes left."""
    prefix = f".{toolchain.name}-"
    for left in folder_of(toolchain).parent.glob(prefix + "*"):
        owner, made_so, _ = left.name.removeprefix(prefix).partition("-")
        if made_so and owner.isdecimal() and not psutil.pid_exists(int(owner)) and left.is_dir():
            shutil.rmtree(left)
