"""The noise floor: how far PyTorch is from exact arithmetic, on the device and in the precision of a
candidate.

No runtime can be closer to PyTorch than PyTorch is to itself: with cuDNN's Winograd kernels, a network in
FP32 differs from the same network on a CPU by 1e-3 of the largest value of an output. The noise floor is that
distance, measured against FP64.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from posedeploy.benchmarks.array_differences import bound_scale, max_absolute, relative_differences, rms
from posedeploy.benchmarks.keypoints import PoseParity
from posedeploy.benchmarks.row_pairing import find_row_axes, pair_rows
from posedeploy.benchmarks.tolerances import MANTISSA_BITS, Tolerance
from posedeploy.runtimes.base import Runner
from posedeploy.types import Array, Tensors

RUNS = 3
"""Runs per input if one is not enough: the first on the input itself, the others on inputs one rounding
step away."""
MORE_RUNS = 12
"""The runs of an input on which the candidate differs by little more than the floor of ``RUNS`` runs."""
PEAK = 0.25
"""Elements of at least this share of the largest value of an output belong to a peak."""
FLOAT64_FACTOR = 2.0
"""The largest distance from FP64, relative to that of PyTorch: each runtime sums in its own order."""


@dataclass(frozen=True)
class OutputNoise:
    """The noise of one output, relative to its scale on each input (``bound_scale``).

    largest: the largest difference of any element. rms: the root mean square over all elements. at_peaks:
    over those of at least ``PEAK`` of the largest value on the same input, relative to that value. Each is
    the maximum over inputs and runs, and infinite if PyTorch overflows.
    """

    largest: float
    rms: float
    at_peaks: float

    def maximum_with(self, other: OutputNoise) -> OutputNoise:
        """Return the maximum of each field."""
        return OutputNoise(
            max(self.largest, other.largest), max(self.rms, other.rms), max(self.at_peaks, other.at_peaks)
        )


@dataclass(frozen=True)
class DifferenceLimits:
    """The largest difference and RMS difference of an output that pass, relative to its largest value."""

    largest: float
    rms: float


@dataclass(frozen=True)
class PoseNoise:
    """The noise of poses at the 99th percentile: of keypoints in px, and of 3D joints and vertices in mm."""

    px: float
    mm: float


@dataclass(frozen=True)
class NoiseFloor:
    """The rounding errors of PyTorch on a device and in a precision.

    outputs: by name. inputs, runs: the number measured. pose_noise: that of ``poses``. poses: PyTorch in that
    precision on that device against FP64. jpeg: for comparison, FP32 on images compressed as JPEG at quality
    95. The last three are None without decoding or without images.
    """

    device: str
    precision: str
    outputs: Mapping[str, OutputNoise]
    inputs: int
    runs: int
    poses: PoseParity | None = None
    jpeg: PoseParity | None = None
    pose_noise: PoseNoise | None = None

    def extended(self, other: NoiseFloor) -> NoiseFloor:
        """Return the floor with the runs of another one on some of its inputs."""
        outputs = {name: noise.maximum_with(other.outputs[name]) for name, noise in self.outputs.items()}
        return replace(self, outputs=outputs, runs=self.runs + other.runs)

    def with_poses(self, poses: PoseParity | None) -> NoiseFloor:
        """Return the floor with the comparison of poses, and its noise."""
        if poses is None:
            return self
        noise = PoseNoise(poses.error_px, max(poses.error_mm or 0.0, poses.error_vertices_mm or 0.0))
        return replace(self, poses=poses, pose_noise=noise)

    def __str__(self) -> str:
        return f"PyTorch {self.precision} on {self.device}"

    def exceeds(self, tolerance: Tolerance) -> bool:
        """Return whether the floor widens the tolerance of any output, so that FP64 must be the reference."""
        return any(self.limits(name, tolerance).largest > tolerance.rtol for name in self.outputs)

    def limits(self, name: str, tolerance: Tolerance) -> DifferenceLimits:
        """Return the largest differences that pass: ``FLOAT64_FACTOR`` times the noise, at least ``rtol``.

        Infinite noise does not widen the tolerance, and neither does any noise if the user set ``rtol``.
        """
        noise = self.outputs.get(name)
        if tolerance.is_fixed or noise is None or not np.isfinite((noise.largest, noise.rms)).all():
            return DifferenceLimits(tolerance.rtol, tolerance.rtol)
        return DifferenceLimits(
            max(tolerance.rtol, FLOAT64_FACTOR * noise.largest),
            max(tolerance.rtol, FLOAT64_FACTOR * noise.rms),
        )


def measure_noise(
    exact: Sequence[Tensors],
    runner: Runner,
    inputs: Sequence[Tensors],
    precision: str,
    device: str = "CPU",
    on_progress: Callable[[int, int], None] = lambda done, total: None,
    seed: int = 0,
    count: int | None = None,
    largest: Mapping[str, float] | None = None,
) -> NoiseFloor:
    """Measure the noise floor of a network on some inputs.

    Rows of detections that rounding adds or removes are left out of the noise floor.

    One run is one sample of the rounding errors, which can be small by chance. Each input is therefore run
    ``count`` times, all but the first with every element one rounding step up or down, which changes all
    later roundings: Monte Carlo arithmetic (Parker, 1997) with the last bit of the input as the source of
    randomness. Integer inputs are run once.

    Args:
        exact: the outputs of the network in FP64 on the unmodified inputs.
        runner: the same network in this precision and on this device.
        seed: of the rounding steps. count: runs per input; None means ``RUNS``.
        largest: the largest absolute value of each output on these and other inputs; None means on these.
    """
    random = np.random.RandomState(seed)
    runs = [
        (expected, perturbed)
        for expected, tensors in zip(exact, inputs, strict=True)
        for perturbed in _perturb(tensors, precision, random, count or RUNS)
    ]
    outputs: dict[str, OutputNoise] = {}
    axes = find_row_axes(runner)
    largest = largest or find_largest(exact)
    for number, (expected, tensors) in enumerate(runs):
        paired = pair_rows(expected, runner.run(tensors), axes)
        for name, array in paired.actual.items():
            noise = _measure_output(paired.expected[name], array, largest[name])
            outputs[name] = noise.maximum_with(outputs[name]) if name in outputs else noise
        on_progress(number + 1, len(runs))
    return NoiseFloor(device, precision, outputs, len(inputs), len(runs))


def find_largest(outputs: Iterable[Tensors]) -> dict[str, float]:
    """Return the largest absolute value of each output on any input."""
    largest: dict[str, float] = {}
    for each in outputs:
        for name, array in each.items():
            largest[name] = max(largest.get(name, 0.0), max_absolute(array))
    return largest


def _measure_output(exact: Array, array: Array, largest: float) -> OutputNoise:
    """Return the noise of one output in one run; ``largest`` is its largest value on any input."""
    differences, largest_here = relative_differences(exact, array), max_absolute(exact)
    is_peak = np.abs(exact) >= PEAK * largest_here
    factor = (largest_here or 1.0) / bound_scale(largest_here, largest)
    return OutputNoise(
        factor * float(differences.max(initial=0.0)),
        factor * rms(differences),
        rms(differences[is_peak]),
    )


def _perturb(
    tensors: Tensors, precision: str, random: np.random.RandomState, count: int
) -> Iterator[Tensors]:
    """Yield the tensors, then copies with each element one rounding step up or down."""
    yield tensors
    if any(np.issubdtype(array.dtype, np.floating) for array in tensors.values()):
        for _ in range(count - 1):
            yield {name: _perturb_array(array, precision, random) for name, array in tensors.items()}


def _perturb_array(array: Array, precision: str, random: np.random.RandomState) -> Array:
    """Return each number one rounding step of a precision up or down; integers unchanged."""
    if not np.issubdtype(array.dtype, np.floating):
        return array
    step = np.abs(np.spacing(array)) * 2.0 ** (MANTISSA_BITS["fp32"] - MANTISSA_BITS[precision])
    signs = 2.0 * random.randint(0, 2, array.shape) - 1.0
    perturbed: Array = (array + signs * step).astype(array.dtype)
    return perturbed
