"""What code that is compiled here needs of the machine that runs it.

It goes into the manifest, and is held against the machine before the code is loaded.
"""

from __future__ import annotations

import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from posedeploy.errors import ArtifactError, DeviceError

AGAIN = "posedeploy export CHECKPOINT --to aoti"


def needs(device: str) -> dict[str, Any]:
    """What code compiled now, for ``CPU`` or ``cuda``, needs: JSON.

    torch: the version, whose binary interface the code calls. machine: as ``platform.machine`` has it.
    features: the processor's instruction sets, all of which the compiler may use. gpu: its compute
    capability.
    """
    common = {"device": device, "torch": str(torch.__version__), "machine": platform.machine()}
    if device == "cuda":
        return common | {"gpu": "sm{}{}".format(*torch.cuda.get_device_capability())}
    return common | {"features": _features()}


def check(path: Path, wanted: Mapping[str, Any], device: str) -> None:
    """Refuse code that was compiled for something else.

    Args:
        wanted: what ``needs`` gave where it was compiled.

    Raises:
        ArtifactError: no manifest says what for, or it was for another PyTorch, processor or GPU.
        DeviceError: it was for another device than the one asked for.
    """
    if not wanted:
        raise ArtifactError(
            f"{path}: it is machine code, and no manifest says for what; make it with {AGAIN}"
        )
    if wanted["device"] != device:
        raise DeviceError(
            f"device {device}: {path} was compiled for {wanted['device']}; make one with {AGAIN} "
            f"--device {device}"
        )
    found = needs(device)
    lacking = sorted(set(wanted.get("features", [])) - set(found.get("features", [])))
    if lacking:
        raise ArtifactError(
            f"{path}: compiled for a processor with {', '.join(lacking)}, which this one lacks; make it "
            f"again here: {AGAIN}"
        )
    for what in ("torch", "machine", "gpu"):
        if wanted.get(what) != found.get(what):
            raise ArtifactError(
                f"{path}: compiled for {what} {wanted.get(what)}, and here it is {found.get(what)}; make it "
                f"again here: {AGAIN}"
            )


def _features() -> list[str]:
    return sorted(name for name, has in torch.cpu.get_capabilities().items() if has is True)
