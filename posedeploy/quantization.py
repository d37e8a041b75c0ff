"""Quantize and dequantize tensors."""

from __future__ import annotations

from typing import get_args

import numpy as np

from posedeploy.errors import InputError
from posedeploy.types import Array, IntegerDtype, Quantization, TensorSpec

INTEGERS: tuple[str, ...] = get_args(IntegerDtype)
"""The dtypes of quantized tensors."""
MIN_LEVELS, MIN_COVERAGE = 16, 0.75
"""The minimum number of integers for the values of an image, and the minimum share of their range that the
tensor represents; calibration clips less."""


def check_quantization(tensor: TensorSpec, where: str) -> None:
    """Check the scale and zero point of a tensor.

    Raises:
        InputError: the tensor is not of integers, the scale is not a positive number, or the zero point is
            not a value of the tensor's type.
    """
    quantization = tensor.quantization
    if quantization is None:
        return
    if tensor.dtype not in INTEGERS:
        raise InputError(
            f"{where}: {tensor.name} has a scale and is {tensor.dtype}, expected {', '.join(INTEGERS)}; "
            "remove scale and zero_point"
        )
    if not (np.isfinite(quantization.scale) and quantization.scale > 0):
        raise InputError(
            f"{where}: the scale of {tensor.name} is {quantization.scale:g}; expected a finite number above 0"
        )
    limits = np.iinfo(tensor.dtype)
    if not limits.min <= quantization.zero_point <= limits.max:
        raise InputError(
            f"{where}: the zero point of {tensor.name} is {quantization.zero_point}; expected {limits.min} "
            f"to {limits.max} for {tensor.dtype}"
        )


def quantize(values: Array, tensor: TensorSpec) -> Array:
    """Return real numbers as integers of the dtype of the tensor, rounded and clipped."""
    quantization = _quantization_of(tensor)
    limits = np.iinfo(tensor.dtype)
    integers = np.rint(values / quantization.scale) + quantization.zero_point
    quantized: Array = integers.clip(limits.min, limits.max).astype(tensor.dtype)
    return quantized


def quantize_pixels(values: Array, tensor: TensorSpec) -> Array:
    """Return ``quantize`` of all values that an image can have.

    Raises:
        InputError: the integers represent too little of the values' range, or are too few: the model was not
            quantized for these values.
    """
    quantized = quantize(values, tensor)
    quantization, limits = _quantization_of(tensor), np.iinfo(tensor.dtype)
    low, high = ((limit - quantization.zero_point) * quantization.scale for limit in (limits.min, limits.max))
    covered = min(high, float(values.max())) - max(low, float(values.min()))
    if covered < MIN_COVERAGE * np.ptp(values) or len(np.unique(quantized)) < MIN_LEVELS:
        raise InputError(
            f"the input {tensor} does not fit the image: after mean and std, the image's values are from "
            f"{values.min():.4g} to {values.max():.4g}, and the tensor represents {low:.4g} to {high:.4g} in "
            f"steps of {quantization.scale:.4g}; correct scale and zero_point, or mean and std, under "
            "[input] in a `contract` file. For a model that normalizes its input, write embedded = "
            '["normalization"]'
        )
    return quantized


def dequantize(array: Array, quantization: Quantization) -> Array:
    """Return the real numbers of a quantized tensor, as float32."""
    real: Array = (array.astype(np.float32) - quantization.zero_point) * np.float32(quantization.scale)
    return real


def _quantization_of(tensor: TensorSpec) -> Quantization:
    assert tensor.quantization is not None, "the caller quantizes only tensors with a scale"
    return tensor.quantization
