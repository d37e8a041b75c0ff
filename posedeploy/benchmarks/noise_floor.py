"""How far PyTorch itself is from exact arithmetic, on the device and in the precision of a candidate.

No runtime can be closer to PyTorch than PyTorch is to itself: cuDNN's Winograd kernels alone put a network in
FP32 1e-3 of an output's largest value away from the same network on a CPU. The noise floor is that distance,
measured against FP64.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from posedeploy.benchmarks.array_differences import largest, relative_difference, root_mean_square
from posedeploy.benchmarks.keypoints import PoseParity
from posedeploy.benchmarks.tolerances import MANTISSA_BITS, Tolerance
from posedeploy.runtimes.base import Runner
from posedeploy.types import Array, Tensors

RUNS = 6
"""Runs on each input, the first on the input itself, the others on inputs one rounding step apart."""
PEAK = 0.25
"""From which share of an output's largest value on an element counts as part of a peak."""
FACTOR = 2.0
"""How many times as far from FP64 as PyTorch a candidate may be: each runtime sums in an order of its own."""


@dataclass(frozen=True)
class OutputNoise:
    """The noise of one output, relative to its largest absolute value on the same input.

    largest: the largest difference of any element. rms: the root mean square over all elements, and at_peaks
    over those of at least ``PEAK`` of the largest value, on the input and in the run where it is largest. All
    are infinite where PyTorch itself overflows.
    """

    largest: float
    rms: float
    at_peaks: float

    def or_larger(self, other: OutputNoise) -> OutputNoise:
        """The larger of two in each respect."""
        return OutputNoise(
            max(self.largest, other.largest), max(self.rms, other.rms), max(self.at_peaks, other.at_peaks)
        )


@dataclass(frozen=True)
class Allowed:
    """The largest difference and root mean square of an output that pass, relative to its largest value."""

    largest: float
    rms: float


@dataclass(frozen=True)
class NoiseFloor:
    """What PyTorch's own rounding does, on a device and in a precision.

    outputs: by name. inputs, runs: what they were measured on. poses: PyTorch in that precision on that
    device against FP64; jpeg: the same network in FP32 on images compressed as JPEG at quality 95, a
    yardstick for people. Both are None where there is nothing to decode, or no image.
    """

    device: str
    precision: str
    outputs: Mapping[str, OutputNoise]
    inputs: int
    runs: int
    poses: PoseParity | None = None
    jpeg: PoseParity | None = None

    def __str__(self) -> str:
        return f"PyTorch {self.precision} on {self.device}"

    def exceeds(self, tolerance: Tolerance) -> bool:
        """Whether any output has a tolerance of its own, so that only FP64 can be the reference."""
        return any(self.allowed(name, tolerance).largest > tolerance.rtol for name in self.outputs)

    def allowed(self, name: str, tolerance: Tolerance) -> Allowed:
        """The largest differences of an output that pass: ``FACTOR`` times the noise, at least ``rtol``.

        Noise without end excuses nothing, and neither does any where the user chose ``rtol``.
        """
        noise = self.outputs.get(name)
        if tolerance.is_fixed or noise is None or not np.isfinite((noise.largest, noise.rms)).all():
            return Allowed(tolerance.rtol, tolerance.rtol)
        return Allowed(max(tolerance.rtol, FACTOR * noise.largest), max(tolerance.rtol, FACTOR * noise.rms))


def measure_noise(
    exact: Sequence[Tensors],
    runner: Runner,
    inputs: Sequence[Tensors],
    precision: str,
    device: str = "CPU",
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> NoiseFloor:
    """Measure the noise floor of a network over all these inputs.

    One run is one draw of its rounding errors, by chance small ones. Hence ``RUNS`` of them on each input,
    all but the first on inputs one rounding step of the precision apart, after which every later rounding
    falls otherwise: Monte Carlo arithmetic (Parker, 1997) with the input's last bit as the source of chance.
    Inputs of integers are not moved and are run once.

    Args:
        exact: the outputs of the network in FP64 on the inputs as they are.
        runner: the same network in this precision and on this device.
    """
    random = np.random.RandomState(0)
    draws = [
        (expected, moved)
        for expected, tensors in zip(exact, inputs, strict=True)
        for moved in _one_step_apart(tensors, precision, random)
    ]
    outputs: dict[str, OutputNoise] = {}
    for number, (expected, tensors) in enumerate(draws):
        for name, array in runner.run(tensors).items():
            noise = _noise(expected[name], array)
            outputs[name] = noise.or_larger(outputs[name]) if name in outputs else noise
        on_progress(number + 1, len(draws))
    return NoiseFloor(device, precision, outputs, len(inputs), len(draws))


def _noise(exact: Array, array: Array) -> OutputNoise:
    """The noise of one output in one run."""
    apart = relative_difference(exact, array)
    peaks = np.abs(exact) >= PEAK * largest(exact)
    return OutputNoise(float(apart.max(initial=0.0)), root_mean_square(apart), root_mean_square(apart[peaks]))


def _one_step_apart(tensors: Tensors, precision: str, random: np.random.RandomState) -> Iterator[Tensors]:
    """The tensors, and those that lie one rounding step above or below them at each place."""
    yield tensors
    if any(np.issubdtype(array.dtype, np.floating) for array in tensors.values()):
        for _ in range(RUNS - 1):
            yield {name: _moved(array, precision, random) for name, array in tensors.items()}


def _moved(array: Array, precision: str, random: np.random.RandomState) -> Array:
    """Each number one rounding step of a precision up or down; integers as they are."""
    if not np.issubdtype(array.dtype, np.floating):
        return array
    step = np.abs(np.spacing(array)) * 2.0 ** (MANTISSA_BITS["fp32"] - MANTISSA_BITS[precision])
    signs = 2.0 * random.randint(0, 2, array.shape) - 1.0
    moved: Array = (array + signs * step).astype(array.dtype)
    return moved
