"""The plot as an SVG document."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from posedeploy.tuning.plot import HEIGHT, WIDTH, PlotPoint, _scales, draw_plot

SVG = "{http://www.w3.org/2000/svg}"
POINTS = (
    PlotPoint("openvino int8", 8.0, 140.0, is_on_front=True),
    PlotPoint("openvino <bf16> & more", 16.0, 36.0, is_on_front=True, is_winner=True),
    PlotPoint("onnx fp32", 33.0, 0.0, is_on_front=True),
    PlotPoint("onnx fp32 on openvino", 33.5, 0.0),
    PlotPoint("torchscript fp16", 900.0, 0.01),
)


def draw(*points: PlotPoint) -> ElementTree.Element:
    return ElementTree.fromstring(draw_plot(points, "human.pth", "ms per image", "1 px"))


def texts(document: ElementTree.Element) -> list[str]:
    return ["".join(each.itertext()) for each in document.iter(f"{SVG}text")]


def test_a_plot_has_axes_a_legend_the_front_and_each_candidate() -> None:
    document = draw(*POINTS)
    shown = texts(document)
    assert {"ms per image", "error, percent of the budget", "budget (100%): 1 px", "winner", "100%"} <= set(
        shown
    )
    assert {"openvino <bf16> & more", "openvino int8", "onnx fp32"} <= set(shown)
    assert "torchscript fp16" not in shown, "only the front has labels"
    tips = [each.text or "" for each in document.iter(f"{SVG}title")]
    assert "torchscript fp16: 900, 0.01% of the budget" in tips
    assert len(list(document.iter(f"{SVG}path"))) == 1
    assert "failed parity" not in shown


def test_a_candidate_that_failed_parity_is_not_drawn_as_within_the_budget() -> None:
    document = draw(*POINTS, PlotPoint("onnx int8", 5.0, 50.0, has_failed=True))
    assert "failed parity" in texts(document)
    mark = next(
        each
        for each in document.iter(f"{SVG}circle")
        if each.findtext(f"{SVG}title") == "onnx int8: 5, 50% of the budget, failed parity"
    )
    assert mark.attrib["fill"] == "white"


@pytest.mark.parametrize(
    ("low", "high"), [(27.0, 38.0), (3.0, 3.9), (5.5, 5.5), (0.0101, 0.0102), (9.0, 11.0)]
)
def test_a_short_axis_of_costs_has_numbers(low: float, high: float) -> None:
    x, _ = _scales([PlotPoint("a", low, 10.0), PlotPoint("b", high, 20.0)])
    values = [float(tick.text) for tick in x.ticks()]
    assert 2 <= len(values) <= 8
    assert all(x.low <= value <= x.high for value in values)
    assert {f"{value:g}" for value in values} <= set(
        texts(draw(PlotPoint("a", low, 9.0), PlotPoint("b", high, 9.0)))
    )


@pytest.mark.parametrize(
    "points",
    [POINTS, POINTS[:1], (), (PlotPoint("a", 1e-5, 0.0), PlotPoint("b", 1e5, 1e9))],
    ids=["several", "one", "none", "extreme"],
)
def test_every_mark_lies_in_the_picture(points: tuple[PlotPoint, ...]) -> None:
    for circle in draw(*points).iter(f"{SVG}circle"):
        assert 0 < float(circle.attrib["cx"]) < WIDTH
        assert 0 < float(circle.attrib["cy"]) < HEIGHT


def test_labels_do_not_cover_each_other() -> None:
    points = [PlotPoint(f"candidate {number}", 10.0, 50.0, is_on_front=True) for number in range(4)]
    baselines = [
        float(each.attrib["y"])
        for each in draw(*points).iter(f"{SVG}text")
        if (each.text or "").startswith("candidate")
    ]
    assert len(baselines) == 4
    assert min(b - a for a, b in zip(sorted(baselines), sorted(baselines)[1:], strict=False)) >= 15


def test_labels_do_not_cover_points() -> None:
    named = PlotPoint("candidate", 10.0, 50.0, is_on_front=True)
    around = [PlotPoint("other", x, 60.0) for x in (10.5, 11.0, 11.5)]
    document = draw(named, *around, PlotPoint("far", 30.0, 0.1))
    (label,) = (each for each in document.iter(f"{SVG}text") if each.text == "candidate")
    (start, baseline) = float(label.attrib["x"]), float(label.attrib["y"])
    for circle in document.iter(f"{SVG}circle"):
        x, y, radius = (float(circle.attrib[name]) for name in ("cx", "cy", "r"))
        if y > 60:  # below the legend
            is_beside = x + radius < start or x - radius > start + 6.2 * len("candidate")
            assert is_beside or y + radius < baseline - 9 or y - radius > baseline - 1
