"""Which differences between two answers about an image are ambiguous: as small as noise is enough for them.

Decoding makes whole decisions from continuous maps: is this cell above its neighbors, is that limb better
than the other? Where two peaks are nearly equal, noise decides, and no runtime can be asked to decide the
same way. The published 3D decoding has such cells all along the border of the maps, where bilinear upsampling
repeats a value.

The rule, the same for every runtime, device and precision: the reference's maps are moved towards the
candidate's, each element by no more than the noise that PyTorch itself has at peaks (``noise_bounds``), and
decoded again. A keypoint or 3D joint that differs between the two sides is ambiguous where this answer has it
as the candidate has it. It is counted as ambiguous, and neither as an error nor as a keypoint that agrees. A
wrong export does not become right by this rule: its maps lie further from the reference's than noise, so the
peaks stay where they are.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

import numpy as np

from posedeploy.benchmarks.array_differences import largest
from posedeploy.benchmarks.keypoints import ImageParity, compare_poses, joints, seen
from posedeploy.benchmarks.noise_floor import NoiseFloor
from posedeploy.benchmarks.tolerances import Tolerance
from posedeploy.poses.person_matching import match
from posedeploy.types import Array, Placed, Poses, Tensors

Decode = Callable[[Tensors, Placed], Poses]

MIN_BOUND = 1e-4
"""How far maps are moved at least, of their largest value: what passes in FP32."""
BOUND_FACTOR = 4.0
"""How far maps are moved, in root mean squares of the noise at their peaks: hardly any noise is larger."""


def noise_bounds(maps: Collection[str], floor: NoiseFloor | None) -> dict[str, float]:
    """How far each of these maps is moved at most, of its largest value: ``BOUND_FACTOR`` times the
    noise at its peaks, at least ``MIN_BOUND``."""
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
    found: Tensors,
    placement: Placed,
    tolerance: Tolerance,
    bounds: Mapping[str, float],
) -> ImageParity:
    """Decode both sides' outputs of one image and compare the people.

    Args:
        bounds: how far maps are moved at most, by output, of its largest value; empty where the decoding
            picks no peaks of maps, and nothing is ambiguous.
    """
    reference, candidate = decode(expected, placement), decode(found, placement)
    differing, missing = differs(reference, candidate, tolerance), lacks(reference, candidate)
    if not bounds or not (differing.any() or missing.any()):
        return compare_poses(reference, candidate)
    moved = {name: _moved(expected[name], found[name], bound) for name, bound in bounds.items()}
    between = decode(expected | moved, placement)
    return compare_poses(
        reference,
        candidate,
        differing & ~differs(between, candidate, tolerance),
        missing & _absent(reference, between),
    )


def _moved(reference: Array, candidate: Array, bound: float) -> Array:
    reach = bound * largest(reference)
    with np.errstate(invalid="ignore"):
        towards = np.clip(candidate.astype(np.float64) - reference, -reach, reach)
    return (reference + towards).astype(reference.dtype)


def differs(reference: Poses, candidate: Poses, tolerance: Tolerance) -> Array:
    """(candidate's people, keypoints and 3D joints) which points are not those of their counterpart in the
    reference: further away than the tolerance, or found by one side only. All points of a person without a
    counterpart differ."""
    a, b = match(reference, candidate).pairs.T
    count = reference.keypoints.shape[1]
    points = _present(candidate)
    both = seen(reference)[a] & seen(candidate)[b]
    apart = np.linalg.norm(reference.keypoints[a, :, :2] - candidate.keypoints[b, :, :2], axis=-1)
    one_sided = seen(reference)[a] != seen(candidate)[b]
    points[b, :count] = one_sided | (both & ~(apart <= tolerance.px))
    if reference.keypoints_3d is not None and candidate.keypoints_3d is not None:
        apart = np.linalg.norm(reference.keypoints_3d[a, :, :3] - candidate.keypoints_3d[b, :, :3], axis=-1)
        points[b, count:] = ~(apart <= tolerance.mm)
    return points


def lacks(reference: Poses, candidate: Poses) -> Array:
    """(reference's people, keypoints and 3D joints) the points of people without a counterpart in the
    candidate."""
    points = _present(reference)
    points[match(reference, candidate).pairs[:, 0]] = False
    return points


def _absent(reference: Poses, other: Poses) -> Array:
    """(reference's people, keypoints and 3D joints) the points whose person has no counterpart in another
    answer, or one without that point."""
    a, b = match(reference, other).pairs.T
    points = np.ones_like(_present(reference))
    points[a] = ~_present(other)[b]
    return points


def _present(poses: Poses) -> Array:
    """(people, keypoints and 3D joints) what a person has."""
    return np.concatenate([seen(poses), np.ones((len(poses), joints(poses)), np.bool_)], axis=1)
