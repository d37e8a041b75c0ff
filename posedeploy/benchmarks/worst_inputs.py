"""The inputs on which two models differ most, kept for pictures."""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

import cv2
import numpy as np

from posedeploy.benchmarks.ambiguity import DecodedPair
from posedeploy.benchmarks.array_differences import relative_differences
from posedeploy.benchmarks.inputs import NetworkInput, image_in_place
from posedeploy.benchmarks.pose_comparison import POINT_UNITS, ImagePairs
from posedeploy.benchmarks.tolerances import Tolerance
from posedeploy.types import Array, Poses, Tensors

COUNT = 3
"""The number of inputs that are kept."""
MAX_PICTURE_PX = 720
"""The longer side of a picture."""
MIN_RATIO = 0.1
"""Differences below this share of the tolerance are noise, and all count as equal."""
_Rank: TypeAlias = tuple[int, float, int, int]


@dataclass(frozen=True)
class WorstInput:
    """An input with large differences.

    image: (H, W, 3) uint8 BGR, scaled down if it was large; None for an input without an image. scale: px of
    ``image`` per px of the original. reference, candidate: the poses in px of the original; None without a
    decoding. pairs: their differences. maps: for each output that is a map, (rows, columns) the largest
    difference of its channels, relative to the largest value of the output. ambiguous: (candidate's people,
    keypoints and 3D joints) the points that are not counted; None if there are none.
    """

    name: str
    image: Array | None = field(repr=False)
    scale: float
    reference: Poses | None = field(repr=False)
    candidate: Poses | None = field(repr=False)
    pairs: ImagePairs | None
    maps: Mapping[str, Array] = field(repr=False)
    ambiguous: Array | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Illustrations:
    """The worst inputs, the worst first, with the names and the bones of the keypoints."""

    inputs: tuple[WorstInput, ...]
    keypoint_names: tuple[str, ...] = ()
    skeleton: tuple[tuple[int, int], ...] = ()


class WorstInputs:
    """Keeps the ``COUNT`` inputs with the largest differences; memory does not grow with their number.

    Inputs with more unmatched keypoints rank first, then those with larger differences relative to their
    tolerance. Among equal inputs, those with people and those that were added last (the user's images) rank
    first.
    """

    def __init__(self, tolerance: Tolerance) -> None:
        self._tolerance = tolerance
        self._heap: list[tuple[_Rank, WorstInput]] = []
        self._number = 0

    def add(
        self,
        name: str,
        network_input: NetworkInput,
        index: int,
        outputs: tuple[Tensors, Tensors],
        sides: DecodedPair | None = None,
        pairs: ImagePairs | None = None,
    ) -> None:
        """Add one image or person of a batch.

        Args:
            index: its place in the batch. outputs: of the reference and of the candidate.
            sides, pairs: the poses of both and their differences; None without a decoding.
        """
        self._number += 1
        rank = self._rank(outputs, pairs)
        if len(self._heap) == COUNT and rank < self._heap[0][0]:
            return
        image, scale = _shrink(network_input.image, index)
        worst = WorstInput(
            name,
            image,
            scale,
            sides.reference if sides is not None else None,
            sides.candidate if sides is not None else None,
            pairs,
            _map_differences(*outputs),
            sides.ambiguous if sides is not None else None,
        )
        push = heapq.heappush if len(self._heap) < COUNT else heapq.heappushpop
        push(self._heap, (rank, worst))

    def sorted(self) -> tuple[WorstInput, ...]:
        """Return the kept inputs, the worst first."""
        ranked = sorted(self._heap, key=lambda entry: entry[0], reverse=True)
        return tuple(worst for _, worst in ranked)

    def _rank(self, outputs: tuple[Tensors, Tensors], pairs: ImagePairs | None) -> _Rank:
        if pairs is None:
            expected, actual = outputs
            differences = (relative_differences(expected[name], actual[name]) for name in actual)
            return (
                0,
                max((float(each.max()) for each in differences if each.size), default=0.0),
                0,
                self._number,
            )
        limits = {"px": self._tolerance.px, "mm": self._tolerance.mm}
        ratios = [
            float(values.max()) / max(limits[POINT_UNITS[measure]], 1e-9)
            for measure, values in pairs.values.items()
            if measure in POINT_UNITS and len(values)
        ]
        ratio = max(ratios, default=0.0)
        return (
            pairs.unmatched_keypoints,
            ratio if ratio >= MIN_RATIO else 0.0,
            min(pairs.people, 1),
            self._number,
        )


def _shrink(image: Array | None, index: int) -> tuple[Array | None, float]:
    """Return the image at this place of the batch, and its scale."""
    if image is None:
        return None, 1.0
    image = image_in_place(image, index)
    scale = min(1.0, MAX_PICTURE_PX / max(image.shape[:2]))
    height, width = (max(1, round(scale * side)) for side in image.shape[:2])
    return cv2.resize(np.ascontiguousarray(image), (width, height), interpolation=cv2.INTER_AREA), scale


def _map_differences(expected: Tensors, actual: Tensors) -> dict[str, Array]:
    """Return the differences of the outputs with four axes, which are maps with channels first.

    Outputs without rows, or with another number of rows than the reference, are left out.
    """
    maps = {}
    for name, reference in expected.items():
        has_same_shape = name in actual and actual[name].shape == reference.shape
        if has_same_shape and reference.ndim == 4 and reference.size and min(reference.shape[2:]) > 1:
            difference = relative_differences(reference, actual[name])[0].max(axis=0)
            maps[name] = difference.astype(np.float32)
    return maps
