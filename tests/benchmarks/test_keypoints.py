"""Ambiguous keypoints and real differences between two outputs, on maps of synthetic people."""

from __future__ import annotations

import numpy as np
import pytest

from posedeploy.benchmarks.ambiguity import MIN_BOUND, bound_noise, compare_image
from posedeploy.benchmarks.keypoints import ImageParity
from posedeploy.benchmarks.noise_floor import NoiseFloor, OutputNoise
from posedeploy.benchmarks.tolerances import Tolerance
from posedeploy.poses import lightweight_openpose_2d, lightweight_openpose_3d
from posedeploy.types import Array, Camera, Placement, Poses, Tensors
from tests.predict.conftest import spec_of
from tests.support.synthetic_maps import crowd

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


def _compare(
    expected: Tensors,
    found: Tensors,
    floor: NoiseFloor | None = None,
    peaks: tuple[str, ...] = ("heatmaps", "pafs"),
) -> ImageParity:
    return compare_image(_decode, expected, found, PLACEMENT, Tolerance(), bound_noise(peaks, floor))


def _floor(at_peaks: float) -> NoiseFloor:
    noise = OutputNoise(10 * at_peaks, at_peaks / 10, at_peaks)
    return NoiseFloor("cuda", "fp32", {"heatmaps": noise, "pafs": noise}, 6, 36)


def _with_ankle(left: float, right: float) -> Tensors:
    """Return maps of one person whose ankle has two adjacent peaks with these values."""
    maps = _maps(1)
    heatmaps: Array = maps["heatmaps"].copy()
    y, x = np.unravel_index(heatmaps[0, ANKLE].argmax(), (HEIGHT, WIDTH))
    heatmaps[0, ANKLE] = 0
    heatmaps[0, ANKLE, y, x : x + 2] = left, right
    heatmaps[0, ANKLE, y + 1, x : x + 2] = 0.4 * left, 0.4 * right
    return maps | {"heatmaps": heatmaps}


def test_equal_outputs_have_equal_people() -> None:
    same = _compare(_maps(3), _maps(3))
    assert (same.people, same.missed, same.extra, same.unmatched_keypoints, same.ambiguous) == (3, 0, 0, 0, 0)
    assert len(same.distances_px) > 40
    assert not same.distances_px.any()
    assert same.distances_mm.size == 0


def test_a_person_missing_on_one_side_counts_with_all_keypoints() -> None:
    found = _decode(_maps(2), PLACEMENT)
    keypoints = (found.keypoints[..., 2] >= 0).sum(axis=1)
    nobody = {name: np.zeros_like(array) for name, array in _maps(2).items()}
    missed = _compare(_maps(2), nobody)
    assert (missed.people, missed.missed, missed.extra) == (0, 2, 0)
    assert (missed.unmatched_keypoints, missed.ambiguous) == (keypoints.sum(), 0)
    extra = _compare(nobody, _maps(2))
    assert (extra.people, extra.missed, extra.extra) == (0, 0, 2)
    assert (extra.unmatched_keypoints, extra.ambiguous) == (keypoints.sum(), 0)


@pytest.mark.parametrize("is_swapped", [False, True])
def test_a_keypoint_missing_on_one_side_counts(is_swapped: bool) -> None:
    sides = (_maps(1), _with_ankle(0.0, 0.0))
    image = _compare(*(reversed(sides) if is_swapped else sides))
    assert (image.people, image.missed, image.extra) == (1, 0, 0)
    assert (image.unmatched_keypoints, image.ambiguous) == (1, 0)


@pytest.mark.parametrize(("reference", "candidate"), [(0.0, 1e-6), (0.0, -1e-6), (1e-6, -1e-6), (1e-6, 0.0)])
def test_a_tie_between_peaks_is_ambiguous(reference: float, candidate: float) -> None:
    image = _compare(_with_ankle(0.8 + reference, 0.8), _with_ankle(0.8 + candidate, 0.8))
    assert (image.people, image.unmatched_keypoints, image.ambiguous) == (1, 0, 1)
    assert not image.distances_px.any()


def test_a_difference_beyond_the_noise_counts() -> None:
    image = _compare(_with_ankle(0.8, 0.799), _with_ankle(0.799, 0.8))
    assert 5 * MIN_BOUND < 1e-3 / 0.8
    assert (image.ambiguous, image.unmatched_keypoints) == (0, 0)
    assert image.distances_px.max() > 1


def test_an_error_in_addition_to_a_tie_counts() -> None:
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
    assert other.ambiguous == 0


@pytest.mark.parametrize(("at_peaks", "ambiguous"), [(None, 0), (1e-4, 0), (2e-3, 1)])
def test_a_jump_between_peaks_is_ambiguous_within_the_noise_floor_only(
    at_peaks: float | None, ambiguous: int
) -> None:
    """The verdict on the same maps depends on the noise floor of PyTorch."""
    found, expected = _with_ankle(0.8, 0.799), _with_ankle(0.799, 0.8)
    image = _compare(expected, found, _floor(at_peaks) if at_peaks else None)
    assert image.ambiguous == ambiguous
    assert (image.distances_px > 1).sum() == 1 - ambiguous


@pytest.mark.parametrize("at_peaks", [1e-4, 1e-3, 1e-2])
@pytest.mark.parametrize("fault", ["shifted", "swapped", "lost"])
def test_a_real_error_counts_despite_noise(fault: str, at_peaks: float) -> None:
    expected = _maps(3)
    heatmaps = expected["heatmaps"].copy()
    if fault == "shifted":
        heatmaps = np.roll(heatmaps, 1, axis=3)
    elif fault == "swapped":
        heatmaps[:, [ANKLE, 13]] = heatmaps[:, [13, ANKLE]]
    else:
        heatmaps[:, ANKLE] = 0
    image = _compare(expected, expected | {"heatmaps": heatmaps}, _floor(at_peaks))
    wrong = (image.distances_px > 1).sum() + image.unmatched_keypoints
    assert (wrong, image.ambiguous) == ({"shifted": wrong, "swapped": 6, "lost": 3}[fault], 0)
    assert wrong >= 3


def test_nothing_is_ambiguous_without_peak_selection() -> None:
    image = _compare(_with_ankle(0.8 + 1e-6, 0.8), _with_ankle(0.8, 0.8), _floor(1e-2), peaks=())
    assert (image.unmatched_keypoints, image.ambiguous) == (1, 0)


def test_people_who_depend_on_noise_are_neither_missed_nor_extra() -> None:
    maps = _maps(1)

    def dimmed(factor: float) -> Tensors:
        return maps | {"heatmaps": np.float32(factor) * maps["heatmaps"]}

    dark, bright = 0.0, 1.0  # where the person is not found, and where it is
    while bright - dark > 2e-6:
        middle = (dark + bright) / 2
        dark, bright = (dark, middle) if len(_decode(dimmed(middle), PLACEMENT)) else (middle, bright)
    for a, b in ((dark, bright), (bright, dark)):
        plainly = _compare(dimmed(a), dimmed(b), peaks=())
        assert (plainly.missed, plainly.extra) == (b == dark, b == bright)
        image = _compare(dimmed(a), dimmed(b))
        assert (image.missed, image.extra, image.unmatched_keypoints) == (0, 0, 0)
        assert image.ambiguous == plainly.unmatched_keypoints > 0
