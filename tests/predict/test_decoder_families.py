"""Model files of others that presets decode, and own networks whose contracts name a decoder."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

import posedeploy
from posedeploy.errors import ArtifactError, InputError
from posedeploy.types import Array, Tensors
from tests.support.constant_networks import write_constant_network

BOX = np.array([[100.0, 40.0, 96.0, 128.0]])
"""With a margin of 1.25: 120 x 160 px from (88, 24), or a factor of 1.6."""
IMAGE = np.zeros((240, 320, 3), np.uint8)
POINTS = np.random.default_rng(2).uniform((20, 20), (170, 230), (17, 2)).round()
"""Keypoints in px of an input of 192x256."""
IN_IMAGE = POINTS / 1.6 + (88, 24)


def gaussians(size: tuple[int, int], points: Array) -> Array:
    """Return (1, 17, h, w) heatmaps of a Gaussian each."""
    columns, rows = np.arange(size[0]), np.arange(size[1])[:, None]
    x, y = points.T[:, :, None, None]
    maps: Array = np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / 8)
    return maps[None]


def with_scores(points: Array) -> Array:
    return np.concatenate([points, np.full((len(points), 1), 0.9)], axis=1)


def anchors() -> Array:
    """Return (1, 56, 8400) with one person in px of a 640x640 letterbox of the image, twice its size."""
    values = np.zeros((56, 8400))
    low, high = POINTS.min(axis=0), POINTS.max(axis=0)
    values[:, 70] = [*(low + high) / 2, *(high - low), 0.8, *with_scores(POINTS).ravel()]
    return values[None]


FILES: dict[str, tuple[str, tuple[int, ...], Tensors, Array, float]] = {
    "heatmap": ("hrnet", (1, 3, 256, 192), {"maps": gaussians((48, 64), POINTS / 4)}, IN_IMAGE, 0.9),
    "simcc": (
        "rtmpose",
        (1, 3, 256, 192),
        {
            "simcc_x": gaussians((384, 1), POINTS * (2, 0))[:, :, 0],
            "simcc_y": gaussians((512, 1), POINTS[:, ::-1] * (2, 0))[:, :, 0],
        },
        IN_IMAGE,
        0.3,
    ),
    "coordinates": (
        "movenet",
        (1, 192, 192, 3),
        {"output_0": with_scores(np.roll(POINTS / 256, 1, axis=1))[None, None]},
        POINTS / 256 * 320 - (0, 40),
        1e-3,
    ),
    "one-stage": ("yolo-pose", (1, 3, 640, 640), {"output0": anchors()}, (POINTS - (0, 80)) / 2, 1e-3),
}
"""For each decoder: preset, input, outputs, the keypoints in the image and the largest error in px."""


@pytest.mark.parametrize("family", FILES)
def test_a_preset_decodes_a_model_file(family: str, tmp_path: Path) -> None:
    preset, image, outputs, expected, error_px = FILES[family]
    path = write_constant_network(tmp_path / "net.onnx", image, outputs)
    boxes = BOX if family in ("heatmap", "simcc") else None
    with posedeploy.load(path, contract=preset) as network:
        poses = network(IMAGE, boxes=boxes)
        assert network.spec.family == family
    assert poses.keypoints.shape == (1, 17, 3)
    assert np.abs(poses.keypoints[0, :, :2] - expected).max() <= error_px


def test_anchors_of_nan_are_an_error_that_names_the_output(tmp_path: Path) -> None:
    outputs = {"output0": np.full((1, 56, 8400), np.nan)}
    path = write_constant_network(tmp_path / "net.onnx", (1, 3, 640, 640), outputs)
    with (
        posedeploy.load(path, contract="yolo-pose") as network,
        pytest.raises(ArtifactError, match="output output0 contains NaN or infinity"),
    ):
        network(IMAGE)


def test_a_network_of_one_stage_is_a_detector(tmp_path: Path) -> None:
    detector = write_constant_network(tmp_path / "yolo.onnx", (1, 3, 640, 640), {"output0": anchors()})
    maps = {"maps": gaussians((48, 64), POINTS / 4)}
    path = write_constant_network(tmp_path / "hrnet.onnx", (1, 3, 256, 192), maps)
    with posedeploy.load(path, contract="hrnet", detector=detector, detector_spec="yolo-pose") as network:
        assert network(IMAGE).keypoints.shape == (1, 17, 3)


def test_a_preset_that_does_not_fit_the_file_names_the_one_that_does(tmp_path: Path) -> None:
    path = write_constant_network(tmp_path / "net.onnx", (1, 3, 640, 640), {"output0": anchors()})
    with pytest.raises(InputError, match=r"rtmpose does not fit: .*; use a preset that fits: yolo-pose$"):
        posedeploy.load(path, contract="rtmpose")


NETWORK = """
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(3, 8, 3, 2, 1), nn.ReLU(), nn.Conv2d(8, 8, 1), nn.ReLU(), nn.Conv2d(8, 17, 3, 2, 1)
        )
        self.x, self.y = nn.Linear(192, 96), nn.Linear(192, 128)
        self.values = nn.Linear(192, 3)
        self.anchors = nn.Conv2d(17, 56, 4, 4)

    def heatmap(self, maps):
        return torch.sigmoid(maps)

    def simcc(self, maps):
        return torch.sigmoid(self.x(maps.flatten(2))), torch.sigmoid(self.y(maps.flatten(2)))

    def coordinates(self, maps):
        return torch.sigmoid(self.values(maps.flatten(2)))

    def one_stage(self, maps):
        return torch.sigmoid(self.anchors(maps).flatten(2)) * 40

    def forward(self, image):
        return getattr(self, KIND)(self.body(image))


def build():
    torch.manual_seed(5)
    return Net()
"""
CONTRACTS = {
    "heatmap": '[outputs]\nheatmaps = "maps"',
    "simcc": '[outputs]\nsimcc_x = "simcc_x"\nsimcc_y = "simcc_y"',
    "coordinates": '[outputs]\nkeypoints = "points"\n[decoding]\ncolumns = ["x", "y", "score"]',
    "one-stage": '[outputs]\ndetections = "anchors"',
}


@pytest.mark.slow
@pytest.mark.parametrize("family", CONTRACTS)
def test_an_own_network_is_exported_compared_and_decoded(family: str, tmp_path: Path) -> None:
    import torch

    source = tmp_path / "net.py"
    source.write_text(f"KIND = {family.replace('-', '_')!r}\n{NETWORK}")
    fit, width = ("letterbox", 64) if family == "one-stage" else ("affine", 48)
    source.with_suffix(".toml").write_text(
        f'family = "{family}"\nkeypoint_set = "coco-17"\n[input]\nshape = [1, 3, 64, {width}]\nheight = 64\n'
        f'width = {width}\nfit = "{fit}"\n{CONTRACTS[family]}'
    )
    scope: dict[str, object] = {}
    exec(source.read_text(), scope)
    torch.save(scope["build"]().state_dict(), tmp_path / "net.pth")  # type: ignore[operator]
    network = f"{source}:build"
    model = posedeploy.load_checkpoint(tmp_path / "net.pth", network=network)
    artifacts = posedeploy.export(model, ["onnx", "openvino"], tmp_path / "out")
    report = posedeploy.compare(artifacts, network=network)
    assert report.passed
    int8 = posedeploy.export(
        model,
        "onnx",
        tmp_path / "int8",
        options=posedeploy.ExportOptions(precision="int8", calibration_images=4),
    )
    image = cv2.imread(str(Path(__file__).parents[2] / "docs" / "demo.jpg"))
    for artifact in (*artifacts, *int8):
        with posedeploy.load(artifact.path) as exported:
            assert exported.spec.family == family
            assert exported(image).keypoints.shape[1:] == (17, 3)
