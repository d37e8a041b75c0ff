"""Errors of runtimes on calibration inputs."""

from __future__ import annotations

from posedeploy.errors import ExportError
from posedeploy.types import Tensors

IMAGE_AXES = 4


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
    sides = (
        "if the sides of an image must be multiples of a larger number, write this number as multiple in the "
        "contract, or leave `dynamic` out; otherwise, "
    )
    has_images = any(array.ndim == IMAGE_AXES for array in tensors.values())
    return ExportError(
        f"the network cannot be quantized: {runtime} cannot run it on the calibration input {shapes} "
        f"({reason}); {sides if has_images else ''}use `precision=fp32`"
    )
