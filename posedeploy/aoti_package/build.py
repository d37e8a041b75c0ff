"""What an export leaves in the manifest of a package: how it was built, for the machine that opens it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from posedeploy.aoti_package.cpp_library import Versions
from posedeploy.errors import ManifestError
from posedeploy.text_files import convert
from posedeploy.types import Array, ModelSpec

KEY = "build"
"""Where it stands in the manifest's details."""


@dataclass(frozen=True)
class Build:
    """How a package was built.

    shapes: those of the inputs, in order, that it was run on. compiler: the C++ compiler, with its version.
    library: the symbol versions of the libstdc++ that the compiler linked; empty where that is not known.
    """

    shapes: tuple[tuple[int, ...], ...]
    compiler: str = ""
    library: Versions = field(default_factory=dict)

    def zeros(self, spec: ModelSpec) -> list[Array]:
        """An input of zeros for each tensor."""
        pairs = zip(self.shapes, spec.inputs, strict=True)
        return [np.zeros(shape, tensor.dtype) for shape, tensor in pairs]


def to_details(build: Build) -> dict[str, Any]:
    """A build as ``Artifact.details`` has it, for ``read_build``."""
    document: Any = msgspec.json.decode(msgspec.json.encode(build))
    return {KEY: document}


def read_build(path: Path, details: Mapping[str, Any], spec: ModelSpec) -> Build:
    """How the package ``path`` was built, by its manifest.

    Raises:
        ManifestError: its manifest does not have it, or it does not fit the inputs in it.
    """
    again = "export it again: posedeploy export CHECKPOINT --to aoti"
    if KEY not in details:
        raise ManifestError(f"{path}: its manifest does not record how it was built; {again}")
    try:
        build = convert(details[KEY], Build)
    except msgspec.ValidationError as error:
        raise ManifestError(
            f"{path}: its manifest's record of the build is damaged ({error}); {again}"
        ) from error
    if len(build.shapes) != len(spec.inputs) or not all(
        tensor.accepts(shape) for tensor, shape in zip(spec.inputs, build.shapes, strict=True)
    ):
        inputs = ", ".join(map(str, spec.inputs))
        raise ManifestError(
            f"{path}: its manifest records a run on inputs of {list(build.shapes)}, and the network takes "
            f"{inputs}; {again}"
        )
    return build
