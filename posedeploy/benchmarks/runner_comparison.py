"""Run two networks on the same inputs, and compare every output and the poses."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import Protocol

from posedeploy.benchmarks.ambiguity import bound_noise
from posedeploy.benchmarks.image_comparison import ImageComparison, Pairing, PoseDecoding
from posedeploy.benchmarks.inputs import NetworkInput
from posedeploy.benchmarks.keypoints import ImageParity, PoseParity
from posedeploy.benchmarks.noise_floor import NoiseFloor
from posedeploy.benchmarks.output_parity import (
    InputDifference,
    OutputParity,
    measure_difference,
    relative_to_largest,
)
from posedeploy.benchmarks.parity import Parity
from posedeploy.benchmarks.pose_comparison import ImagePairs, PoseComparison
from posedeploy.benchmarks.row_pairing import find_row_axes, have_same_shape, pair_rows
from posedeploy.benchmarks.tolerances import Tolerance
from posedeploy.benchmarks.video_parity import VideoComparisons
from posedeploy.benchmarks.worst_inputs import Illustrations, WorstInputs
from posedeploy.decoders import Decode
from posedeploy.errors import ArtifactError
from posedeploy.runtimes.base import Runner
from posedeploy.types import Array, Tensors


class PairedInputs(Protocol):
    """Pairs of inputs, in the forms of the reference and of the candidate; they may be created when used."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[tuple[NetworkInput, NetworkInput]]: ...


def compare_outputs(
    label: str,
    reference: Runner,
    candidate: Runner,
    pairs: PairedInputs,
    *,
    tolerance: Tolerance,
    decode: Decode | None = None,
    decode_candidate: Decode | None = None,
    peaks: Collection[str] = (),
    floor: NoiseFloor | None = None,
    pairing: Pairing | None = None,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> Parity:
    """Run both networks on each pair of inputs and compare their outputs and poses.

    Args:
        decode: the conversion of the outputs and the placement of one image to poses; None if unknown.
        decode_candidate: that of the candidate; None if it is the same.
        peaks: the outputs whose peaks the decoding selects, so that keypoints can be ambiguous.
        floor: the noise floor for the tolerance.
        pairing: the comparison of people one by one, in addition to ``decode``; None leaves that out.

    Raises:
        ArtifactError: the candidate's outputs have other names or shapes than the reference's.
    """
    differences: dict[str, list[InputDifference]] = {}
    axes = find_row_axes(reference, candidate)
    record = _PoseRecord(tolerance, pairing)
    bounds = bound_noise(peaks, floor)
    poses = decode and PoseDecoding(decode=decode, decode_candidate=decode_candidate, pairing=pairing)
    for number, (reference_input, candidate_input) in enumerate(pairs):
        expected, outputs = reference.run(reference_input.tensors), candidate.run(candidate_input.tensors)
        for name, array in outputs.items():
            _check_reference(label, name, array, expected, axes.get(name))
        paired = pair_rows(expected, outputs, axes)
        for name, array in paired.actual.items():
            difference = measure_difference(
                candidate_input.name, paired.expected[name], array, paired.counts.get(name)
            )
            differences.setdefault(name, []).append(difference)
        if poses is not None:
            both = (expected, outputs)
            for image in poses.compare(reference_input, candidate_input, both, tolerance, bounds):
                record.add(candidate_input, image)
        if decode is None or pairing is None:
            record.worst.add(candidate_input.name, candidate_input, 0, (paired.expected, paired.actual))
        on_progress(number + 1, len(pairs))
    compared = tuple(OutputParity(name, relative_to_largest(each)) for name, each in differences.items())
    return Parity(
        label,
        candidate.runtime_info,
        compared,
        PoseParity(tuple(record.images)) if decode is not None else None,
        tolerance,
        floor=floor,
        paired=PoseComparison(tuple(record.paired)) if decode is not None and pairing is not None else None,
        illustrations=record.illustrations(),
        videos=record.videos.results() if record.videos is not None else (),
    )


class _PoseRecord:
    """The poses of all images: their differences, the worst images, and the videos."""

    def __init__(self, tolerance: Tolerance, pairing: Pairing | None) -> None:
        self.images: list[ImageParity] = []
        self.paired: list[ImagePairs] = []
        self.worst = WorstInputs(tolerance)
        self.videos = VideoComparisons(pairing.names) if pairing is not None else None
        self._pairing = pairing

    def add(self, source: NetworkInput, image: ImageComparison) -> None:
        self.images.append(image.parity)
        if image.pairs is None:
            return
        self.paired.append(image.pairs)
        self.worst.add(image.name, source, image.index, image.outputs, image.sides, image.pairs)
        is_first = image.index == 0  # the other places of a batch hold the mirrored frame
        if self.videos is not None and source.frame is not None and is_first:
            self.videos.add(source.frame, image.sides)

    def illustrations(self) -> Illustrations:
        pairing = self._pairing
        return Illustrations(self.worst.sorted(), *((pairing.names, pairing.skeleton) if pairing else ()))


def _check_reference(label: str, name: str, array: Array, expected: Tensors, axis: int | None) -> None:
    """Check that an output has a counterpart of the same shape, apart from the length of this axis."""
    if name not in expected:
        raise ArtifactError(
            f"{label}: the output {name!r} does not exist in PyTorch, which has {', '.join(expected)}; use "
            "the checkpoint of the same network"
        )
    if not have_same_shape(expected[name], array, axis):
        raise ArtifactError(
            f"{label}: {name} has shape {array.shape}, but {expected[name].shape} in the reference on the "
            "same input; export it again"
        )
