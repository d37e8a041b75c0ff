"""The tasks of ``matlab.py`` in a child process, as SciPy crashes on some damaged files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import scipy.io

from posedeploy.isolation.arrays import write_arrays
from posedeploy.predict.joint_files.matlab import ARRAY


def describe(argument: Mapping[str, Any], enter: Callable[[str], None]) -> list[list[Any]]:
    """Return the name, shape and class of each variable."""
    enter("read")
    return [[name, list(shape), kind] for name, shape, kind in scipy.io.whosmat(argument["path"])]


def load(argument: Mapping[str, Any], enter: Callable[[str], None]) -> None:
    """Write the array of one variable to the working folder.

    Raises:
        ValueError: the variable is not an array of numbers.
    """
    enter("read")
    name = argument["name"]
    array = np.asarray(scipy.io.loadmat(argument["path"], variable_names=[name])[name])
    if array.dtype.kind not in "biufc":
        raise ValueError(f"{name} is not an array of numbers")
    write_arrays(Path(), ARRAY, [[array]])
