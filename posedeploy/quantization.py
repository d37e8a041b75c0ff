"""Real numbers become a tensor's integers, and its integers real numbers."""

from __future__ import annotations

from typing import get_args

import numpy as np

from posedeploy.errors import InputError
from posedeploy.types import Array, IntegerDtype, Quantization, TensorSpec

INTEGERS: tuple[str, ...] = get_args(IntegerDtype)
"""The dtypes that quantized tensors have."""
MIN_LEVELS, MIN_HELD = 16, 0.75
"""How many integers the values of an image take, and what share of their range a tensor holds, at least. A
calibration cuts off less than that leaves."""


def check_quantization(tensor: TensorSpec, where: str) -> None:
    """Refuse a scale or zero point that the tensor cannot have.

    Raises:
        InputError: the tensor is not of integers, the scale is not a positive number, or the zero point is
            not a value of the tensor's type.
    """
    quantization = tensor.quantization
    if quantization is None:
        return
    if tensor.dtype not in INTEGERS:
        raise InputError(
            f"{where}: {tensor.name} is {tensor.dtype}, so it has no scale and zero point; leave them out "
            f"(only {', '.join(INTEGERS)} tensors have them)"
        )
    if not (np.isfinite(quantization.scale) and quantization.scale > 0):
        raise InputError(
            f"{where}: {tensor.name} has the scale {quantization.scale:g}; a scale is a finite number above 0"
        )
    limits = np.iinfo(tensor.dtype)
    if not limits.min <= quantization.zero_point <= limits.max:
        raise InputError(
            f"{where}: {tensor.name} has the zero point {quantization.zero_point}; that of {tensor.dtype} is "
            f"from {limits.min} to {limits.max}"
        )


def quantize(values: Array, tensor: TensorSpec) -> Array:
    """Real numbers as integers of the tensor's type: rounded to the nearest, cut off at the type's limits."""
    quantization = _quantization_of(tensor)
    limits = np.iinfo(tensor.dtype)
    integers = np.rint(values / quantization.scale) + quantization.zero_point
    quantized: Array = integers.clip(limits.min, limits.max).astype(tensor.dtype)
    return quantized


def quantize_pixels(values: Array, tensor: TensorSpec) -> Array:
    """``quantize`` for all values that an image can have.

    Raises:
        InputError: the integers hold too little of the values' range, or too few of them are used: the model
            was not quantized for these values.
    """
    quantized = quantize(values, tensor)
    quantization, limits = _quantization_of(tensor), np.iinfo(tensor.dtype)
    low, high = ((limit - quantization.zero_point) * quantization.scale for limit in (limits.min, limits.max))
    held = min(high, float(values.max())) - max(low, float(values.min()))
    if held < MIN_HELD * np.ptp(values) or len(np.unique(quantized)) < MIN_LEVELS:
        raise InputError(
            f"the input {tensor} does not fit the image: with mean and std applied its values lie "
            f"between {values.min():.4g} and {values.max():.4g}, and the tensor holds {low:.4g} to "
            f"{high:.4g} in steps of {quantization.scale:.4g}. Correct scale and zero_point, or mean and "
            "std, under [input] in a `contract` file; a model that normalizes inside has "
            'embedded = ["normalization"]'
        )
    return quantized


def dequantize(array: Array, quantization: Quantization) -> Array:
    """The real numbers, as float32, that a tensor's integers stand for."""
    real: Array = (array.astype(np.float32) - quantization.zero_point) * np.float32(quantization.scale)
    return real


def _quantization_of(tensor: TensorSpec) -> Quantization:
    assert tensor.quantization is not None, "the caller quantizes only what has a scale"
    return tensor.quantization
