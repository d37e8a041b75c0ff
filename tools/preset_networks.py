"""Small networks with random weights and the outputs that the presets describe.

Each function is for ``--network tools/preset_networks.py:NAME``, with ``-`` as ``_`` in the name of a preset.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

import torch
from torch import Tensor, nn

from posedeploy import contracts
from posedeploy.types import ModelSpec, TensorSpec

Built: TypeAlias = tuple[nn.Module, ModelSpec]
SEED = 5
KEYPOINTS = 17
CHANNELS = 16
STRIDE = 32
"""Pixels between the anchors of a one-stage network."""


class Trunk(nn.Sequential):
    """Convolutions to a quarter of the input's size, and pooling to 2 ** (2 + ``halvings``)."""

    def __init__(self, channels: int = CHANNELS, halvings: int = 0) -> None:
        layers: list[nn.Module] = [nn.BatchNorm2d(3), nn.Conv2d(3, channels, 7, 2, 3), nn.ReLU()]
        for _ in range(1 + halvings):
            layers += [nn.Conv2d(channels, channels, 3, 2, 1), nn.ReLU()]
        super().__init__(*layers)


class Heatmaps(nn.Module):
    """A heatmap for each keypoint, at a quarter of the input's size."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk, self.head = Trunk(), nn.Conv2d(CHANNELS, KEYPOINTS, 3, padding=1)

    def forward(self, image: Tensor) -> Tensor:
        return torch.sigmoid(self.head(self.trunk(image)))


class SimCc(nn.Module):
    """Two vectors for each keypoint, with two values for each pixel of the input."""

    def __init__(self, height: int, width: int) -> None:
        super().__init__()
        self.trunk, self.head = Trunk(halvings=2), nn.Conv2d(CHANNELS, KEYPOINTS, 1)
        cells = (height // 16) * (width // 16)
        self.x, self.y = nn.Linear(cells, 2 * width), nn.Linear(cells, 2 * height)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        cells = self.head(self.trunk(image)).flatten(2)
        return torch.sigmoid(self.x(cells)), torch.sigmoid(self.y(cells))


class Vectors(nn.Module):
    """Vectors of any lengths, from features that keep their place in the image."""

    def __init__(self, *lengths: int) -> None:
        super().__init__()
        self.trunk, self.pool = Trunk(halvings=3), nn.AdaptiveAvgPool2d(2)
        self.heads = nn.ModuleList(nn.Linear(4 * CHANNELS, length) for length in lengths)

    def features(self, image: Tensor) -> list[Tensor]:
        features = self.pool(self.trunk(image)).flatten(1)
        return [head(features) for head in self.heads]


class MoveNet(Vectors):
    """(1, 1, 17, 3) y, x and score as fractions."""

    def forward(self, image: Tensor) -> Tensor:
        (values,) = self.features(image)
        return torch.sigmoid(values).reshape(-1, 1, KEYPOINTS, 3)


class BlazePose(Vectors):
    """Landmarks in px of the input, presence, and 3D positions in m."""

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        landmarks, presence, world = self.features(image)
        return 128 + 60 * landmarks, torch.sigmoid(presence), world


class Anchors(nn.Module):
    """400 anchors with boxes, scores and keypoints around a grid."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk, self.head = Trunk(halvings=3), nn.Conv2d(CHANNELS, 5 + 3 * KEYPOINTS, 1)
        numbers = torch.arange(400)
        grid = STRIDE * (torch.stack([numbers % 20, numbers // 20], dim=1).float() + 0.5)
        self.register_buffer("grid", grid, persistent=False)
        self.grid: Tensor

    def parts(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return centers, sizes, scores and keypoints (1, 400, 17, 3) of the anchors."""
        values = self.head(self.trunk(image)).flatten(2).transpose(1, 2)
        keypoints = values[..., 5:].reshape(-1, 400, KEYPOINTS, 3)
        xy = self.grid[:, None] + 100 * keypoints[..., :2]
        keypoints = torch.cat([xy, torch.sigmoid(keypoints[..., 2:])], dim=3)
        center, size = self.grid + 50 * values[..., :2], 40 + 80 * torch.sigmoid(values[..., 2:4])
        return center, size, torch.sigmoid(4 * values[..., 4:5]), keypoints


class Rtmo(Anchors):
    """Corners and score, and the keypoints as an output of their own."""

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        center, size, score, keypoints = self.parts(image / 128 - 1)
        return torch.cat([center - size / 2, center + size / 2, score], dim=2), keypoints


class Yolo(Anchors):
    """(1, 56, 400): center, size, score and keypoints."""

    def forward(self, image: Tensor) -> Tensor:
        center, size, score, keypoints = self.parts(image)
        return torch.cat([center, size, score, keypoints.flatten(2)], dim=2).transpose(1, 2)


class YoloWithNms(Anchors):
    """(1, 300, 57): corners, score, class and keypoints of the first anchors."""

    def forward(self, image: Tensor) -> Tensor:
        center, size, score, keypoints = self.parts(image)
        parts = [center - size / 2, center + size / 2, score, torch.zeros_like(score), keypoints.flatten(2)]
        return torch.cat(parts, dim=2)[:, :300]


def build(network: type[nn.Module], preset: str, *arguments: int, **roles: str) -> Built:
    """Return a network in eval mode, and the description of the preset for an input of fixed size."""
    torch.manual_seed(SEED)
    module = network(*arguments)
    with torch.no_grad():
        for parameter in module.parameters():
            # Random layers shrink their inputs, and the outputs would hardly depend on them.
            parameter.mul_(2)
    spec = contracts.read(Path(preset))
    assert spec.contract is not None
    image = TensorSpec("image", (1, 3, spec.contract.height, spec.contract.width), layout="NCHW")
    names = spec.roles or roles
    outputs = tuple(TensorSpec(name, ()) for name in names.values())
    return module.eval(), replace(spec, inputs=(image,), outputs=outputs, roles=names)


def hrnet() -> Built:
    return build(Heatmaps, "hrnet", heatmaps="heatmaps")


def simple_baseline() -> Built:
    return build(Heatmaps, "simple-baseline", heatmaps="heatmaps")


def vitpose() -> Built:
    return build(Heatmaps, "vitpose", heatmaps="heatmaps")


def rtmpose() -> Built:
    return build(SimCc, "rtmpose", 256, 192)


def movenet() -> Built:
    return build(MoveNet, "movenet", 3 * KEYPOINTS, keypoints="output_0")


def blazepose() -> Built:
    return build(BlazePose, "blazepose", 195, 1, 117)


def yolo_pose() -> Built:
    return build(Yolo, "yolo-pose", detections="output0")


def yolo_pose_nms() -> Built:
    return build(YoloWithNms, "yolo-pose-nms", detections="output0")


def rtmo() -> Built:
    return build(Rtmo, "rtmo")
