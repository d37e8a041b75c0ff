"""Pass arrays between a process and its child as files in the child's folder."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from posedeploy.types import Array


def write_arrays(work: Path, name: str, runs: Sequence[Sequence[Array]]) -> None:
    """Write the arrays of each run as ``NAME-RUN-INDEX.npy``."""
    for number, arrays in enumerate(runs):
        for index, array in enumerate(arrays):
            path = work / f"{name}-{number}-{index}.npy"
            try:
                np.save(path, array)
            except OSError as error:
                if error.errno is not None:
                    raise
                # NumPy's error for a short write has no errno and no file name.
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path)) from error


def read_arrays(work: Path, name: str, run: int) -> list[Array]:
    """Return the arrays of one run that ``write_arrays`` wrote."""
    count = len(list(work.glob(f"{name}-{run}-*.npy")))
    return [np.load(work / f"{name}-{run}-{index}.npy") for index in range(count)]
