"""Lightweight OpenPose 3D: the 2D network with a head for root-relative 3D positions."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from posedeploy.checkpoints import lightweight_openpose_layers as layers
from posedeploy.specs import image_spec
from posedeploy.types import ModelSpec

FAMILY = "lightweight-openpose-3d"


class ResidualBlock(nn.Module):
    """A bottleneck of half the width with a residual connection, which ``align`` projects to its width."""

    def __init__(self, inputs: int, outputs: int, *, aligned: bool) -> None:
        super().__init__()
        hidden = inputs // 2
        self.bottleneck = nn.Sequential(
            layers.conv(inputs, hidden, 1, norm=True),
            layers.conv(hidden, hidden, norm=True),
            layers.conv(hidden, outputs, 1, norm=True),
        )
        self.align = layers.conv(inputs, outputs, 1, norm=True) if aligned else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.align(x) + self.bottleneck(x)
        return result


class CoordinateHead(nn.Module):
    """Three coordinate maps for each joint from the stem's features."""

    def __init__(self, channels: int, maps: int) -> None:
        super().__init__()
        self.trunk = nn.Sequential(*(layers.RefinementBlock(channels, channels) for _ in range(2)))
        self.feature_maps = nn.Sequential(
            layers.conv(channels, channels, 1), layers.conv(channels, maps, 1, relu=False)
        )

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.feature_maps(self.trunk(x))
        return result


class Pose3D(nn.Module):
    """The 3D head on the features and the last 2D estimate."""

    def __init__(self, inputs: int, channels: int, maps: int) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            ResidualBlock(inputs, channels, aligned=True),
            *(ResidualBlock(channels, channels, aligned=False) for _ in range(4)),
        )
        self.prediction = CoordinateHead(channels, maps)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.prediction(self.stem(x))
        return result


class LightweightOpenPose3d(layers.Estimator):
    """3D coordinate maps, heatmaps and part affinity fields at stride 8.

    Input (N, 3, H, W), H and W multiples of 8; outputs features (N, 3 * joints, H/8, W/8), heatmaps, pafs.
    """

    def __init__(self, sizes: layers.Sizes = layers.PUBLISHED, maps: int = 57) -> None:
        super().__init__(sizes)
        self.Pose3D = Pose3D(sizes.channels + sizes.heatmaps + sizes.pafs, sizes.channels, maps)

    def forward(self, data: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        features, estimates = self.estimates(data)
        heatmaps, pafs = estimates[-1]
        return self.Pose3D(torch.cat([features, heatmaps, pafs], dim=1)), heatmaps, pafs


def recognizes(shapes: dict[str, tuple[int, ...]]) -> bool:
    """Return whether these are the tensors of this network."""
    return "Pose3D.prediction.feature_maps.1.0.weight" in shapes


def build(shapes: dict[str, tuple[int, ...]]) -> tuple[nn.Module, ModelSpec]:
    """Return the variant with these shapes, its weights still random, and its spec."""
    sizes = layers.sizes_of(shapes)
    maps = layers.outputs_of(shapes, "Pose3D.prediction.feature_maps.1.0.weight", 57)
    outputs = {"features": maps, "heatmaps": sizes.heatmaps, "pafs": sizes.pafs}
    spec = image_spec(FAMILY, sizes.variant, outputs, roles={name: name for name in outputs})
    return LightweightOpenPose3d(sizes, maps), spec
