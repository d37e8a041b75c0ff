"""Which differences between two answers count, and which hang on the last bits: on maps of drawn people."""

from __future__ import annotations

import numpy as np
import pytest

from posedeploy.benchmarks.keypoints import STEP, ImageParity, compare_image
from posedeploy.poses import lightweight_openpose_2d, lightweight_openpose_3d
from posedeploy.types import Array, Camera, Placement, Poses, Tensors
from tests.predict.conftest import spec_of
from tools.synthetic_maps import crowd

HEIGHT, WIDTH = 32, 40
PLACEMENT = Placement(1.0, (0, 0), (8 * WIDTH, 8 * HEIGHT), (8 * WIDTH, 8 * HEIGHT))
ANKLE = 10
"""A keypoint that no other hangs on."""


def _decode(outputs: Tensors, placement: Placement) -> Poses:
    family, decode = "lightweight-openpose-2d", lightweight_openpose_2d.decode
    if "features" in outputs:
        family, decode = "lightweight-openpose-3d", lightweight_openpose_3d.decode
    return decode(outputs, spec_of(family, height=8 * HEIGHT, width=8 * WIDTH), placement, Camera())


def _maps(people: int) -> Tensors:
    maps = crowd(people, HEIGHT, WIDTH, noise=0.0)
    return {"heatmaps": maps.heatmaps[None], "pafs": maps.pafs[None]}


def _compare(expected: Tensors, found: Tensors) -> ImageParity:
    return compare_image(_decode, expected, found, PLACEMENT, max_px=0.1, max_mm=1.0)


def _with_ankle(left: float, right: float) -> Tensors:
    """One person, whose ankle is two cells side by side with these values, tapering off below."""
    maps = _maps(1)
    heatmaps: Array = maps["heatmaps"].copy()
    y, x = np.unravel_index(heatmaps[0, ANKLE].argmax(), (HEIGHT, WIDTH))
    heatmaps[0, ANKLE] = 0
    heatmaps[0, ANKLE, y, x : x + 2] = left, right
    heatmaps[0, ANKLE, y + 1, x : x + 2] = 0.4 * left, 0.4 * right
    return maps | {"heatmaps": heatmaps}


def test_the_same_outputs_give_the_same_people() -> None:
    same = _compare(_maps(3), _maps(3))
    assert (same.people, same.missed, same.extra, same.one_sided, same.last_bits) == (3, 0, 0, 0, 0)
    assert len(same.distances_px) > 40
    assert not same.distances_px.any()
    assert same.distances_mm.size == 0


def test_a_person_that_one_side_lacks_counts_with_all_keypoints() -> None:
    found = _decode(_maps(2), PLACEMENT)
    keypoints = (found.keypoints[..., 2] >= 0).sum(axis=1)
    nobody = {name: np.zeros_like(array) for name, array in _maps(2).items()}
    missed = _compare(_maps(2), nobody)
    assert (missed.people, missed.missed, missed.extra) == (0, 2, 0)
    assert (missed.one_sided, missed.last_bits) == (keypoints.sum(), 0)
    extra = _compare(nobody, _maps(2))
    assert (extra.people, extra.missed, extra.extra) == (0, 0, 2)
    assert (extra.one_sided, extra.last_bits) == (keypoints.sum(), 0)


def test_a_keypoint_that_one_side_lacks_counts() -> None:
    without = _with_ankle(0.0, 0.0)
    for expected, found in ((_maps(1), without), (without, _maps(1))):
        image = _compare(expected, found)
        assert (image.people, image.missed, image.extra) == (1, 0, 0)
        assert (image.one_sided, image.last_bits) == (1, 0)


@pytest.mark.parametrize(("reference", "candidate"), [(0.0, 1e-6), (0.0, -1e-6), (1e-6, -1e-6), (1e-6, 0.0)])
def test_a_tie_that_the_last_bits_break_is_told_apart(reference: float, candidate: float) -> None:
    image = _compare(_with_ankle(0.8 + reference, 0.8), _with_ankle(0.8 + candidate, 0.8))
    assert (image.people, image.one_sided, image.last_bits) == (1, 0, 1)
    assert not image.distances_px.any()


def test_a_difference_beyond_the_step_counts() -> None:
    image = _compare(_with_ankle(0.8, 0.799), _with_ankle(0.799, 0.8))
    assert 5 * STEP < 1e-3 / 0.8
    assert (image.last_bits, image.one_sided) == (0, 0)
    assert image.distances_px.max() > 1


def test_what_differs_beside_a_tie_still_counts() -> None:
    expected, found = _with_ankle(0.8, 0.8), _with_ankle(0.8 + 1e-6, 0.8)
    neck = found["heatmaps"].copy()
    neck[0, 1] = np.roll(neck[0, 1], 1, axis=0)
    image = _compare(expected, found | {"heatmaps": neck})
    assert image.distances_px.max() == pytest.approx(8, abs=2.1)


def test_3d_joints_are_compared_in_mm() -> None:
    maps = crowd(2, HEIGHT, WIDTH, noise=0.0)
    expected = {"heatmaps": maps.heatmaps[None], "pafs": maps.pafs[None], "features": maps.features[None]}
    same = _compare(expected, expected)
    assert same.distances_mm.size == 2 * 19
    assert not same.distances_mm.any()
    other = _compare(expected, expected | {"features": 1.1 * expected["features"]})
    assert not other.distances_px.any()
    assert other.distances_mm.max() > 10
    assert other.last_bits == 0
