"""Histograms on a logarithmic scale."""

from __future__ import annotations

import pytest

from posedeploy.pages.histogram import draw_histogram

EDGES = [0.0, *(10.0 ** (power / 2) for power in range(-12, 7)), None]


def counts_of(**bins: int) -> list[int]:
    counts = [0] * (len(EDGES) - 1)
    for name, count in bins.items():
        counts[int(name.removeprefix("bin_"))] = count
    return counts


def test_columns_cover_the_bins_with_values_and_the_limit() -> None:
    chart = draw_histogram(EDGES, counts_of(bin_3=5, bin_5=10), "px", 860, 230, limit=1.5)
    assert chart is not None and chart.limit is not None
    assert [column.text for column in chart.columns if column.height > 0] == [
        "5 of 1e-05 to 3.2e-05 px",
        "10 of 0.0001 to 0.00032 px",
    ]
    assert chart.limit.text == "1.5"
    left, right = chart.columns[-2].left, chart.columns[-2].left + chart.columns[-2].width
    assert left < chart.limit.at < right
    assert [column.is_over for column in chart.columns][-2:] == [False, True]


@pytest.mark.parametrize(("number", "text"), [(0, "3 of up to 1e-06 mm"), (19, "3 of more than 1e+03 mm")])
def test_the_outer_bins_have_one_end(number: int, text: str) -> None:
    chart = draw_histogram(EDGES, counts_of(**{f"bin_{number}": 3}), "mm", 860, 230)
    assert chart is not None and text in [column.text for column in chart.columns]


def test_without_values_there_is_no_chart() -> None:
    assert draw_histogram(EDGES, counts_of(), "px", 860, 230, limit=1.0) is None


def test_few_wide_bins_have_a_text_at_each_end() -> None:
    chart = draw_histogram(EDGES, counts_of(bin_0=37, bin_1=65), "mm", 860, 230)
    assert chart is not None
    assert [tick.text for tick in chart.x_ticks] == ["1e-6", "3.2e-6"]


@pytest.mark.parametrize(("width", "ticks"), [(860, 10), (380, 5)])
def test_a_narrow_chart_has_fewer_ticks(width: float, ticks: int) -> None:
    chart = draw_histogram(EDGES, counts_of(bin_1=1, bin_18=1), "px", width, 230)
    assert chart is not None and len(chart.x_ticks) == ticks
