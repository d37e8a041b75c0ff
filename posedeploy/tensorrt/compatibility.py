"""Check an engine's build info against the installed library and the GPU."""

from __future__ import annotations

import shlex
from types import ModuleType

from posedeploy import plugins
from posedeploy.errors import ArtifactError, DeviceError
from posedeploy.tensorrt.build_info import BuildInfo, current_system
from posedeploy.tensorrt.libraries import LIBRARIES, TensorRtLibrary, supported_capabilities
from posedeploy.types import Artifact


def check_library(artifact: Artifact, info: BuildInfo) -> tuple[TensorRtLibrary, ModuleType]:
    """Return the library that built an engine, and its module, before the engine is loaded.

    Raises:
        ArtifactError: the engine was built by another library or version, or on another kind of machine.
        MissingPackageError: its library is not installed.
    """
    library = LIBRARIES.get(info.library)
    if library is None:
        raise ArtifactError(
            f"{artifact.path}: built with {info.builder}, which is unknown; expected "
            f"{' or '.join(LIBRARIES)}; {_rebuild(artifact)} `trt_library=tensorrt-rtx`"
        )
    api = plugins.module(library.module)
    if _release(api.__version__) != _release(info.version):
        raise ArtifactError(
            f"{artifact.path}: built with {info.builder}, but {library.name} {api.__version__} is "
            f"installed, which cannot load it; {_rebuild(artifact)}"
        )
    if not library.builds_without_gpu and info.system != current_system():
        raise ArtifactError(
            f"{artifact.path}: built on {info.system}; this machine is {current_system()}, which cannot run "
            f"it; {_rebuild(artifact)}"
        )
    return library, api


def check_gpu(
    artifact: Artifact,
    info: BuildInfo,
    library: tuple[TensorRtLibrary, ModuleType],
    name: str,
    capability: str,
) -> None:
    """Check that an engine was built for this GPU.

    Args:
        library: the engine's library, as ``check_library`` returns it.
        name: the name of the GPU. capability: its compute capability.

    Raises:
        ArtifactError: the engine was built for other GPUs.
        DeviceError: the engine's library does not support this GPU.
    """
    if info.covers(capability):
        return
    row, api = library
    if row.builds_without_gpu and capability not in supported_capabilities(api):
        raise DeviceError(
            f"{artifact.path}: {name} has compute capability {capability}, which {row.name} "
            f"{api.__version__} does not support; build it with the other library: posedeploy engine rebuild "
            f"{artifact.path} `trt_library=tensorrt`"
        )
    gpu = f" `gpu=sm{capability.replace('.', '')}`" if row.builds_without_gpu else ""
    raise ArtifactError(
        f"{artifact.path}: built for compute capability {', '.join(info.compute_capabilities)}, and "
        f"{name} has {capability}; {_rebuild(artifact)}{gpu}"
    )


def _rebuild(artifact: Artifact) -> str:
    return f"rebuild it from its ONNX file: posedeploy engine rebuild {shlex.quote(str(artifact.path))}"


def _release(version: str) -> str:
    """Return the part of a version that engines depend on: the first three numbers."""
    return ".".join(version.split(".")[:3])
