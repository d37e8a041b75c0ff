"""The build information of a package, which the export records in the manifest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from posedeploy.aoti_package.cpp_library import Versions
from posedeploy.backends import Requirements
from posedeploy.errors import ManifestError
from posedeploy.text_files import convert
from posedeploy.types import Array, Artifact, ModelSpec

KEY = "build"
"""The key of the build in the details of the manifest."""


@dataclass(frozen=True)
class PackageBuild:
    """The build of a package.

    shapes: the shapes of the inputs of its trial, in order. compiler: the C++ compiler, with its version.
    library: the symbol versions of the libstdc++ that the compiler linked; empty if unknown.
    """

    shapes: tuple[tuple[int, ...], ...]
    compiler: str = ""
    library: Versions = field(default_factory=dict)

    def zeros(self, spec: ModelSpec) -> list[Array]:
        """Return zeros for each input."""
        pairs = zip(self.shapes, spec.inputs, strict=True)
        return [np.zeros(shape, tensor.dtype) for shape, tensor in pairs]


def requirements_of(artifact: Artifact) -> Requirements:
    """Return the device that the code was compiled for, if the manifest records one."""
    device = artifact.details.get("device")
    return Requirements(device=device if isinstance(device, str) else None)


def to_details(build: PackageBuild) -> dict[str, Any]:
    """Return a build as ``Artifact.details``, for ``read_build``."""
    document: Any = msgspec.json.decode(msgspec.json.encode(build))
    return {KEY: document}


def read_build(path: Path, details: Mapping[str, Any], spec: ModelSpec) -> PackageBuild:
    """Return how the package ``path`` was built, by its manifest.

    Raises:
        ManifestError: the manifest does not record it, or it does not fit the recorded inputs.
    """
    again = "export it again: posedeploy export CHECKPOINT --to aoti"
    if KEY not in details:
        raise ManifestError(f"{path}: its manifest does not record how it was built; {again}")
    try:
        build = convert(details[KEY], PackageBuild)
    except msgspec.ValidationError as error:
        raise ManifestError(
            f"{path}: the build information in its manifest is damaged ({error}); {again}"
        ) from error
    if len(build.shapes) != len(spec.inputs) or not all(
        tensor.accepts(shape) for tensor, shape in zip(spec.inputs, build.shapes, strict=True)
    ):
        inputs = ", ".join(map(str, spec.inputs))
        raise ManifestError(
            f"{path}: its manifest records a trial with inputs of shape {list(build.shapes)}, but the "
            f"network has {inputs}; {again}"
        )
    return build
