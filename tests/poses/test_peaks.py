from __future__ import annotations

import cv2
import numpy as np
import pytest

from posedeploy.poses.maps import upsample
from posedeploy.poses.peaks import find_peaks, find_upsampled_peaks
from tests.support.synthetic_maps import crowd


def maps(*values: tuple[int, int, int, float], size=(20, 30), channels=2) -> np.ndarray:
    heatmaps = np.zeros((*size, channels), np.float32)
    for channel, y, x, value in values:
        heatmaps[y, x, channel] = value
    return heatmaps


def test_peaks_are_ordered_by_channel_x_and_y() -> None:
    peaks = find_peaks(maps((1, 9, 3, 0.5), (0, 1, 20, 0.6), (0, 15, 2, 0.7), (0, 2, 2, 0.8)))
    assert list(zip(peaks.x.tolist(), peaks.y.tolist(), strict=True)) == [(2, 2), (2, 15), (20, 1), (3, 9)]
    np.testing.assert_allclose(peaks.scores, [0.8, 0.7, 0.6, 0.5], rtol=1e-6)
    assert peaks.first.tolist() == [0, 3, 4]


def test_plateaus_have_no_peak() -> None:
    assert len(find_peaks(maps((0, 5, 5, 0.5), (0, 5, 6, 0.5))).x) == 0
    assert len(find_peaks(maps((0, 5, 5, 0.5), (0, 6, 5, 0.5))).x) == 0


def test_the_threshold_is_inclusive() -> None:
    assert len(find_peaks(maps((0, 5, 5, 0.1))).x) == 1
    assert len(find_peaks(maps((0, 5, 5, np.nextafter(np.float32(0.1), np.float32(0))))).x) == 0


def test_corners_can_be_peaks_and_rows_do_not_wrap() -> None:
    peaks = find_peaks(maps((0, 0, 0, 0.5), (0, 19, 29, 0.5), (0, 9, 29, 0.3), (0, 10, 0, 0.4)))
    assert peaks.first.tolist() == [0, 4, 4]


def test_of_two_close_peaks_the_right_one_is_dropped() -> None:
    peaks = find_peaks(maps((0, 5, 5, 0.2), (0, 5, 10, 0.9)))
    assert peaks.x.tolist() == [5]
    assert find_peaks(maps((0, 5, 5, 0.2), (0, 5, 11, 0.9))).x.tolist() == [5, 11]


def test_a_dropped_peak_drops_no_other() -> None:
    peaks = find_peaks(maps((0, 5, 5, 0.2), (0, 5, 9, 0.9), (0, 5, 13, 0.9)))
    assert peaks.x.tolist() == [5, 13]


def test_channels_do_not_drop_each_other() -> None:
    assert find_peaks(maps((0, 5, 29, 0.5), (1, 5, 0, 0.5))).first.tolist() == [0, 1, 2]


def assert_same_peaks(heatmaps: np.ndarray, interpolation: int) -> int:
    """Compare with the peaks of the whole upsampled map, bit by bit; return their number."""
    got = find_upsampled_peaks(heatmaps, interpolation)
    want = find_peaks(upsample(heatmaps, interpolation))
    for name in ("x", "y", "scores", "first"):
        found, wanted = getattr(got, name), getattr(want, name)
        np.testing.assert_array_equal(found, wanted)
        assert found.dtype == wanted.dtype
    return len(got.x)


@pytest.mark.parametrize("interpolation", [cv2.INTER_LINEAR, cv2.INTER_CUBIC])
@pytest.mark.parametrize("people", [0, 1, 3, 7])
def test_peaks_of_upsampled_areas_equal_those_of_the_whole_map(people: int, interpolation: int) -> None:
    heatmaps = crowd(people, seed=people).heatmaps[:18]
    assert (assert_same_peaks(heatmaps, interpolation) > 0) == (people > 0)


@pytest.mark.parametrize("interpolation", [cv2.INTER_LINEAR, cv2.INTER_CUBIC])
@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5, 17, 18])
@pytest.mark.parametrize("seed", range(4))
def test_peaks_of_sparse_maps_equal_those_of_the_whole_map(
    seed: int, channels: int, interpolation: int
) -> None:
    random = np.random.default_rng(seed)
    size = (channels, int(random.integers(1, 40)), int(random.integers(1, 70)))
    heatmaps = random.normal(0, 0.02, size).astype(np.float32)
    spots = random.random(size) < 0.01
    heatmaps[spots] = random.uniform(-0.9, 0.9, int(spots.sum()))
    assert_same_peaks(heatmaps, interpolation)


def test_values_just_above_the_threshold_are_found_between_the_cells() -> None:
    heatmaps = np.zeros((18, 12, 40), np.float32)
    heatmaps[3, 5:7, 20:22] = [[0.0799, 0.0797], [0.0796, 0.0795]]  # cubic interpolation exceeds its sources
    assert assert_same_peaks(heatmaps, cv2.INTER_CUBIC) == 1
