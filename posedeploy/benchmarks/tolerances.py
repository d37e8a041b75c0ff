"""Tolerances of parity, by the precision that the candidate runs in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Tolerance:
    """The largest differences that pass.

    rtol: relative to the largest absolute value of an output. px: 99th percentile of the distances of
    keypoints. mm: the same of 3D joints and vertices. is_fixed: the user set ``rtol``, so the noise floor
    does not widen it.
    """

    rtol: float = 1e-4
    px: float = 0.1
    mm: float = 1.0
    is_fixed: bool = False


MANTISSA_BITS: Mapping[str, int] = {"fp32": 23, "tf32": 10, "fp16": 10, "bf16": 7}
"""The precisions of PyTorch, the finest first, with the bits of their mantissa."""

TOLERANCES: Mapping[str, Tolerance] = {
    "fp32": Tolerance(),
    "tf32": Tolerance(rtol=1e-3, px=1.0, mm=5.0),
    "fp16": Tolerance(rtol=1e-3, px=1.0, mm=5.0),
    "bf16": Tolerance(rtol=8e-3, px=1.0, mm=5.0),
}
"""Defaults. Below FP32, ``rtol`` is one rounding step of that precision (2**-10, 2**-7)."""

QUANTIZED = frozenset({"int4", "int8", "int16"})
"""The parts of a reported precision that mark a quantized network."""
QUANTIZED_TOLERANCE = Tolerance(px=1.5, mm=10.0)
"""The default of quantized networks. No ``rtol`` fits all of their outputs, so that of FP32 is kept."""


def to_torch_precision(reported: str) -> str | None:
    """Return the precision of PyTorch for a reported one: of ``bf16+fp32``, the coarsest part.

    Returns None if PyTorch has no counterpart to a part, such as int8.
    """
    parts = reported.split("+")
    if not all(part in MANTISSA_BITS for part in parts):
        return None
    return max(parts, key=list(MANTISSA_BITS).index)


def coarsest_precision(reported: str, weights: str) -> str:
    """Return the precision whose tolerances a file has: that of its weights if it is coarser than the
    reported one, as of FP16 weights in FP32 arithmetic. Quantized weights are part of the reported one."""
    arithmetic = to_torch_precision(reported)
    if arithmetic is None or weights not in MANTISSA_BITS:
        return reported
    return weights if MANTISSA_BITS[weights] < MANTISSA_BITS[arithmetic] else reported


def is_quantized(reported: str) -> bool:
    """Return whether a reported precision, such as ``fp32+int8``, has a quantized part."""
    return not QUANTIZED.isdisjoint(reported.split("+"))


def is_coarser(reported: str, other: str) -> bool:
    """Return whether a reported precision has larger default tolerances of poses or outputs than another."""
    own, theirs = default_tolerance(reported), default_tolerance(other)
    return (is_quantized(reported), own.rtol, own.px) > (is_quantized(other), theirs.rtol, theirs.px)


def default_tolerance(reported: str) -> Tolerance:
    """Return the default for a reported precision; that of FP32 if the precision is unknown."""
    if is_quantized(reported):
        return QUANTIZED_TOLERANCE
    return TOLERANCES[to_torch_precision(reported) or "fp32"]
