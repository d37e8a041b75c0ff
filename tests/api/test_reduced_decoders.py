"""INT8 exports under a budget, of networks that a contract describes."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import posedeploy
from posedeploy.types import Model

KEYPOINTS, MAPS = 17, (16, 12)
BUILDER = """
from tests.api.test_reduced_decoders import FAMILIES


def build():
    return FAMILIES[{family!r}]()
"""
CONTRACT = """
family = "{family}"
keypoint_set = "coco-17"
[input]
shape = [1, 3, 64, 48]
height = 64
width = 48
multiple = 8
"""


class Peaks(nn.Module):
    """Heatmaps (1, 17, 16, 12) with a peak for each keypoint, to which the image adds a small value."""

    def __init__(self, outputs: int = KEYPOINTS) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(3, 16, 3, 2, 1), nn.ReLU(), nn.Conv2d(16, 16, 3, 2, 1), nn.ReLU(),
            nn.Conv2d(16, outputs, 1),
        )  # fmt: skip
        generator = torch.Generator().manual_seed(0)
        points = torch.rand(KEYPOINTS, 2, generator=generator) * 10 + 1
        self.register_buffer("x", points[:, 0].round())
        self.register_buffer("y", points[:, 1].round())

    x: Tensor
    y: Tensor

    def peaks(self, length: int, centers: Tensor) -> Tensor:
        """Return (17, length) with the highest value at each center."""
        return torch.exp(-((torch.arange(length) - centers[:, None]) ** 2) / 4)

    def forward(self, image: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        peaks = self.peaks(MAPS[0], self.y)[:, :, None] * self.peaks(MAPS[1], self.x)[:, None]
        return peaks[None] + 0.3 * self.body(image)


class Vectors(Peaks):
    """SimCC vectors (1, 17, 96) and (1, 17, 128)."""

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        added = 0.1 * self.body(image).mean((2, 3))[..., None]
        return self.peaks(96, 8 * self.x)[None] + added, self.peaks(128, 8 * self.y)[None] + added


class Coordinates(Peaks):
    """Fractions (1, 17, 2) of the input."""

    def forward(self, image: Tensor) -> Tensor:
        points = torch.stack([self.x / MAPS[1], self.y / MAPS[0]], 1)
        return points[None] + 0.05 * self.body(image).mean((2, 3))[..., None]


class Anchors(Peaks):
    """(1, 1, 56): one anchor with a box, a score and keypoints in px of the input."""

    def forward(self, image: Tensor) -> Tensor:
        added = self.body(image).mean((2, 3))
        points = torch.stack([4 * self.x, 4 * self.y, torch.ones(KEYPOINTS)], 1)
        row = torch.cat([torch.tensor([24.0, 32.0, 44.0, 60.0, 0.9]), points.flatten()])
        scale = torch.cat([torch.zeros(5), torch.tensor([1.0, 1.0, 0.0]).repeat(KEYPOINTS)])
        return row[None, None] + scale * added.repeat_interleave(4, 1)[:, None, :56]


FAMILIES = {"heatmap": Peaks, "simcc": Vectors, "coordinates": Coordinates, "one-stage": Anchors}
OUTPUTS = {
    "heatmap": ("heatmaps",), "simcc": ("simcc_x", "simcc_y"), "coordinates": ("keypoints",),
    "one-stage": ("detections",),
}  # fmt: skip


def load(family: str, folder: Path) -> Model:
    torch.manual_seed(0)
    torch.save(FAMILIES[family]().state_dict(), folder / "net.pth")
    (folder / "net.py").write_text(BUILDER.format(family=family))
    roles = "".join(f"{role} = {role!r}\n" for role in OUTPUTS[family])
    (folder / "net.toml").write_text(f"{CONTRACT.format(family=family)}[outputs]\n{roles}")
    return posedeploy.load_checkpoint(folder / "net.pth", network=f"{folder / 'net.py'}:build")


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_an_int8_export_of_a_decoder_meets_its_budget(family: str, tmp_path: Path) -> None:
    options = posedeploy.ExportOptions(precision="int8", budget=("2px",), calibration_images=8)
    [artifact] = posedeploy.export(load(family, tmp_path), "onnx", tmp_path / "out", options=options)
    assert artifact.budget is not None
    assert artifact.budget.held_out.keypoints > 0
    report = posedeploy.compare(artifact, network=f"{tmp_path / 'net.py'}:build", budget="2px")
    assert report.passed, report.failures
