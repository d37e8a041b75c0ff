from __future__ import annotations

from fractions import Fraction

import pytest

from posedeploy.predict.timeline import Timeline

MILLISECONDS = Fraction(1, 1000)


@pytest.mark.parametrize(
    ("stamps", "times", "resets"),
    [
        ((33, 67, 400, 5000), (0.033, 0.067, 0.4, 5.0), 0),  # as they are, gaps and all
        ((-80, -40, 0), (0.0, 0.04, 0.08), 0),
        ((None, None, None), (0.0, 0.04, 0.08), 0),
        ((0, None, 80), (0.0, 0.04, 0.08), 0),
        ((0, 40, 40, 80), (0.0, 0.04, 0.041, 0.08), 0),  # the same stamp twice
        ((0, 80, 40, 120), (0.0, 0.08, 0.081, 0.12), 0),  # out of order
        ((60_000, 60_040, 100, 140), (60.0, 60.04, 60.08, 60.12), 1),  # the clock was set back
        ((0, 40, 90_000_000, 90_000_040), (0.0, 0.04, 0.08, 0.12), 1),  # and forth
    ],
)
def test_times_always_increase(stamps: tuple[int | None, ...], times: tuple[float, ...], resets: int) -> None:
    timeline = Timeline(MILLISECONDS, 0.04)
    assert [timeline.at(stamp) for stamp in stamps] == pytest.approx(times)
    assert timeline.resets == resets


def test_a_broadcast_starts_at_its_first_frame_and_sound_is_shifted() -> None:
    timeline = Timeline(MILLISECONDS, 0.04, counts_from_first=True)
    assert timeline.known_shift_s is None
    assert [timeline.at(stamp) for stamp in (95_443_000, 95_443_040)] == pytest.approx([0, 0.04])
    assert timeline.known_shift_s == -95_443


def test_times_continue_after_a_reconnection() -> None:
    timeline = Timeline(MILLISECONDS, 0.04, counts_from_first=True)
    timeline.at(1000)
    timeline.at(3000)
    timeline.continue_at(4.5)
    assert [timeline.at(stamp) for stamp in (700, 740)] == pytest.approx([4.5, 4.54])
