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
    """One of the two libraries. They share an API, and neither loads engines of the other.

    builds_without_gpu: builds for named GPUs without a GPU; its engines run on any operating system.
    supports_timing_cache: times layers on the GPU during a build. magic: the first bytes of its engines.
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
    """Return the named library, or the only installed one that can build for ``gpus``, and its module.

    Raises:
        DeviceError: there is no such library, it cannot build for these GPUs, or both can.
        MissingPackageError: it is not installed.
    """
    if name is None:
        name = _only_installed(gpus)
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

    If they are unknown, return the only installed library, whose own error then describes the problem.

    Raises:
        ArtifactError: the bytes are unknown, and both libraries are installed.
        MissingPackageError: the library is not installed.
    """
    with path.open("rb") as engine:
        head = engine.read(max(len(library.magic) for library in LIBRARIES.values()))
    for library in LIBRARIES.values():
        if head.startswith(library.magic):
            return choose_library(library.name)
    if all(plugins.version_of(library.module) is not None for library in LIBRARIES.values()):
        raise ArtifactError(
            f"{path}: damaged, or not a TensorRT engine: its first bytes are {head!r}, expected "
            + " or ".join(f"{library.magic!r} ({library.name})" for library in LIBRARIES.values())
            + "; copy it again, or export the network"
        )
    return choose_library(None)


def supported_capabilities(api: ModuleType) -> dict[str, Any]:
    """Return the enum members of the compute capabilities that a library builds for without a GPU, by names
    such as ``8.6``."""
    members = api.ComputeCapability.__members__
    return {f"{name[2:-1]}.{name[-1]}": member for name, member in members.items() if name.startswith("SM")}


def _only_installed(gpus: Sequence[str]) -> str:
    suitable = [library for library in LIBRARIES.values() if library.builds_without_gpu or not gpus]
    installed = [library.name for library in suitable if plugins.version_of(library.module) is not None]
    if len(installed) > 1:
        raise DeviceError(f"{' and '.join(installed)} are both installed; choose one with `trt_library`")
    if not installed:
        raise MissingPackageError(
            f"TensorRT engines need {' or '.join(library.name for library in suitable)}, and none is "
            "installed; install it with: pip install 'posedeploy[tensorrt-rtx]'"
            + ("" if gpus else ", or 'posedeploy[tensorrt]' on a machine with a GPU")
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
    """Return the first message, which causes the others."""
    return errors[0] if errors else "TensorRT gives no reason"


def without_gpu(error: PoseDeployError) -> DeviceError:
    """Return the error for a library that needs a GPU to build, on a machine without one."""
    return DeviceError(f"{error}; without one, build with `trt_library=tensorrt-rtx`")
