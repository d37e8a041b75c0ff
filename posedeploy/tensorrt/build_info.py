"""The build info of a TensorRT engine, which its manifest records."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import msgspec

from posedeploy.backends import TARGETS, Requirements
from posedeploy.errors import ManifestError
from posedeploy.text_files import convert
from posedeploy.types import Artifact

SIDECARS = TARGETS["tensorrt"].sidecar_suffixes
MAX_WORKSPACE_MIB = 1 << 24
RTX_CAPABILITIES = ("8.0", "8.6", "8.9", "12.0+")
"""The GPUs of a TensorRT-RTX engine that is built without naming any, by NVIDIA's documentation: Ampere, Ada,
Blackwell and later (``+``). https://docs.nvidia.com/deeplearning/tensorrt-rtx/"""


@dataclass(frozen=True)
class ShapeRange:
    """The range of a dynamic input's shape; the engine is tuned for ``opt``."""

    min: tuple[int, ...]
    opt: tuple[int, ...]
    max: tuple[int, ...]


@dataclass(frozen=True)
class BuildInfo:
    """The library, GPUs and options of a build: ``Artifact.details`` of the target ``tensorrt``.

    compute_capabilities: those of the GPUs that run the engine; ``+`` includes all later ones. system: that
    of the building machine, such as ``Linux-x86_64``. gpu: the GPU that timed the layers. onnx: the file name
    of the ONNX graph in the same folder. profile: the range of each dynamic input. wrapped: the name of the
    torch2trt file of this export. layers: their number by class and precision.
    """

    library: str
    version: str
    compute_capabilities: tuple[str, ...]
    system: str
    precision: str
    onnx: str
    onnx_sha256: str
    gpu: str | None = None
    profile: Mapping[str, ShapeRange] = field(default_factory=dict)
    workspace_mib: Annotated[int, msgspec.Meta(ge=1, le=MAX_WORKSPACE_MIB)] | None = None
    wrapped: str | None = None
    layers: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    def covers(self, capability: str) -> bool:
        """Return whether the engine was built for GPUs of this compute capability."""
        return any(
            capability == built or (built.endswith("+") and _number(capability) >= _number(built[:-1]))
            for built in self.compute_capabilities
        )

    @property
    def builder(self) -> str:
        """The library that built the engine, with its version."""
        return f"{self.library} {self.version}"


def build_info_of(artifact: Artifact) -> BuildInfo | None:
    """Return the build info of an engine; None for a third-party one.

    Raises:
        ManifestError: the details in the manifest are not a build info.
    """
    if artifact.provenance is None and not artifact.details:
        return None
    try:
        info = convert(artifact.details, BuildInfo)
        for name in (info.onnx, info.wrapped):
            if name is not None and (name != Path(name).name or not name.endswith(SIDECARS)):
                raise msgspec.ValidationError(f"{name!r} is not a sidecar file of an engine")
    except msgspec.ValidationError as error:
        raise ManifestError(
            f"{artifact.path}: the details in its manifest are not a TensorRT engine's build info ({error}); "
            "export it again"
        ) from error
    return info


def requirements_of(artifact: Artifact) -> Requirements:
    """Return the library that built an engine, if the manifest records it: its extra has the same name."""
    library = artifact.details.get("library")
    return Requirements(extra=library if isinstance(library, str) else None)


def to_details(info: BuildInfo) -> dict[str, Any]:
    """Return the build info as ``Artifact.details``, in the form that reading a manifest returns."""
    details: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(info))
    return details


def current_system() -> str:
    """Return the operating system and processor in the form of ``BuildInfo.system``."""
    return f"{platform.system()}-{platform.machine()}"


def _number(capability: str) -> tuple[int, ...]:
    return tuple(int(part) if part.isdecimal() else 0 for part in capability.split("."))
