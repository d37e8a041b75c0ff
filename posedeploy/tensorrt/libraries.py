"""The two TensorRT libraries that build and run engines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from posedeploy import content_kinds, plugins
from posedeploy.errors import ArtifactError, DeviceError, MissingPackageError, PoseDeployError


@dataclass(frozen=True)
class TensorRtLibrary:
    """One of the two libraries. They share an API, and neither loads an engine of the other.

    builds_without_gpu: it builds for named GPUs without one, and its engines run on any operating system.
    supports_timing_cache: it times layers on the GPU while it builds, which a timing cache records.
    magic: the first bytes of its engines.
    """

    name: str
    module: str
    builds_without_gpu: bool
    supports_timing_cache: bool
    magic: bytes


LIBRARIES = {
    library.name: library
    for library in (
        TensorRtLibrary(
            "tensorrt",
            "tensorrt",
            builds_without_gpu=False,
            supports_timing_cache=True,
            magic=content_kinds.TENSORRT,
        ),
        TensorRtLibrary(
            "tensorrt-rtx",
            "tensorrt_rtx",
            builds_without_gpu=True,
            supports_timing_cache=False,
            magic=content_kinds.TENSORRT_RTX,
        ),
    )
}


def choose_library(name: str | None, gpus: Sequence[str] = ()) -> tuple[TensorRtLibrary, ModuleType]:
    """Return the library of this name, or without a name the only one that fits, and its module.

    Raises:
        DeviceError: there is no such library, it does not build for the GPUs named, or both fit.
        MissingPackageError: it is not installed.
    """
    if name is None:
        name = _only_fitting(gpus)
    if name not in LIBRARIES:
        raise DeviceError(f"`trt_library={name}`: expected {' or '.join(LIBRARIES)}")
    library = LIBRARIES[name]
    if gpus and not library.builds_without_gpu:
        raise DeviceError(
            f"`gpu={','.join(gpus)}`: {library.name} builds for the GPU of this machine only; leave the "
            "option out, or use `trt_library=tensorrt-rtx`"
        )
    api = plugins.module(library.module)
    for gpu in gpus:
        if gpu not in supported_capabilities(api):
            known = (f"sm{name.replace('.', '')}" for name in supported_capabilities(api))
            raise DeviceError(
                f"`gpu=sm{gpu.replace('.', '')}`: {library.name} {api.__version__} builds for "
                + ", ".join(known)
            )
    return library, api


def identify_library(path: Path) -> tuple[TensorRtLibrary, ModuleType]:
    """Return the library that built a third-party engine, by the engine's first bytes.

    Where these are unknown it is the only library that is installed, which then reports what is wrong.

    Raises:
        ArtifactError: the bytes are unknown, and both are installed.
        MissingPackageError: it is not installed.
    """
    with path.open("rb") as engine:
        beginning = engine.read(max(len(library.magic) for library in LIBRARIES.values()))
    for library in LIBRARIES.values():
        if beginning.startswith(library.magic):
            return choose_library(library.name)
    if all(plugins.version_of(library.module) is not None for library in LIBRARIES.values()):
        raise ArtifactError(
            f"{path}: it begins with {beginning!r}, and engines of "
            + ", ".join(f"{library.name} with {library.magic!r}" for library in LIBRARIES.values())
            + ": it is damaged, or no engine alone; build it again where it came from, or export the network"
        )
    return choose_library(None)


def supported_capabilities(api: ModuleType) -> dict[str, Any]:
    """Return the compute capabilities that a library builds for without a GPU: its enum members by names such
    as ``8.6``."""
    members = api.ComputeCapability.__members__
    return {f"{name[2:-1]}.{name[-1]}": member for name, member in members.items() if name.startswith("SM")}


def _only_fitting(gpus: Sequence[str]) -> str:
    able = [library for library in LIBRARIES.values() if library.builds_without_gpu or not gpus]
    installed = [library.name for library in able if plugins.version_of(library.module) is not None]
    if len(installed) > 1:
        raise DeviceError(f"{' and '.join(installed)} are both installed; choose one with `trt_library`")
    if not installed:
        raise MissingPackageError(
            f"this needs {' or '.join(library.name for library in able)}, and none is installed; install it "
            "with: pip install 'posedeploy[tensorrt-rtx]'"
            + ("" if gpus else ", or 'posedeploy[tensorrt]' where there is a GPU to build on")
        )
    return installed[0]


def error_logger(api: ModuleType) -> Any:
    """Return a logger for this library that prints nothing and collects error messages in ``errors``."""

    class ErrorLogger(api.ILogger):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            api.ILogger.__init__(self)
            self.errors: list[str] = []

        def log(self, severity: Any, message: str) -> None:
            if severity <= api.ILogger.Severity.ERROR:
                self.errors.append(" ".join(message.split()))

    return ErrorLogger()


def first_error(errors: Sequence[str]) -> str:
    """Return the first message, which the others follow from."""
    return errors[0] if errors else "TensorRT gives no reason"


def without_gpu(error: PoseDeployError) -> DeviceError:
    """Return the error for a library that needs a GPU to build, on a machine without one."""
    return DeviceError(f"{error}; without one, build with `trt_library=tensorrt-rtx`")
