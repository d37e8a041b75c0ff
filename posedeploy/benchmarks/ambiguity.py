"""Ambiguous keypoints: those that noise alone can move.

Decoding makes discrete decisions from continuous maps: whether a cell is above its neighbors, which of two
limbs is better. If two peaks are nearly equal, noise decides, and two runtimes can decide differently. The
published 3D decoding has such cells along the border of the maps, where bilinear upsampling repeats a value.

The rule is the same for every runtime, device and precision. The reference's maps are moved towards the
candidate's, each element by at most the noise that PyTorch has at peaks (``bound_noise``), and decoded
again. A keypoint or 3D joint that differs between the two sides is ambiguous if this third result agrees with
the candidate. It counts as ambiguous, and neither as an error nor as a match. The rule does not hide a wrong
export: its maps differ from the reference's by more than noise, so the peaks stay in place.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from posedeploy.benchmarks.array_differences import max_absolute
from posedeploy.benchmarks.keypoints import ImageParity, compare_poses, count_joints, find_visible
from posedeploy.benchmarks.noise_floor import NoiseFloor
from posedeploy.benchmarks.tolerances import Tolerance
from posedeploy.decoders import Decode
from posedeploy.poses.person_matching import match_people
from posedeploy.types import Array, Placed, Poses, Tensors

MIN_BOUND = 1e-4
"""The minimum bound, relative to the largest value of a map: the tolerance of FP32."""
BOUND_FACTOR = 4.0
"""The bound in units of the RMS noise at peaks, which noise hardly ever exceeds."""
CandidateSide: TypeAlias = tuple[Decode, Placed]
"""The decoding of the candidate, and the placement of the image in its input."""


def bound_noise(maps: Collection[str], floor: NoiseFloor | None) -> dict[str, float]:
    """Return how far each of these maps may be moved, relative to its largest value.

    The bound is ``BOUND_FACTOR`` times the noise at its peaks, and at least ``MIN_BOUND``.
    """
    noise = {name: floor.outputs[name].at_peaks for name in maps if floor and name in floor.outputs}
    return {
        name: max(MIN_BOUND, BOUND_FACTOR * noise[name])
        if np.isfinite(noise.get(name, np.inf))
        else MIN_BOUND
        for name in maps
    }


def compare_image(
    decode: Decode,
    expected: Tensors,
    actual: Tensors,
    placement: Placed,
    tolerance: Tolerance,
    bounds: Mapping[str, float],
) -> ImageParity:
    """Decode the outputs of both models for one image and compare the people.

    Args:
        bounds: the result of ``bound_noise``, by output; empty if the decoding does not pick peaks of maps,
            so that no keypoint is ambiguous.
    """
    sides = decode_sides(decode, expected, actual, placement, tolerance, bounds)
    return compare_poses(sides.reference, sides.candidate, sides.ambiguous, sides.ambiguous_missed)


@dataclass(frozen=True)
class DecodedPair:
    """The poses of both models for one image.

    ambiguous: (candidate's people, keypoints and 3D joints) the ambiguous points; None if there are none.
    ambiguous_missed: (reference's people, keypoints and 3D joints) those of missed people.
    """

    reference: Poses
    candidate: Poses
    ambiguous: Array | None = None
    ambiguous_missed: Array | None = None


def decode_sides(
    decode: Decode,
    expected: Tensors,
    actual: Tensors,
    placement: Placed,
    tolerance: Tolerance,
    bounds: Mapping[str, float],
    of_candidate: CandidateSide | None = None,
) -> DecodedPair:
    """Decode the outputs of both models for one image and find the ambiguous points.

    Args:
        bounds: as for ``compare_image``.
        of_candidate: the decoding and the placement of the candidate; None if they are the same.
    """
    decode_candidate, candidate_placement = of_candidate or (decode, placement)
    reference, candidate = decode(expected, placement), decode_candidate(actual, candidate_placement)
    differing, missing = find_differing(reference, candidate, tolerance), find_missed(reference, candidate)
    have_same_rows = all(expected[name].shape == actual[name].shape for name in bounds)
    if not bounds or not have_same_rows or not (differing.any() or missing.any()):
        return DecodedPair(reference, candidate)
    moved = {name: _move_towards(expected[name], actual[name], bound) for name, bound in bounds.items()}
    between = decode(expected | moved, placement)
    still_differing = find_differing(between, candidate, tolerance)
    if not still_differing.any() and not find_missed(between, candidate).any():
        # Noise explains all differences. Point by point, people with the same pose could be confused.
        return DecodedPair(reference, candidate, differing, missing)
    return DecodedPair(
        reference, candidate, differing & ~still_differing, missing & _find_absent(reference, between)
    )


def _move_towards(reference: Array, candidate: Array, bound: float) -> Array:
    reach = bound * max_absolute(reference)
    with np.errstate(invalid="ignore"):
        towards = np.clip(candidate.astype(np.float64) - reference, -reach, reach)
    return (reference + towards).astype(reference.dtype)


def find_differing(reference: Poses, candidate: Poses, tolerance: Tolerance) -> Array:
    """Return (candidate's people, keypoints and 3D joints) whether each point differs from the reference.

    A point differs if it is further away than the tolerance or found by only one model. All points of an
    unmatched person differ.
    """
    a, b = match_people(reference, candidate).pairs.T
    count = reference.keypoints.shape[1]
    points = _list_points(candidate)
    both = find_visible(reference)[a] & find_visible(candidate)[b]
    apart = np.linalg.norm(reference.keypoints[a, :, :2] - candidate.keypoints[b, :, :2], axis=-1)
    is_unmatched = find_visible(reference)[a] != find_visible(candidate)[b]
    points[b, :count] = is_unmatched | (both & ~(apart <= tolerance.px))
    if reference.keypoints_3d is not None and candidate.keypoints_3d is not None:
        apart = np.linalg.norm(reference.keypoints_3d[a, :, :3] - candidate.keypoints_3d[b, :, :3], axis=-1)
        points[b, count:] = ~(apart <= tolerance.mm)
    return points


def find_missed(reference: Poses, candidate: Poses) -> Array:
    """Return (reference's people, keypoints and 3D joints) whether the candidate lacks the point's person."""
    points = _list_points(reference)
    points[match_people(reference, candidate).pairs[:, 0]] = False
    return points


def _find_absent(reference: Poses, other: Poses) -> Array:
    """Return (reference's people, keypoints and 3D joints) whether ``other`` lacks the point."""
    a, b = match_people(reference, other).pairs.T
    points = np.ones_like(_list_points(reference))
    points[a] = ~_list_points(other)[b]
    return points


def _list_points(poses: Poses) -> Array:
    """Return (people, keypoints and 3D joints) whether a point is present."""
    return np.concatenate([find_visible(poses), np.ones((len(poses), count_joints(poses)), np.bool_)], axis=1)
