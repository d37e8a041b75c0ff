"""Comparison of a runtime with PyTorch on the same inputs: every output, and the keypoints."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Protocol

import numpy as np

from posedeploy.benchmarks.ambiguity import DecodedPair, bound_noise, decode_sides
from posedeploy.benchmarks.budget import Budget
from posedeploy.benchmarks.diagnosis import Cause
from posedeploy.benchmarks.inputs import NetworkInput
from posedeploy.benchmarks.keypoints import ImageParity, PoseParity, compare_poses
from posedeploy.benchmarks.noise_floor import DifferenceLimits, NoiseFloor, OutputNoise
from posedeploy.benchmarks.output_parity import InputDifference, OutputParity, measure_difference
from posedeploy.benchmarks.pose_comparison import ImagePairs, PoseComparison, pair_people
from posedeploy.benchmarks.tolerances import Tolerance, is_quantized, to_torch_precision
from posedeploy.benchmarks.worst_inputs import Illustrations, WorstInputs
from posedeploy.decoders import Decode
from posedeploy.errors import ArtifactError
from posedeploy.runtimes.base import Runner
from posedeploy.types import Array, Placed, PlacedJoints, RuntimeInfo, Tensors, TensorSpec


@dataclass(frozen=True, kw_only=True)
class ReferenceInfo:
    """The model that a candidate was compared with.

    checkpoint: its path; None for the built-in sample. network: the ``file.py:function`` of the user's own
    network. checkpoint_sha256, network_sha256, mesh_sha256: of the checkpoint, of that file and of the
    triangles of its mesh. runtime_info: what ran; None if its outputs were saved before.
    """

    checkpoint: str | None
    checkpoint_sha256: str
    network: str | None = None
    network_sha256: str | None = None
    mesh_sha256: str | None = None
    runtime_info: RuntimeInfo | None = None


@dataclass(frozen=True, kw_only=True)
class AgainstInfo:
    """The artifact that a candidate was compared with, instead of PyTorch.

    model_sha256: the hash of each of its files. outputs: the names of its outputs by those of the candidate.
    """

    path: str
    model_sha256: Mapping[str, str]
    runtime_info: RuntimeInfo
    outputs: Mapping[str, str]


@dataclass(frozen=True)
class Parity:
    """The comparison of a candidate with the reference.

    poses: None if the network has no known decoding. reference_precision: that of the reference; of PyTorch,
    FP64 if the noise floor exceeds the tolerance. floor: the noise of PyTorch on that device in that
    precision; None if not measured. floor_note: why it was not measured, if that matters. input_specs,
    output_specs: the tensors of the candidate's file. paired: the people of both models person by person,
    with positions refined between the cells of heatmaps. budget: decides on ``paired`` instead of the
    tolerance. model_sha256: the hash of each file of the candidate. cause: the mistake that explains the
    differences; None if none was looked for or found. reference: the model in PyTorch that it was compared
    with. against: the artifact that it was compared with instead. illustrations: the inputs with the largest
    differences, for pictures.
    """

    label: str
    runtime_info: RuntimeInfo
    outputs: tuple[OutputParity, ...]
    poses: PoseParity | None
    tolerance: Tolerance
    reference_precision: str = "fp32"
    floor: NoiseFloor | None = None
    floor_note: str = ""
    input_specs: tuple[TensorSpec, ...] = ()
    output_specs: tuple[TensorSpec, ...] = ()
    paired: PoseComparison | None = None
    budget: Budget | None = None
    model_sha256: Mapping[str, str] = field(default_factory=dict)
    cause: Cause | None = None
    reference: ReferenceInfo | None = None
    against: AgainstInfo | None = None
    illustrations: Illustrations | None = field(default=None, repr=False)

    @cached_property
    def failures(self) -> tuple[str, ...]:
        """A message for each difference above its budget, or else its tolerance, and the cause if known."""
        messages = self._differences()
        return (*messages, str(self.cause)) if messages and self.cause is not None else messages

    def _differences(self) -> tuple[str, ...]:
        if self.budget is not None and self.paired is not None:
            return tuple(self.budget.failures(self.paired))
        by_size = sorted(self.outputs, key=lambda output: -output.rtol)
        messages = [message for output in by_size if (message := self._failure(output))]
        if messages and (reason := self._explain_default()):
            messages.append(reason)
        if not self.outputs:
            messages.append("the network has no outputs to compare")
        if self.poses is not None:
            messages += self.poses.failures(self.tolerance)
        return tuple(messages)

    @property
    def passed(self) -> bool:
        """Whether every difference is within the budget, or else its tolerance."""
        return not self.failures

    @property
    def verdict(self) -> str:
        """The conclusion of the comparison, such as ``within tolerance of PyTorch in fp32``."""
        reference = "PyTorch" if self.against is None else self.against.path
        if self.budget is None or self.paired is None:
            comparison = f"{'within' if self.passed else 'outside'} tolerance of {reference}"
        else:
            comparison = f"{'within' if self.passed else 'over'} budget, compared with {reference}"
        precision = self.reference_precision
        is_known = to_torch_precision(precision) is not None or is_quantized(precision)
        return f"{comparison} in {precision}" if is_known else comparison

    def noise(self, output: str) -> OutputNoise | None:
        """Return the noise of PyTorch in an output; None if it was not measured."""
        return self.floor.outputs.get(output) if self.floor is not None else None

    def limits(self, output: str) -> DifferenceLimits:
        """Return the largest differences of an output that pass."""
        if self.floor is None:
            return DifferenceLimits(self.tolerance.rtol, self.tolerance.rtol)
        return self.floor.limits(output, self.tolerance)

    def _failure(self, output: OutputParity) -> str:
        limits, noise = self.limits(output.name), self.noise(output.name)
        if not output.rtol <= limits.largest:
            worst = output.worst
            element = f"{output.name}[{', '.join(map(str, worst.index))}] on {worst.input}"
            values = f"{worst.candidate:.6g} instead of {worst.reference:.6g}"
            return (
                f"{element} is {values}: {output.rtol:.1e} of the largest value, tolerance "
                f"{limits.largest:.1e}{self._floor_text(noise.largest if noise else None)}"
            )
        if not output.rms_relative <= limits.rms:
            return (
                f"{output.name} on {output.worst_rms_input}: RMS difference {output.rms_relative:.1e} of "
                f"the largest value, tolerance {limits.rms:.1e}"
                f"{self._floor_text(noise.rms if noise else None)}"
            )
        return ""

    def _explain_default(self) -> str:
        """Return why the default tolerance of outputs may not fit this precision; '' if it does."""
        precision = self.runtime_info.precision
        if self.tolerance.is_fixed or to_torch_precision(precision) is not None:
            return ""
        advice = "pass `rtol`, such as 0.05" + (", or `budget`, such as 1.5px" if self.paired else "")
        if is_quantized(precision):
            return f"outputs in {precision} have no default tolerance, so that of fp32 was used: {advice}"
        return (
            f"{self.runtime_info.runtime} reports the precision {precision!r}, which has no default "
            f"tolerances, so those of fp32 were used: if the file is in a lower precision, {advice}"
        )

    def _floor_text(self, noise: float | None) -> str:
        return "" if noise is None else f" (noise floor of {self.floor}: {noise:.1e})"


class PairedInputs(Protocol):
    """Pairs of inputs, in the forms of the reference and of the candidate; they may be created when used."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[tuple[NetworkInput, NetworkInput]]: ...


@dataclass(frozen=True)
class Pairing:
    """The comparison of the people of one image, one by one.

    names: the names of the keypoints. refine: the decoding with positions between the cells of heatmaps; None
    takes the published positions, for a network without heatmaps. skeleton: the bones, for pictures.
    """

    names: tuple[str, ...]
    refine: Decode | None = None
    skeleton: tuple[tuple[int, int], ...] = ()

    def refined(
        self, sides: DecodedPair, expected: Tensors, actual: Tensors, placement: Placed
    ) -> DecodedPair:
        """Return the sides with refined positions. Refinement changes neither the people nor their order, so
        that the ambiguous points hold."""
        if self.refine is None:
            return sides
        return replace(
            sides, reference=self.refine(expected, placement), candidate=self.refine(actual, placement)
        )

    def compare(
        self, image: str, sides: DecodedPair, expected: Tensors, actual: Tensors, placement: Placed
    ) -> ImagePairs:
        """Return the people of both models with refined positions, matched and measured."""
        return self.pair(image, self.refined(sides, expected, actual, placement), placement)

    def pair(self, image: str, sides: DecodedPair, placement: Placed) -> ImagePairs:
        """Return the people of both models, matched and measured; ``sides`` are refined."""
        pairs = pair_people(
            image, sides.reference, sides.candidate, self.names, sides.ambiguous, sides.ambiguous_missed
        )
        if not isinstance(placement, PlacedJoints):
            return pairs
        # The 2D keypoints are inputs of the network, the same for both models.
        in_mm = {measure: values for measure, values in pairs.values.items() if measure.endswith("mm")}
        return replace(pairs, values=in_mm)


def compare_outputs(
    label: str,
    reference: Runner,
    candidate: Runner,
    pairs: PairedInputs,
    *,
    tolerance: Tolerance,
    decode: Decode | None = None,
    peaks: Collection[str] = (),
    floor: NoiseFloor | None = None,
    pairing: Pairing | None = None,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> Parity:
    """Run both networks on each pair of inputs and compare their outputs and poses.

    Args:
        decode: the conversion of the outputs and the placement of one image to poses; None if unknown.
        peaks: the outputs whose peaks the decoding selects, so that keypoints can be ambiguous.
        floor: the noise floor for the tolerance.
        pairing: the comparison of people one by one, in addition to ``decode``; None leaves that out.

    Raises:
        ArtifactError: the candidate's outputs have other names or shapes than the reference's.
    """
    differences: dict[str, list[InputDifference]] = {}
    images: list[ImageParity] = []
    paired: list[ImagePairs] = []
    bounds = bound_noise(peaks, floor)
    worst = WorstInputs(tolerance)
    for number, (reference_input, candidate_input) in enumerate(pairs):
        expected, outputs = reference.run(reference_input.tensors), candidate.run(candidate_input.tensors)
        for name, array in outputs.items():
            counterpart = _find_reference(label, name, array, expected)
            difference = measure_difference(candidate_input.name, counterpart, array)
            differences.setdefault(name, []).append(difference)
        if decode is not None:
            for index, placement in enumerate(candidate_input.placements):
                image_outputs = select_image(expected, index), select_image(outputs, index)
                sides = decode_sides(decode, *image_outputs, placement, tolerance, bounds)
                images.append(
                    compare_poses(sides.reference, sides.candidate, sides.ambiguous, sides.ambiguous_missed)
                )
                if pairing is not None:
                    name = candidate_input.name
                    name = name if len(candidate_input.placements) == 1 else f"{name} ({index + 1})"
                    sides = pairing.refined(sides, *image_outputs, placement)
                    paired.append(pairing.pair(name, sides, placement))
                    worst.add(name, candidate_input, index, image_outputs, sides, paired[-1])
        if decode is None or pairing is None:
            worst.add(candidate_input.name, candidate_input, 0, (expected, outputs))
        on_progress(number + 1, len(pairs))
    compared = tuple(OutputParity(name, tuple(each)) for name, each in differences.items())
    poses = PoseParity(tuple(images)) if decode is not None else None
    return Parity(
        label,
        candidate.runtime_info,
        compared,
        poses,
        tolerance,
        floor=floor,
        paired=PoseComparison(tuple(paired)) if decode is not None and pairing is not None else None,
        illustrations=Illustrations(worst.sorted(), *((pairing.names, pairing.skeleton) if pairing else ())),
    )


def select_image(outputs: Tensors, index: int) -> Tensors:
    """Return the outputs of one image of a batch, with FP64 as FP32, so that decoding rounds alike."""
    return {
        name: array[index : index + 1].astype(np.float32 if array.dtype == np.float64 else array.dtype)
        for name, array in outputs.items()
    }


def _find_reference(label: str, name: str, array: Array, expected: Tensors) -> Array:
    if name not in expected:
        raise ArtifactError(
            f"{label}: the output {name!r} does not exist in PyTorch, which has {', '.join(expected)}; use "
            "the checkpoint of the same network"
        )
    if expected[name].shape != array.shape:
        raise ArtifactError(
            f"{label}: {name} has shape {array.shape}, but {expected[name].shape} in the reference on the "
            "same input; export it again"
        )
    return expected[name]
