"""The result of an export under a budget: which layers are in floating point, and what that changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class HeldOut:
    """The inputs on which a budget was measured, none of which calibrated the network.

    source: a sentence on their origin. count: the number of inputs. people: the number that PyTorch finds in
    them. keypoints: the number of keypoints of these people. pixels: the SHA-256 of the pixels of each image.
    """

    source: str
    count: int
    people: int
    keypoints: int
    pixels: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class MeasuredChoice:
    """A choice of float layers with its measured differences from PyTorch in FP32 and its time.

    errors: 95th percentiles of the measures that ``parity`` reports, such as ``px``. unmatched_percent: the
    percentage of keypoints that only one of the two models found. median_ms: the median time of one run; None
    if it was not timed.
    """

    errors: Mapping[str, float] = field(default_factory=dict)
    unmatched_percent: float = 0.0
    median_ms: float | None = None

    def __str__(self) -> str:
        units = {
            "px": "px",
            "joint_mm": "mm",
            "depth_mm": "mm of the distance from the camera",
            "vertex_mm": "mm on the mesh",
        }
        parts = [f"{self.errors[name]:.3g} {unit}" for name, unit in units.items() if name in self.errors]
        parts += [f"{self.unmatched_percent:.2g}% unmatched keypoints"]
        parts += [] if self.median_ms is None else [f"{self.median_ms:.3g} ms"]
        return ", ".join(parts)


@dataclass(frozen=True, kw_only=True)
class BudgetRecord:
    """The measurements of an export under a budget on this machine.

    budget: its limits, in words. layers: the number that could be in INT8. float_layers: those of them that
    were put back to floating point, the most sensitive per time first. before, after: with no layer and with
    these layers put back. pytorch_ms: the median of one run of PyTorch in FP32. jpeg: for comparison, how
    much the poses of PyTorch itself change if the images are saved as JPEG at quality 95; None without
    images. trials: files that were measured. is_complete: whether the search ended before its time limit.
    """

    budget: str
    held_out: HeldOut
    layers: int
    float_layers: tuple[str, ...]
    before: MeasuredChoice
    after: MeasuredChoice
    pytorch_ms: float
    jpeg: MeasuredChoice | None
    trials: int
    is_complete: bool = True
