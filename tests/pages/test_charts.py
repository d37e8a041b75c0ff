"""The geometry of charts."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from posedeploy.pages.axes import axis_from_zero, axis_of_times
from posedeploy.pages.bars import Bar, Part, draw_bars
from posedeploy.pages.scatter import MAX_LABEL, Point, draw_scatter, select_best, shorten, text_width


def point(number: int, latency: float, error: float, *, is_reference: bool = False) -> Point:
    return Point(
        number=number,
        name=f"model-{number}.xml",
        kind="fp32",
        latency=latency,
        error=error,
        low=latency * 0.98,
        high=latency * 1.02,
        is_reference=is_reference,
    )


POINTS = [
    point(1, 80, 0, is_reference=True),
    point(2, 20, 2.0),
    point(3, 30, 0.7),
    point(4, 35, 0.9),
    point(5, 60, 0.0),
    point(6, 60, 0.0),
]


def test_the_best_points_are_those_that_none_beats() -> None:
    assert [each.number for each in select_best(POINTS)] == [2, 3, 5]


def test_the_reference_beats_no_point() -> None:
    assert [each.number for each in select_best([POINTS[0], point(2, 90, 1.0)])] == [2]


def test_points_lie_within_the_chart_and_intervals_around_them() -> None:
    chart = draw_scatter(POINTS, 900, 400)
    assert all(
        0 < mark.x < 900 and 0 < mark.y < 400 and mark.low < mark.x < mark.high for mark in chart.marks
    )
    assert chart.marks[1].y < chart.marks[2].y, "a larger error is higher"


def test_labels_cover_neither_points_nor_each_other() -> None:
    crowd = [point(number, 50 + number / 10, 0.1) for number in range(30)]
    chart = draw_scatter(crowd, 900, 400)
    labels = [mark.label for mark in chart.marks if mark.label is not None]
    assert 0 < len(labels) < len(crowd)
    places = {(label.x, label.y) for label in labels}
    assert len(places) == len(labels)


@pytest.mark.parametrize("error", [0.0, 1e-9, 1e6])
@pytest.mark.parametrize("latency", [1e-6, 1e7])
def test_one_point_of_any_size_is_drawn(error: float, latency: float) -> None:
    chart = draw_scatter([point(1, latency, error)], 360, 300, labels=False)
    (mark,) = chart.marks
    assert math.isfinite(mark.x) and math.isfinite(mark.y)
    assert chart.x_axis.ticks() and chart.y_axis.ticks()


@pytest.mark.parametrize(("limit", "is_drawn"), [(1.0, True), (5.9, True), (100.0, False), (None, False)])
def test_a_limit_far_above_all_errors_is_not_drawn(limit: float | None, is_drawn: bool) -> None:
    assert (draw_scatter(POINTS, 900, 400, limit).limit is not None) == is_drawn


@pytest.mark.parametrize(
    ("values", "is_log"), [([10.0, 20.0], False), ([1.0, 11.9], False), ([1.0, 12.0], True), ([5.0], False)]
)
def test_times_that_differ_greatly_are_on_a_logarithmic_axis(values: list[float], is_log: bool) -> None:
    axis = axis_of_times(values, 0, 100)
    assert axis.is_log == is_log
    assert all(0 <= axis.at(value) <= 100 for value in values)


def test_ticks_are_round() -> None:
    assert [tick.text for tick in axis_from_zero([0.93], 0, 100).ticks(5)] == [
        "0",
        "0.2",
        "0.4",
        "0.6",
        "0.8",
        "1",
    ]


def test_the_parts_of_a_bar_follow_one_another() -> None:
    parts = (Part("preprocess", 1.0), Part("network", 6.0), Part("decode", 3.0))
    bar = Bar(number=1, name="a", kind="fp32", value=10, low=9.9, high=10.1, parts=parts)
    (row,) = draw_bars([bar], 900, 200).rows
    ends = [segment.left + segment.width for segment in row.segments]
    assert [segment.left for segment in row.segments[1:]] == pytest.approx(ends[:-1])
    assert ends[-1] == pytest.approx(row.at)


def test_a_bar_without_a_percentile_has_no_line_for_it() -> None:
    bar = Bar(number=1, name="a", kind="fp32", value=10, low=9, high=11)
    rows = draw_bars([bar, replace(bar, p90=14.0)], 900, 200).rows
    assert rows[0].p90 is None and rows[1].p90 is not None


@pytest.mark.parametrize("name", ["a.xml", "x" * 30, "x" * 500])
def test_long_names_are_shortened(name: str) -> None:
    assert len(shorten(name)) <= MAX_LABEL and shorten(name)[-2:] == name[-2:]


def test_wide_characters_take_two_columns() -> None:
    assert text_width("ab人") == 4
