"""The requirements of compiled code: recorded in the manifest, and checked before the code is loaded."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import torch

from posedeploy.errors import ArtifactError, DeviceError, ManifestError, MissingPackageError
from posedeploy.text_files import convert

EXPORT_COMMAND = "posedeploy export CHECKPOINT --to aoti"


@dataclass(frozen=True)
class BuildRequirements:
    """Requirements of compiled code.

    device: ``cpu`` or ``cuda``. torch: its version, since the code calls its binary interface. machine: as
    ``platform.machine`` returns it. features: the instruction sets of the processor; the compiler may use any
    of them, in host code for a GPU too. gpu: its compute capability, such as ``sm90``.
    """

    device: str
    torch: str
    machine: str
    features: tuple[str, ...] = ()
    gpu: str | None = None


def build_requirements(device: str) -> BuildRequirements:
    """Return the requirements of code compiled on this machine, for ``cpu`` or ``cuda``.

    Raises:
        MissingPackageError: this PyTorch cannot list the instruction sets of the processor.
    """
    gpu = "sm{}{}".format(*torch.cuda.get_device_capability()) if device == "cuda" else None
    return BuildRequirements(device, str(torch.__version__), platform.machine(), _features(), gpu)


def requirement_details(device: str) -> dict[str, Any]:
    """Return ``build_requirements`` as the details of a manifest."""
    document: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(build_requirements(device)))
    return document


def check_requirements(path: Path, details: Mapping[str, Any], device: str) -> None:
    """Check that code was compiled for this machine and device.

    Args:
        details: those of the manifest, as ``requirement_details`` returned them.

    Raises:
        ArtifactError: there is no manifest, or the code is for another PyTorch, processor or GPU.
        ManifestError: the details are not requirements.
        DeviceError: the code is for another device.
    """
    if not details:
        raise ArtifactError(
            f"{path}: compiled code without a manifest that records its requirements; export it again with: "
            f"{EXPORT_COMMAND}"
        )
    try:
        required = convert(details, BuildRequirements)
    except msgspec.ValidationError as error:
        raise ManifestError(
            f"{path}: the details in its manifest are not the requirements of compiled code ({error}); "
            f"export it again with: {EXPORT_COMMAND}"
        ) from error
    if required.device != device:
        raise DeviceError(
            f"`device={device}`: {path} was compiled for {required.device}; export one with: "
            f"{EXPORT_COMMAND} `device={device}`"
        )
    command = EXPORT_COMMAND if device == "cpu" else f"{EXPORT_COMMAND} `device={device}`"
    actual = build_requirements(device)
    lacking = sorted(set(required.features) - set(actual.features))
    if lacking:
        raise ArtifactError(
            f"{path}: compiled for a processor with {', '.join(lacking)}, which this processor lacks; export "
            f"it again on this machine: {command}"
        )
    for name in ("torch", "machine", "gpu"):
        expected, value = getattr(required, name), getattr(actual, name)
        if expected != value:
            raise ArtifactError(
                f"{path}: compiled for {name} {expected}; this machine has {value}; export it again on this "
                f"machine: {command}"
            )


def _features() -> tuple[str, ...]:
    if not hasattr(torch.cpu, "get_capabilities"):
        raise MissingPackageError(
            f"torch {torch.__version__} cannot list the instruction sets of the processor, which a manifest "
            "of compiled code records; install torch 2.13 or newer: pip install --upgrade torch"
        )
    return tuple(sorted(name for name, has in torch.cpu.get_capabilities().items() if has is True))
