from __future__ import annotations

import numpy as np

from posedeploy.poses.peaks import find_peaks


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
