"""Folders that one worker of pytest fills and all workers of the session read."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from pathlib import Path

import pytest


def shared_folder(
    factory: pytest.TempPathFactory, name: str, fill: Callable[[Path], object], step: str = "filled"
) -> Path:
    """Return a temporary folder of the session in which ``fill`` was called once. Tests must not change it.

    step: the name of the call, if there are several for this folder.
    """
    base = factory.getbasetemp()
    base = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder = base / "shared" / name
    folder.mkdir(parents=True, exist_ok=True)
    mark = folder.with_name(f"{name}.{step}")
    with folder.with_name(f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not mark.exists():
            fill(folder)
            mark.touch()
    return folder
