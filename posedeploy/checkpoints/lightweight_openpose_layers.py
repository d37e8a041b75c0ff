"""The blocks of both Lightweight OpenPose networks.

Source: Osokin, Real-time 2D Multi-Person Pose Estimation on CPU: Lightweight OpenPose (arXiv:1811.12004). The
nesting of the modules defines the tensor names, which are those of the published checkpoints.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn


def conv(
    inputs: int,
    outputs: int,
    kernel: int = 3,
    *,
    stride: int = 1,
    dilation: int = 1,
    bias: bool = True,
    norm: bool = False,
    relu: bool = True,
) -> nn.Sequential:
    """Return a convolution with padding that keeps the size at stride 1, with BatchNorm and ReLU if set."""
    padding = dilation * (kernel // 2)
    layers: list[nn.Module] = [nn.Conv2d(inputs, outputs, kernel, stride, padding, dilation, bias=bias)]
    if norm:
        layers.append(nn.BatchNorm2d(outputs))
    if relu:
        layers.append(nn.ReLU())
    return nn.Sequential(*layers)


def depthwise(inputs: int, outputs: int, stride: int = 1, dilation: int = 1) -> nn.Sequential:
    """Return a depthwise 3x3 and a pointwise convolution, each with BatchNorm and ReLU (MobileNet v1)."""
    return nn.Sequential(
        nn.Conv2d(inputs, inputs, 3, stride, dilation, dilation, groups=inputs, bias=False),
        nn.BatchNorm2d(inputs),
        nn.ReLU(),
        nn.Conv2d(inputs, outputs, 1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    )


def backbone() -> nn.Sequential:
    """Return MobileNet v1 up to its fifth group, at stride 8: the last group is dilated, not strided."""
    return nn.Sequential(
        conv(3, 32, stride=2, bias=False, norm=True),
        depthwise(32, 64),
        depthwise(64, 128, stride=2),
        depthwise(128, 128),
        depthwise(128, 256, stride=2),
        depthwise(256, 256),
        depthwise(256, 512),
        depthwise(512, 512, dilation=2),
        *(depthwise(512, 512) for _ in range(4)),
    )


class Cpm(nn.Module):
    """The reduction of the backbone's features to the width of the stages."""

    def __init__(self, inputs: int, channels: int) -> None:
        super().__init__()
        self.align = conv(inputs, channels, 1)
        self.trunk = nn.Sequential(*(_elu_block(channels) for _ in range(3)))
        self.conv = conv(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        x = self.align(x)
        result: Tensor = self.conv(x + self.trunk(x))
        return result


def _elu_block(channels: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False),
        nn.ELU(),
        nn.Conv2d(channels, channels, 1, bias=False),
        nn.ELU(),
    )


class Heads(nn.Module):
    """The two 1x1 branches at the end of a stage: keypoint heatmaps and part affinity fields."""

    def __init__(self, channels: int, hidden: int, heatmaps: int, pafs: int) -> None:
        super().__init__()
        self.heatmaps = nn.Sequential(conv(channels, hidden, 1), conv(hidden, heatmaps, 1, relu=False))
        self.pafs = nn.Sequential(conv(channels, hidden, 1), conv(hidden, pafs, 1, relu=False))

    trunk: nn.Module

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = self.trunk(x)
        return self.heatmaps(x), self.pafs(x)


class InitialStage(Heads):
    """The first estimate, from the features alone."""

    def __init__(self, channels: int, heatmaps: int, pafs: int) -> None:
        super().__init__(channels, 512, heatmaps, pafs)
        self.trunk = nn.Sequential(*(conv(channels, channels) for _ in range(3)))


class RefinementStage(Heads):
    """A refined estimate, from the features and the previous estimate."""

    def __init__(self, channels: int, heatmaps: int, pafs: int) -> None:
        super().__init__(channels, channels, heatmaps, pafs)
        inputs = channels + heatmaps + pafs
        self.trunk = nn.Sequential(
            RefinementBlock(inputs, channels), *(RefinementBlock(channels, channels) for _ in range(4))
        )


class RefinementBlock(nn.Module):
    """A 1x1 convolution followed by a residual block of two 3x3 convolutions."""

    def __init__(self, inputs: int, channels: int) -> None:
        super().__init__()
        self.initial = conv(inputs, channels, 1)
        self.trunk = nn.Sequential(
            conv(channels, channels, norm=True), conv(channels, channels, dilation=2, norm=True)
        )

    def forward(self, x: Tensor) -> Tensor:
        x = self.initial(x)
        result: Tensor = x + self.trunk(x)
        return result


class Sizes(NamedTuple):
    """The differences between variants: refinement stages, width of the stages, and channels of each output.

    The defaults are the published sizes.
    """

    stages: int = 1
    channels: int = 128
    heatmaps: int = 19
    pafs: int = 38

    @property
    def variant(self) -> str:
        """A description of the variant."""
        stages = "1 refinement stage" if self.stages == 1 else f"{self.stages} refinement stages"
        return f"{stages}, {self.channels} channels"


PUBLISHED = Sizes()


def sizes_of(shapes: dict[str, tuple[int, ...]]) -> Sizes:
    """Return the sizes of the network with these tensors."""
    return Sizes(
        count_stages(shapes),
        outputs_of(shapes, "cpm.align.0.weight", PUBLISHED.channels),
        outputs_of(shapes, "initial_stage.heatmaps.1.0.weight", PUBLISHED.heatmaps),
        outputs_of(shapes, "initial_stage.pafs.1.0.weight", PUBLISHED.pafs),
    )


def count_stages(shapes: dict[str, tuple[int, ...]]) -> int:
    """Return the number of refinement stages in a checkpoint."""
    count = 0
    while f"refinement_stages.{count}.heatmaps.1.0.weight" in shapes:
        count += 1
    return count


def outputs_of(shapes: dict[str, tuple[int, ...]], name: str, published: int) -> int:
    """Return the number of output channels of the convolution with these weights.

    If they are missing, return the published number, so that loading can list everything that is missing.
    """
    return next(iter(shapes.get(name, ())), published)


class Estimator(nn.Module):
    """The common part of both networks: from an image to heatmaps and part affinity fields, by stages."""

    def __init__(self, sizes: Sizes = PUBLISHED) -> None:
        super().__init__()
        _, channels, heatmaps, pafs = sizes
        self.model = backbone()
        self.cpm = Cpm(512, channels)
        self.initial_stage = InitialStage(channels, heatmaps, pafs)
        self.refinement_stages = nn.ModuleList(
            RefinementStage(channels, heatmaps, pafs) for _ in range(sizes.stages)
        )

    def features(self, data: Tensor) -> Tensor:
        """Return the (N, channels, H/8, W/8) input of every stage."""
        features: Tensor = self.cpm(self.model(data))
        return features

    def estimates(self, data: Tensor) -> tuple[Tensor, list[tuple[Tensor, Tensor]]]:
        """Return the features, and (heatmaps, pafs) of every stage."""
        features = self.features(data)
        estimates = [self.initial_stage(features)]
        for stage in self.refinement_stages:
            estimates.append(stage(torch.cat([features, *estimates[-1]], dim=1)))
        return features, estimates
