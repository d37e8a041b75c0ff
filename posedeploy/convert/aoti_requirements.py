"""What a machine must have for AOTInductor to compile on it, checked before torch exports anything."""

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
    if device not in ("cpu", "cuda"):
        raise DeviceError(f"`device={device}`: AOTInductor compiles for cpu or cuda")
    if device == "cuda" and not torch.cuda.is_available():
        raise DeviceError(
            "`device=cuda`: AOTInductor compiles on the GPU that the package is for, and torch finds none; "
            "export there, or for `device=cpu`"
        )


def check_toolkit(home: str | None) -> None:
    """Code for a GPU is compiled with CUDA's own headers, which no build of torch brings.

    Args:
        home: where torch finds the toolkit.
    """
    if home is None:
        raise MissingPackageError(
            "`device=cuda`: AOTInductor needs the CUDA toolkit and found none; install that of CUDA "
            f"{torch.version.cuda}, or name its folder in the environment variable CUDA_HOME"
        )


def check_paths() -> None:
    """Refuse folders with spaces, at which torch splits the command lines of the C++ compiler.

    Raises:
        ExportError: there is one.
        OSError: the folder of torch's cache cannot be made.
    """
    another = "name another in the environment variable"
    for what, path, remedy in (
        ("torch's cache", Path(cache_dir()), f"{another} TORCHINDUCTOR_CACHE_DIR"),
        ("temporary files", Path(tempfile.gettempdir()), f"{another} TMPDIR"),
        ("torch", Path(torch.__file__).parent, "install posedeploy in an environment whose path has none"),
    ):
        if len(str(path).split()) != 1:
            raise ExportError(
                f"AOTInductor cannot compile where a path has spaces, and the folder of {what} is {path}; "
                f"{remedy}"
            )


def find_compiler() -> Compiler | None:
    """The C++ compiler to use; None leaves the choice to torch, where it does not link libstdc++.

    Raises:
        ExportError: there is none.
    """
    if sys.platform == "linux":
        return choose_compiler()
    try:
        get_cpp_compiler()
    except InvalidCxxCompiler as error:
        raise ExportError(
            "AOTInductor needs a C++ compiler and found none; install one, or name one in the environment "
            "variable CXX"
        ) from error
    return None
