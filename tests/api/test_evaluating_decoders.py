"""Evaluation of networks that a contract describes, on people whose keypoints the network knows."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import posedeploy
from posedeploy import contracts
from posedeploy.joint_sets import sigmas_of
from posedeploy.types import Array, Tensors
from tests.benchmarks import coco
from tests.predict.conftest import write_image
from tests.support.constant_networks import write_constant_network

SIZE = (192, 256)
IMAGES = ("a.png", "b.png", "c.png")
SETS = {
    "coco-17": 17, "halpe-26": 26, "wholebody-133": 133, "hand-21": 21, "mpii-16": 16, "blazepose-33": 33,
}  # fmt: skip
INPUT = f"[input]\nheight = {SIZE[1]}\nwidth = {SIZE[0]}\nmargin = 1.0\n"


def choose_points(count: int) -> Array:
    """Return (count, 2) px at the centers of the cells of heatmaps."""
    return np.random.default_rng(count).integers((5, 5), (41, 57), (count, 2)) * 4.0


def peaks(length: int, positions: Array) -> Array:
    """Return (1, keypoints, length) with the highest value at each position."""
    return np.exp(-np.square(np.arange(length) - positions[:, None]) / 8)[None]


def simcc(points: Array) -> Tensors:
    x, y = points.T
    return {"simcc_x": peaks(2 * SIZE[0], 2 * x), "simcc_y": peaks(2 * SIZE[1], 2 * y)}


def heatmap(points: Array) -> Tensors:
    x, y = points.T / 4
    return {"heatmaps": peaks(SIZE[1] // 4, y)[..., None] * peaks(SIZE[0] // 4, x)[:, :, None]}


def coordinates(points: Array) -> Tensors:
    return {"keypoints": (points / SIZE)[None]}


def one_stage(points: Array) -> Tensors:
    low, high = points.min(axis=0), points.max(axis=0)
    keypoints = np.concatenate([points, np.ones((len(points), 1))], axis=1)
    return {"detections": np.array([[[*(low + high) / 2, *(high - low), 0.9, *keypoints.ravel()]]])}


DECODERS = {"simcc": simcc, "heatmap": heatmap, "coordinates": coordinates, "one-stage": one_stage}


def evaluate(family: str, keypoints: str, points: Array, annotated: Array, folder: Path) -> float:
    """Return the AP of a network that returns ``points`` for images on which ``annotated`` is labeled."""
    contract = folder / "net.toml"
    contract.write_text(f'family = "{family}"\nkeypoint_set = "{keypoints}"\n{INPUT}')
    names = contracts.read(contract).keypoint_names
    for name in IMAGES:
        write_image(folder / name, np.zeros((SIZE[1], SIZE[0], 3), np.uint8))
    entries = [coco.person(number, np.column_stack([annotated, np.ones(len(names))])) for number in (1, 2, 3)]
    people = coco.write(folder / "people.json", dict.fromkeys(IMAGES, SIZE), entries, names)
    network = write_constant_network(folder / "net.onnx", (1, 3, *SIZE[::-1]), DECODERS[family](points))
    report = posedeploy.evaluate(network, people, folder, contract=contract)
    return float(json.loads(report.to_json())["slices"][0]["ap"])


def expected_ap(annotated: Array, moved_px: float, sigmas: tuple[float, ...]) -> float:
    """Return the AP of people who all have the OKS of keypoints that are this far off."""
    area = float(np.prod(annotated.max(axis=0) - annotated.min(axis=0)))
    oks = np.exp(-(moved_px**2) / (8 * area * np.square(sigmas))).mean()
    return float((oks >= np.linspace(0.5, 0.95, 10)).mean())


@pytest.mark.parametrize("keypoints", SETS)
def test_exact_people_of_each_keypoint_set_have_an_ap_of_1(keypoints: str, tmp_path: Path) -> None:
    points = choose_points(SETS[keypoints])
    assert evaluate("simcc", keypoints, points, points, tmp_path) == pytest.approx(1)


@pytest.mark.parametrize("keypoints", SETS)
def test_moved_people_of_each_keypoint_set_have_the_ap_of_their_sigmas(
    keypoints: str, tmp_path: Path
) -> None:
    points = choose_points(SETS[keypoints])
    path = tmp_path / "sigmas.toml"
    path.write_text(f'family = "simcc"\nkeypoint_set = "{keypoints}"\n')
    moved = 3.0 if keypoints == "wholebody-133" else 8.0  # px; small sigmas
    expected = expected_ap(points, moved, sigmas_of(contracts.read(path).keypoint_names))
    assert 0 < expected < 1
    assert evaluate("simcc", keypoints, points + np.array([moved, 0]), points, tmp_path) == pytest.approx(
        expected
    )


@pytest.mark.parametrize("family", DECODERS)
def test_exact_people_of_each_decoder_have_an_ap_of_1(family: str, tmp_path: Path) -> None:
    points = choose_points(17)
    assert evaluate(family, "coco-17", points, points, tmp_path) == pytest.approx(1)
