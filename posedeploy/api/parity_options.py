"""The options of a comparison with PyTorch."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from posedeploy.api.readable_images import DEFAULT_FRAMES
from posedeploy.benchmarks.budget import Budget
from posedeploy.benchmarks.tolerances import Tolerance, default_tolerance, is_quantized
from posedeploy.errors import InputError
from posedeploy.types import ModelSpec


@dataclass(frozen=True, kw_only=True)
class ParityOptions:
    """The images, the checkpoint and the tolerances of a comparison.

    rtol: tolerance of an output, relative to its largest value. max_px, max_mm: tolerances of keypoints, and
    of 3D joints and vertices. None means the default of the precision in which the candidate runs. budget:
    decides on paired poses instead of the tolerances, which must then be None. noise_floor: measure the noise
    floor even if the verdict does not need it. save_reference: the reference file to write. readable_images:
    the names and paths of images that were already read once, instead of ``images``. frames: the number of
    frames of each video among the images. tries_mistakes: after a comparison that passed, try known mistakes
    to know what it proves.
    """

    images: tuple[Path, ...] = ()
    readable_images: tuple[tuple[str, Path], ...] = ()
    checkpoint: Path | None = None
    runtime: str | None = None
    rtol: float | None = None
    max_px: float | None = None
    max_mm: float | None = None
    budget: Budget | None = None
    noise_floor: bool = False
    save_reference: Path | None = None
    frames: int = DEFAULT_FRAMES
    tries_mistakes: bool = True

    def __post_init__(self) -> None:
        if self.frames < 1:
            raise InputError(f"`frames={self.frames}`: expected at least 1")
        for name, value in self._tolerances().items():
            if not 0 <= value < math.inf:
                raise InputError(f"`{name}={value:g}`: expected a tolerance of at least 0, and finite")
            if self.budget is not None:
                raise InputError(f"`budget` and `{name}`: a budget replaces the tolerances; pass one of them")

    def _tolerances(self) -> dict[str, float]:
        tolerances = {"rtol": self.rtol, "max_px": self.max_px, "max_mm": self.max_mm}
        return {name: value for name, value in tolerances.items() if value is not None}

    def tolerance(self, precision: str) -> Tolerance:
        """Return the tolerance of a candidate whose runtime reports this precision."""
        default = default_tolerance(precision)
        return Tolerance(
            default.rtol if self.rtol is None else self.rtol,
            default.px if self.max_px is None else self.max_px,
            default.mm if self.max_mm is None else self.max_mm,
            is_fixed=self.rtol is not None,
        )

    def budget_for(self, spec: ModelSpec, precision: str, *, has_poses: bool) -> Budget | None:
        """Return the budget that decides on a candidate in this precision; None where the tolerances do.

        That is the user's, with defaults for what it does not limit. Without one and without tolerances, a
        quantized precision, such as INT8, has the budget of these defaults.

        Raises:
            InputError: the network does not have what the user's budget limits.
        """
        if self.budget is not None and (reason := _unusable(self.budget, spec, has_poses=has_poses)):
            raise InputError(f"`budget`: {reason}")
        is_default = has_poses and not self._tolerances() and is_quantized(precision)
        budget = Budget() if self.budget is None and is_default else self.budget
        if budget is None:
            return None
        has_2d, has_3d = spec.joints is None, spec.unit == "mm"
        return budget.with_defaults(default_tolerance(precision), has_2d=has_2d, has_3d=has_3d)


def _unusable(budget: Budget, spec: ModelSpec, *, has_poses: bool) -> str | None:
    if not has_poses:
        return (
            "nothing describes how the outputs of this network become poses, so none can be compared; leave "
            "it out, or describe the outputs with `contract=FILE.toml`"
        )
    if spec.joints is not None and not budget.px is budget.oks is budget.unmatched_percent is None:
        return f"the 2D keypoints of {spec.family} are its inputs; give a budget in mm only, such as 0.5mm"
    if spec.unit == "px" and budget.mm is not None:
        return f"this {spec.family} has no 3D positions; give a budget in px, oks or %, such as 1px"
    return None
