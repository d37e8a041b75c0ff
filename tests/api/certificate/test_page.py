"""The page of a certificate, of comparisons with chosen values."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from posedeploy.api.certificate.document import CertificateDocument
from posedeploy.api.certificate.page import render_page
from posedeploy.api.certificate.pictures import draw_input
from posedeploy.api.certificate.writing import build_content
from posedeploy.api.compared_files import Comparison
from posedeploy.api.parity_document import PairedPoses
from posedeploy.api.parity_report import ParityReport, describe_pairs
from posedeploy.benchmarks.output_parity import OutputParity, measure_difference
from posedeploy.benchmarks.parity import Parity
from posedeploy.benchmarks.pose_comparison import PoseComparison, pair_people
from posedeploy.benchmarks.tolerances import Tolerance
from posedeploy.benchmarks.worst_inputs import Illustrations, WorstInput
from posedeploy.pages.rendering import create_environment
from posedeploy.types import Array, Poses, RuntimeInfo

HOSTILE = '"><script>alert(1)</script>{{ 7 * 7 }}\u202e.jpg'
IMAGE = np.full((40, 60, 3), 90, np.uint8)
SKELETON = ((0, 1), (1, 2))


def people(shift: float = 0.0, missing: int | None = None, *, in_3d: bool = False) -> Poses:
    keypoints = np.array([[[10.0, 10, 1], [20, 20, 1], [30, 15, 1]]]) + np.array([shift, 0, 0])
    if missing is not None:
        keypoints[:, missing] = -1
    joints = np.concatenate([keypoints * 10, np.ones((1, 3, 1))], axis=2) if in_3d else None
    vertices = keypoints * 10 if in_3d else None
    return Poses(keypoints, np.ones(1), joints, vertices=vertices, root_relative=in_3d)


def report_of(
    reference: Poses, candidate: Poses, *, image: Array | None = IMAGE, maps: dict[str, Array] | None = None
) -> ParityReport:
    names = ("nose", "left_hip", "right_hip")
    pairs = pair_people(HOSTILE, reference, candidate, names)
    difference = measure_difference(HOSTILE, np.ones((1, 2)), np.full((1, 2), 1 + 1e-6))
    worst = WorstInput(HOSTILE, image, 1.0, reference, candidate, pairs, maps or {})
    result = Parity(
        "out/<b>a</b>.onnx",
        RuntimeInfo("onnxruntime", "1", "CPU", "fp32", 1),
        (OutputParity("<i>heatmaps</i>", (difference,)),),
        None,
        Tolerance(),
        paired=PoseComparison((pairs,)),
        illustrations=Illustrations((worst,), names, SKELETON),
    )
    return ParityReport((result,), compared=Comparison({"images": [HOSTILE]}, ()))


def page_of(report: ParityReport, *, pictures: bool = True, **fields: Any) -> str:
    document = msgspec.convert(build_content(report, Path()), CertificateDocument)
    document.parity["results"][0].update(fields)
    return render_page(document, report, "c.json", pictures=pictures)


def test_names_from_files_are_escaped() -> None:
    page = page_of(report_of(people(), people(0.5)), new_field={"<u>a</u>": "<script>"})
    assert "<script" not in page and "<b>a" not in page and "<i>heat" not in page and "<u>a" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;{{ 7 * 7 }}\\u202e.jpg" in page
    assert "\u202e" not in page


@pytest.mark.parametrize(
    ("reference", "candidate", "text"),
    [
        (people(), people(0.5), "1 person matched; largest difference 0.5 px"),
        (people(), people(missing=2), "1 person matched, 1 unmatched keypoint; largest difference 0 px"),
        (people(in_3d=True), people(0.5, in_3d=True), "mm (3D joint), 5 mm (vertex)"),
        (people(), people(np.nan), "0 people matched, 1 missed, 1 extra"),
    ],
)
def test_differences_of_an_input_are_summarized(reference: Poses, candidate: Poses, text: str) -> None:
    page = page_of(report_of(reference, candidate))
    assert text in page
    assert "NaN" not in page and ">nan" not in page and '"nan' not in page


@pytest.mark.parametrize(
    ("moved", "missing", "ambiguous", "points"),
    [
        (10, None, None, [(20, 20), (30, 20)]),
        (10, 2, None, [(30, 15)]),
        (10, 2, [[False, False, True]], [(20, 20), (30, 20)]),
    ],
)
def test_the_counted_keypoint_with_the_largest_difference_is_enlarged(
    moved: float, missing: int | None, ambiguous: list[list[bool]] | None, points: list[tuple[int, int]]
) -> None:
    reference, candidate, names = people(), people(missing=missing), ("nose", "left_hip", "right_hip")
    candidate.keypoints[0, 1, 0] += moved
    mask = None if ambiguous is None else np.array(ambiguous)
    pairs = pair_people("a.jpg", reference, candidate, names, mask)
    worst = WorstInput("a.jpg", IMAGE, 1.0, reference, candidate, pairs, {}, mask)
    overlay = draw_input(worst, Illustrations((worst,), names, SKELETON), with_image=False).overlay
    assert overlay is not None and overlay.zoom is not None
    left, top, side = overlay.zoom
    assert (left + side / 2, top + side / 2) == tuple(np.mean(points, axis=0))
    assert all(left < x < left + side and top < y < top + side for x, y in points)


@pytest.mark.parametrize("in_3d", [False, True])
def test_an_input_without_an_image_shows_3d_joints_only(in_3d: bool) -> None:
    page = page_of(report_of(people(in_3d=in_3d), people(in_3d=in_3d), image=None))
    assert ("3D joints from the side" in page) == in_3d
    assert "data:image/jpeg" not in page


def test_images_can_be_left_out() -> None:
    page = page_of(report_of(people(), people()), pictures=False)
    assert "data:image/jpeg" not in page and 'class="bones reference-bone"' in page


@pytest.mark.parametrize(
    "values", [np.array([[0.0, 1e-3]]), np.array([[0.0, np.inf]]), np.full((600, 500), np.inf)]
)
def test_maps_are_drawn_whatever_their_values_and_size(values: Array) -> None:
    page = page_of(report_of(people(), people(), maps={"heatmaps": values.astype(np.float32)}))
    assert "data:image/png;base64," in page


def test_equal_maps_are_named_and_not_drawn() -> None:
    page = page_of(report_of(people(), people(), maps={"heatmaps": np.zeros((4, 4), np.float32)}))
    assert "Outputs without a difference: heatmaps" in page and "data:image/png" not in page


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"jitter_px": 0.25, "is_measured": True}, "0.25"),
        ({"details": {}, "mesh": None}, "<td>\u2013</td>"),
        ([{"stage": "decoding", "passed": False}], "decoding"),
        ([1.5] * 30, "30 in all"),
        ("images prove nothing", "images prove nothing"),
    ],
)
def test_new_fields_of_the_document_are_shown(value: Any, text: str) -> None:
    page = page_of(report_of(people(), people()), new_field=value)
    assert "<summary>New field</summary>" in page and text in re.sub(r"\s+(?=<)", "", page)


POSES = {
    "people": 2, "missed": 0, "extra": 0, "keypoints": 36, "unmatched_keypoints": 1, "ambiguous": 5,
    "median_px": 0.111, "error_px": 0.222, "median_mm": None, "error_mm": None, "median_vertices_mm": None,
    "error_vertices_mm": None,
}  # fmt: skip
FLOOR = {
    "device": "CUDA", "precision": "fp16", "inputs": 7, "runs": 21,
    "outputs": {"heatmaps": {"largest": 1.5e-3, "rms": 2.5e-4, "at_peaks": 3.5e-4}},
    "poses": POSES | {"error_px": 0.333}, "jpeg_poses": POSES | {"error_px": None},
}  # fmt: skip


def test_the_errors_that_decide_are_shown_with_the_noise_of_pytorch() -> None:
    page = re.sub(r"\s+", " ", page_of(report_of(people(), people()), poses=POSES, noise_floor=FLOOR))
    for name, error in (
        ("This artifact", "0.222"),
        ("Noise of PyTorch fp16 on CUDA", "0.333"),
        ("For comparison, JPEG at quality 95", "unmatched"),
        ("Tolerance", "0.1"),
    ):
        row = re.search(rf"<td>{name}</td>.*?</tr>", page)
        assert row is not None and f">{error}</td>" in row[0]
    assert "<td>1 of 37</td>" in page.replace(' class="number"', "")
    assert "21 runs on 7 inputs" in page
    assert all(text in page for text in ("1.5e-03", "2.5e-04", "3.5e-04"))
    assert "3D joints: median" not in page


def test_3d_joints_and_vertices_have_their_own_columns() -> None:
    in_3d = POSES | {"median_mm": 0.5, "error_mm": 1.5, "median_vertices_mm": 2.5, "error_vertices_mm": 3.5}
    page = page_of(report_of(people(), people()), poses=in_3d)
    assert "3D joints: median, mm" in page and "Vertices: median, mm" in page
    assert all(f">{value}</td>" in page for value in (0.5, 1.5, 2.5, 3.5))


def test_artifacts_that_did_not_run_are_shown() -> None:
    report = report_of(people(), people())
    page = page_of(replace(report, errors={"b.xml": "`device=npu`: none"}))
    assert "<strong>Failed.</strong> 1 of 2 artifacts do not pass: b.xml." in page
    assert "did not run" in page


@pytest.mark.parametrize(
    ("uncompared", "measured", "text"),
    [
        (0, 3, "found by only one of the two models (0%)."),
        (1, 2, "(0%); 1 of 3 3D joints not compared (33.3%)."),
        (3, 0, "(0%); 3 of 3 3D joints not compared (100%)."),
    ],
)
def test_3d_joints_that_were_not_compared_are_counted(uncompared: int, measured: int, text: str) -> None:
    images = pair_people("a.jpg", people(), people(), ("nose", "left_hip", "right_hip"))
    values = {"joint_mm": np.zeros(measured)}
    poses = PoseComparison((replace(images, values=values, uncompared_joints=uncompared),))
    paired = msgspec.convert(describe_pairs(poses), PairedPoses)
    page = create_environment().get_template("parts.html").module.pose_table(paired)
    assert text in " ".join(str(page).split())
