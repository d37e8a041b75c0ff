"""Comparison of the poses of both models on the images of one input."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from posedeploy.benchmarks.ambiguity import CandidateSide, DecodedPair, decode_sides
from posedeploy.benchmarks.inputs import NetworkInput
from posedeploy.benchmarks.keypoints import ImageParity, compare_poses
from posedeploy.benchmarks.pose_comparison import ImagePairs, pair_people
from posedeploy.benchmarks.tolerances import Tolerance
from posedeploy.decoders import Decode
from posedeploy.types import Placed, PlacedJoints, Tensors


@dataclass(frozen=True)
class Pairing:
    """The comparison of the people of one image, one by one.

    names: the names of the keypoints. refine: the decoding with positions between the cells of heatmaps; None
    takes the published positions, for a network without heatmaps. skeleton: the bones, for pictures.
    refine_candidate: ``refine`` of the candidate; None if it is the same.
    """

    names: tuple[str, ...]
    refine: Decode | None = None
    skeleton: tuple[tuple[int, int], ...] = ()
    refine_candidate: Decode | None = None

    def refined(
        self,
        sides: DecodedPair,
        expected: Tensors,
        actual: Tensors,
        placement: Placed,
        candidate_placement: Placed | None = None,
    ) -> DecodedPair:
        """Return the sides with refined positions. Refinement changes neither the people nor their order, so
        that the ambiguous points hold.

        Args:
            candidate_placement: None if it is the same.
        """
        if self.refine is None:
            return sides
        refine_candidate = self.refine_candidate or self.refine
        return replace(
            sides,
            reference=self.refine(expected, placement),
            candidate=refine_candidate(actual, candidate_placement or placement),
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


@dataclass(frozen=True)
class ImageComparison:
    """The poses of both models on one image of an input.

    index: its place in the batch. outputs: of the reference and of the candidate, for this image. sides:
    with refined positions if people are paired. pairs: None if they are not.
    """

    name: str
    index: int
    outputs: tuple[Tensors, Tensors]
    parity: ImageParity
    sides: DecodedPair
    pairs: ImagePairs | None


@dataclass(frozen=True, kw_only=True)
class PoseDecoding:
    """How the outputs of both models become poses, and how these are compared.

    decode: the conversion of the outputs and the placement of one image to poses. decode_candidate: that of
    the candidate; None if it is the same. pairing: the comparison of people one by one; None leaves that out.
    """

    decode: Decode
    decode_candidate: Decode | None = None
    pairing: Pairing | None = None

    def compare(
        self,
        reference_input: NetworkInput,
        candidate_input: NetworkInput,
        outputs: tuple[Tensors, Tensors],
        tolerance: Tolerance,
        bounds: Mapping[str, float],
    ) -> Iterator[ImageComparison]:
        """Yield the comparison of each image of one input.

        Args:
            outputs: of the reference and of the candidate.
            bounds: the result of ``bound_noise``.
        """
        expected, actual = outputs
        count = len(candidate_input.placements)
        placements = reference_input.placements or candidate_input.placements
        placed = zip(placements, candidate_input.placements, strict=True)
        for index, (placement, theirs) in enumerate(placed):
            both = select_image(expected, index, count), select_image(actual, index, count)
            side: CandidateSide = (self.decode_candidate or self.decode, theirs)
            sides = decode_sides(self.decode, *both, placement, tolerance, bounds, side)
            parity = compare_poses(sides.reference, sides.candidate, sides.ambiguous, sides.ambiguous_missed)
            name = candidate_input.name if count == 1 else f"{candidate_input.name} ({index + 1})"
            pairs = None
            if self.pairing is not None:
                sides = self.pairing.refined(sides, *both, placement, theirs)
                pairs = self.pairing.pair(name, sides, placement)
            yield ImageComparison(name, index, both, parity, sides, pairs)


def select_image(outputs: Tensors, index: int, count: int) -> Tensors:
    """Return the outputs of one of ``count`` images, with FP64 as FP32, so that decoding rounds alike.

    The outputs for one image may have no axis for the batch, and a scalar has none.
    """
    return {
        name: (array if count == 1 or not array.ndim else array[index : index + 1]).astype(
            np.float32 if array.dtype == np.float64 else array.dtype
        )
        for name, array in outputs.items()
    }
