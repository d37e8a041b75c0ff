"""Errors of runtimes on calibration inputs."""

from __future__ import annotations

from posedeploy.errors import ExportError
from posedeploy.types import Tensors


def describe_rejected(runtime: str, reason: str, tensors: Tensors | None) -> ExportError:
    """Return the error of an export whose network a runtime cannot run on a calibration input.

    Args:
        tensors: the input; None if it cannot load the network either.
    """
    if tensors is None:
        return ExportError(
            f"the network cannot be quantized: {runtime} cannot load it ({reason}); use `precision=fp32`"
        )
    shapes = ", ".join(f"{name} {'x'.join(map(str, array.shape))}" for name, array in tensors.items())
    return ExportError(
        f"the network cannot be quantized: {runtime} cannot run it on the calibration input {shapes} "
        f"({reason}); if the sides of an image must be multiples of a larger number, write it as `multiple` "
        "in the contract, or export without `dynamic`; otherwise, use `precision=fp32`"
    )
