"""What code that is compiled here needs of the machine that runs it.

It goes into the manifest, and is held against the machine before the code is loaded.
"""

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

AGAIN = "posedeploy export CHECKPOINT --to aoti"


@dataclass(frozen=True)
class BuildRequirements:
    """What compiled code needs of a machine.

    device: ``cpu`` or ``cuda``. torch: the version, whose binary interface the code calls. machine: as
    ``platform.machine`` has it. features: the processor's instruction sets, all of which the compiler may
    use, for what runs on the host beside a GPU too. gpu: its compute capability, such as ``sm90``.
    """

    device: str
    torch: str
    machine: str
    features: tuple[str, ...] = ()
    gpu: str | None = None


def needs(device: str) -> BuildRequirements:
    """What code compiled here and now, for ``cpu`` or ``cuda``, needs.

    Raises:
        MissingPackageError: this PyTorch does not tell what the processor has.
    """
    gpu = "sm{}{}".format(*torch.cuda.get_device_capability()) if device == "cuda" else None
    return BuildRequirements(device, str(torch.__version__), platform.machine(), _features(), gpu)


def details(device: str) -> dict[str, Any]:
    """``needs`` as the manifest has it, for ``check``."""
    document: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(needs(device)))
    return document


def check(path: Path, said: Mapping[str, Any], device: str) -> None:
    """Refuse code that was compiled for something else.

    Args:
        said: the manifest's details, what ``details`` gave where it was compiled.

    Raises:
        ArtifactError: no manifest says what for, or it was for another PyTorch, processor or GPU.
        ManifestError: what the manifest has in its place is something else.
        DeviceError: it was for another device than the one asked for.
    """
    if not said:
        raise ArtifactError(
            f"{path}: it is machine code, and no manifest says for what; make it with {AGAIN}"
        )
    try:
        wanted = convert(said, BuildRequirements)
    except msgspec.ValidationError as error:
        raise ManifestError(
            f"{path}: its manifest's details do not say what the code was compiled for ({error}); make it "
            f"again: {AGAIN}"
        ) from error
    if wanted.device != device:
        raise DeviceError(
            f"`device={device}`: {path} was compiled for {wanted.device}; make one with {AGAIN} "
            f"`device={device}`"
        )
    again = AGAIN if device == "cpu" else f"{AGAIN} `device={device}`"
    found = needs(device)
    lacking = sorted(set(wanted.features) - set(found.features))
    if lacking:
        raise ArtifactError(
            f"{path}: compiled for a processor with {', '.join(lacking)}, which this one lacks; make it "
            f"again here: {again}"
        )
    for what in ("torch", "machine", "gpu"):
        asked, here = getattr(wanted, what), getattr(found, what)
        if asked != here:
            raise ArtifactError(
                f"{path}: compiled for {what} {asked}, and here it is {here}; make it again here: {again}"
            )


def _features() -> tuple[str, ...]:
    if not hasattr(torch.cpu, "get_capabilities"):
        raise MissingPackageError(
            f"machine code needs to know the processor's instruction sets, which torch {torch.__version__} "
            "does not tell; install a newer one, 2.13 does: pip install --upgrade torch"
        )
    return tuple(sorted(name for name, has in torch.cpu.get_capabilities().items() if has is True))
