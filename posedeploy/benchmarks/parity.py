"""Whether a runtime gives what PyTorch gives, on the same images: every output, and the keypoints."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal, Protocol

import numpy as np

from posedeploy.benchmarks.ambiguity import Sides, decode_sides, noise_bounds
from posedeploy.benchmarks.budget import Budget
from posedeploy.benchmarks.inputs import Sample
from posedeploy.benchmarks.keypoints import ImageParity, PoseParity, compare_poses
from posedeploy.benchmarks.noise_floor import Allowed, NoiseFloor, OutputNoise
from posedeploy.benchmarks.output_parity import InputDifference, OutputParity, measure_difference
from posedeploy.benchmarks.pose_comparison import ImagePairs, PoseComparison, pair_people
from posedeploy.benchmarks.tolerances import Tolerance
from posedeploy.decoders import Decode
from posedeploy.errors import ArtifactError
from posedeploy.runtimes.base import Runner
from posedeploy.types import Array, Placed, PlacedJoints, RuntimeInfo, Tensors, TensorSpec


@dataclass(frozen=True)
class Parity:
    """A candidate against the reference. ``poses`` is None where no decoding is known for the network.

    reference_precision: that of PyTorch as the reference, FP64 where the noise floor exceeds the tolerance.
    floor: PyTorch's own noise on the candidate's device and in its precision; None where it was not measured,
    which ``floor_note`` explains where it would have mattered. input_specs, output_specs: the candidate's
    tensors as its file has them. paired: the people of both sides person by person, with positions refined
    between the cells of heatmaps. budget: decides on ``paired`` in place of the tolerance.
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
    paired: PoseComparison | None = None
    budget: Budget | None = None

    @cached_property
    def failures(self) -> tuple[str, ...]:
        """What lies beyond the budget or else the tolerance, a sentence each; empty where the two are the
        same."""
        if self.budget is not None and self.paired is not None:
            return tuple(self.budget.failures(self.paired))
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


class Pairs(Protocol):
    """Inputs by pairs, each as the reference and as the candidate want it. They may be made when they are
    used, so that memory does not grow with them."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[tuple[Sample, Sample]]: ...


@dataclass(frozen=True)
class Pairing:
    """How the people of one image are compared one by one.

    names: of the keypoints. refine: the decoding with positions between the cells of heatmaps; None takes the
    published positions, for a network without heatmaps.
    """

    names: tuple[str, ...]
    refine: Decode | None = None

    def compare(
        self, image: str, sides: Sides, expected: Tensors, found: Tensors, placement: Placed
    ) -> ImagePairs:
        """Return the people of both sides, matched and measured. Refinement changes neither the people nor
        their order, so that the ambiguous points of ``sides`` hold."""
        reference, candidate = sides.reference, sides.candidate
        if self.refine is not None:
            reference, candidate = self.refine(expected, placement), self.refine(found, placement)
        pairs = pair_people(image, reference, candidate, self.names, sides.ambiguous, sides.ambiguous_missed)
        if not isinstance(placement, PlacedJoints):
            return pairs
        # The 2D keypoints are inputs of the network, the same on both sides.
        in_mm = {measure: values for measure, values in pairs.values.items() if measure.endswith("mm")}
        return replace(pairs, values=in_mm)


def compare_outputs(
    label: str,
    reference: Runner,
    candidate: Runner,
    pairs: Pairs,
    *,
    tolerance: Tolerance,
    decode: Decode | None = None,
    peaks: Collection[str] = (),
    floor: NoiseFloor | None = None,
    pairing: Pairing | None = None,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> Parity:
    """Run both on each pair of inputs (the same image, as each side wants it) and keep their differences.

    Raises:
        ArtifactError: the candidate's outputs have other names or shapes than the reference's.

    Args:
        decode: outputs of one image and its placement to poses; None where no decoding is known.
        peaks: the outputs whose peaks the decoding picks, so that keypoints can be ambiguous.
        floor: the noise floor that the candidate is judged by.
        pairing: how people are compared one by one, besides ``decode``; None leaves that out.
    """
    differences: dict[str, list[InputDifference]] = {}
    images: list[ImageParity] = []
    paired: list[ImagePairs] = []
    bounds = noise_bounds(peaks, floor)
    for number, (ours, theirs) in enumerate(pairs):
        expected, found = reference.run(ours.tensors), candidate.run(theirs.tensors)
        for name, array in found.items():
            apart = measure_difference(theirs.name, _counterpart(label, name, array, expected), array)
            differences.setdefault(name, []).append(apart)
        if decode is not None:
            for index, placement in enumerate(theirs.placements):
                outputs_of = one_image(expected, index), one_image(found, index)
                sides = decode_sides(decode, *outputs_of, placement, tolerance, bounds)
                images.append(
                    compare_poses(sides.reference, sides.candidate, sides.ambiguous, sides.ambiguous_missed)
                )
                if pairing is not None:
                    name = theirs.name if len(theirs.placements) == 1 else f"{theirs.name} ({index + 1})"
                    paired.append(pairing.compare(name, sides, *outputs_of, placement))
        on_progress(number + 1, len(pairs))
    outputs = tuple(OutputParity(name, tuple(each)) for name, each in differences.items())
    poses = PoseParity(tuple(images)) if decode is not None else None
    return Parity(
        label,
        candidate.runtime_info,
        outputs,
        poses,
        tolerance,
        floor=floor,
        paired=PoseComparison(tuple(paired)) if decode is not None and pairing is not None else None,
    )


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
