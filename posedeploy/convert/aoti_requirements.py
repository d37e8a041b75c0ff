"""Check the requirements of AOTInductor on this machine before the export starts."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import torch
from torch._inductor.cpp_builder import get_cpp_compiler
from torch._inductor.exc import InvalidCxxCompiler
from torch._inductor.runtime.cache_dir_utils import cache_dir

from posedeploy.aoti_package.compilers import Compiler, choose_compiler
from posedeploy.errors import DeviceError, ExportError, MissingPackageError


def check_device(device: str) -> None:
    """Raise DeviceError if AOTInductor cannot compile for the device on this machine."""
    if device not in ("cpu", "cuda"):
        raise DeviceError(f"`device={device}`: AOTInductor compiles for cpu or cuda")
    if device == "cuda" and not torch.cuda.is_available():
        raise DeviceError(
            "`device=cuda`: AOTInductor compiles on the GPU that runs the package, and torch finds none; "
            "export on a machine with a GPU, or use `device=cpu`"
        )


def check_toolkit(home: str | None) -> None:
    """Raise MissingPackageError without a CUDA toolkit, whose headers are not part of torch.

    Args:
        home: the folder of the toolkit that torch found.
    """
    if home is None:
        raise MissingPackageError(
            "`device=cuda`: AOTInductor needs the CUDA toolkit and found none; install the toolkit of CUDA "
            f"{torch.version.cuda}, or set the environment variable CUDA_HOME to its folder"
        )


def check_paths() -> None:
    """Check that folders have no spaces, at which torch splits the command line of the C++ compiler.

    Raises:
        ExportError: a folder has a space in its path.
        OSError: the folder of torch's cache cannot be created.
    """
    another = "set another folder in the environment variable"
    for what, path, remedy in (
        ("torch's cache", Path(cache_dir()), f"{another} TORCHINDUCTOR_CACHE_DIR"),
        ("temporary files", Path(tempfile.gettempdir()), f"{another} TMPDIR"),
        (
            "torch",
            Path(torch.__file__).parent,
            "install posedeploy in an environment whose path has no spaces",
        ),
    ):
        if len(str(path).split()) != 1:
            raise ExportError(
                f"AOTInductor cannot compile in paths with spaces, and the folder of {what} is {path}; "
                f"{remedy}"
            )


def find_compiler() -> Compiler | None:
    """Return the C++ compiler to use; None if torch chooses, on systems without libstdc++.

    Raises:
        ExportError: no compiler was found.
    """
    if sys.platform == "linux":
        return choose_compiler()
    try:
        get_cpp_compiler()
    except InvalidCxxCompiler as error:
        raise ExportError(
            "AOTInductor needs a C++ compiler and found none; install one, or set the environment variable "
            "CXX to one"
        ) from error
    return None
