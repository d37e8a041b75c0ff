"""Whether a runtime gives what PyTorch gives, on the same images: every output, and the keypoints."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np

from posedeploy.benchmarks.ambiguity import Decode, compare_image, noise_bounds
from posedeploy.benchmarks.array_differences import cosine, difference, relative_difference, root_mean_square
from posedeploy.benchmarks.inputs import Sample
from posedeploy.benchmarks.keypoints import ImageParity, PoseParity
from posedeploy.benchmarks.noise_floor import Allowed, NoiseFloor, OutputNoise
from posedeploy.benchmarks.tolerances import Tolerance
from posedeploy.errors import ArtifactError
from posedeploy.runtimes.base import Runner
from posedeploy.types import Array, RuntimeInfo, Tensors, TensorSpec


@dataclass(frozen=True)
class Place:
    """One element of one output on one input, with both values."""

    sample: str
    index: tuple[int, ...]
    reference: float
    candidate: float


@dataclass(frozen=True)
class OutputParity:
    """One output on every input: the raw arrays of both sides, pair by pair."""

    name: str
    samples: tuple[str, ...]
    reference: tuple[Array, ...] = field(repr=False)
    candidate: tuple[Array, ...] = field(repr=False)

    @cached_property
    def max_absolute(self) -> float:
        """The largest difference; infinite where a side has NaN or infinity."""
        return max(float(difference(a, b).max()) for a, b in self._pairs)

    @cached_property
    def rtol(self) -> float:
        """The largest difference over the output's largest absolute value on that input."""
        return max(float(relative_difference(a, b).max()) for a, b in self._pairs)

    @cached_property
    def rms_relative(self) -> float:
        """The largest root mean square of the differences on an input, over the output's largest absolute
        value there."""
        return max(self._rms)

    @cached_property
    def cosine(self) -> float:
        """The least cosine between the two outputs over the inputs, as vectors; 1 is the same direction, and
        where there is none (NaN, infinity) it is 0."""
        return min(cosine(a.ravel(), b.ravel()) for a, b in self._pairs)

    @cached_property
    def worst(self) -> Place:
        """Where the two differ most, relative to the output's size on that input."""
        differences = [relative_difference(a, b) for a, b in self._pairs]
        which = int(np.argmax([apart.max() for apart in differences]))
        index = np.unravel_index(int(differences[which].argmax()), differences[which].shape)
        place = tuple(int(axis) for axis in index)
        return Place(
            self.samples[which],
            place,
            float(self.reference[which][place]),
            float(self.candidate[which][place]),
        )

    @property
    def worst_rms_sample(self) -> str:
        """The input on which the root mean square is largest."""
        return self.samples[int(np.argmax(self._rms))]

    @cached_property
    def _rms(self) -> list[float]:
        return [root_mean_square(relative_difference(a, b)) for a, b in self._pairs]

    @property
    def _pairs(self) -> list[tuple[Array, Array]]:
        return list(zip(self.reference, self.candidate, strict=True))


@dataclass(frozen=True)
class Parity:
    """A candidate against the reference. ``poses`` is None where no decoding is known for the network.

    reference_precision: that of PyTorch as the reference, FP64 where the noise floor exceeds the tolerance.
    floor: PyTorch's own noise on the candidate's device and in its precision; None where it was not measured,
    which ``floor_note`` explains where it would have mattered. input_specs, output_specs: the candidate's
    tensors as its file has them.
    """

    label: str
    runtime_info: RuntimeInfo
    outputs: tuple[OutputParity, ...]
    poses: PoseParity | None
    tolerance: Tolerance
    reference_precision: Literal["fp32", "fp64"] = "fp32"
    floor: NoiseFloor | None = None
    floor_note: str = ""
    input_specs: tuple[TensorSpec, ...] = ()
    output_specs: tuple[TensorSpec, ...] = ()

    @cached_property
    def failures(self) -> tuple[str, ...]:
        """What lies beyond the tolerance, a sentence each; empty where the two are the same."""
        by_size = sorted(self.outputs, key=lambda output: -output.rtol)
        found = [sentence for output in by_size if (sentence := self._failure(output))]
        if not self.outputs:
            found.append("there is no output to compare")
        if self.poses is not None:
            found += self.poses.failures(self.tolerance)
        return tuple(found)

    @property
    def passed(self) -> bool:
        """Whether everything lies within the tolerance."""
        return not self.failures

    def noise(self, output: str) -> OutputNoise | None:
        """PyTorch's own noise in an output, where it was measured."""
        return self.floor.outputs.get(output) if self.floor is not None else None

    def allowed(self, output: str) -> Allowed:
        """The largest differences of an output that pass."""
        if self.floor is None:
            return Allowed(self.tolerance.rtol, self.tolerance.rtol)
        return self.floor.allowed(output, self.tolerance)

    def _failure(self, output: OutputParity) -> str:
        allowed, noise = self.allowed(output.name), self.noise(output.name)
        if not output.rtol <= allowed.largest:
            worst = output.worst
            place = f"{output.name}[{', '.join(map(str, worst.index))}] on {worst.sample}"
            values = f"{worst.candidate:.6g} instead of {worst.reference:.6g}"
            return (
                f"{place} is {values}: {output.rtol:.1e} of the largest value, tolerance "
                f"{allowed.largest:.1e}{self._floor_text(noise.largest if noise else None)}"
            )
        if not output.rms_relative <= allowed.rms:
            return (
                f"{output.name} on {output.worst_rms_sample}: RMS difference {output.rms_relative:.1e} of "
                f"the largest value, tolerance {allowed.rms:.1e}"
                f"{self._floor_text(noise.rms if noise else None)}"
            )
        return ""

    def _floor_text(self, noise: float | None) -> str:
        return "" if noise is None else f" (noise floor of {self.floor}: {noise:.1e})"


def compare_outputs(
    label: str,
    reference: Runner,
    candidate: Runner,
    pairs: Sequence[tuple[Sample, Sample]],
    *,
    tolerance: Tolerance,
    decode: Decode | None = None,
    peaks: Collection[str] = (),
    floor: NoiseFloor | None = None,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> Parity:
    """Run both on each pair of inputs (the same image, as each side wants it) and keep the raw outputs.

    Raises:
        ArtifactError: the candidate's outputs have other names or shapes than the reference's.

    Args:
        decode: outputs of one image and its placement to poses; None where no decoding is known.
        peaks: the outputs whose peaks the decoding picks, so that keypoints can be ambiguous.
        floor: the noise floor that the candidate is judged by.
    """
    kept: dict[str, list[tuple[Array, Array]]] = {}
    images: list[ImageParity] = []
    bounds = noise_bounds(peaks, floor)
    for number, (ours, theirs) in enumerate(pairs):
        expected, found = reference.run(ours.tensors), candidate.run(theirs.tensors)
        for name, array in found.items():
            kept.setdefault(name, []).append((_counterpart(label, name, array, expected), array))
        if decode is not None:
            for index, placement in enumerate(theirs.placements):
                sides = one_image(expected, index), one_image(found, index)
                images.append(compare_image(decode, *sides, placement, tolerance, bounds))
        on_progress(number + 1, len(pairs))
    names = tuple(sample.name for _, sample in pairs)
    outputs = tuple(
        OutputParity(name, names, tuple(a for a, _ in arrays), tuple(b for _, b in arrays))
        for name, arrays in kept.items()
    )
    poses = PoseParity(tuple(images)) if decode is not None else None
    return Parity(label, candidate.runtime_info, outputs, poses, tolerance, floor=floor)


def one_image(outputs: Tensors, index: int) -> Tensors:
    """The outputs of one image of a batch, FP64 as FP32: decoding breaks ties by the last bit of its own
    arithmetic, which is then the same on both sides."""
    return {
        name: array[index : index + 1].astype(np.float32 if array.dtype == np.float64 else array.dtype)
        for name, array in outputs.items()
    }


def _counterpart(label: str, name: str, array: Array, expected: Tensors) -> Array:
    if name not in expected:
        raise ArtifactError(
            f"{label}: it gives {name!r}, and PyTorch gives {', '.join(expected)}: not the same network"
        )
    if expected[name].shape != array.shape:
        raise ArtifactError(
            f"{label}: {name} has the shape {array.shape} and PyTorch gives {expected[name].shape} on the "
            "same input; export it again"
        )
    return expected[name]
