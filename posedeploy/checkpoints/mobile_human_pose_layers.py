"""The blocks of the backbones of MobileHumanPose.

Source: Sandler et al., "MobileNetV2" (arXiv:1801.04381), for the inverted residuals. The nesting of the
modules defines the tensor names, which are those of the published checkpoints.
"""

from __future__ import annotations

from torch import Tensor, nn


def unit(inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Sequential:
    """Return a convolution, BatchNorm, and a PReLU with a slope for each channel."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
        nn.PReLU(outputs),
    )


class InvertedResidual(nn.Module):
    """An expansion, a depthwise convolution and a linear projection; residual where the shapes allow it."""

    def __init__(self, inputs: int, outputs: int, stride: int, expansion: int) -> None:
        super().__init__()
        hidden = inputs * expansion
        self.residual = stride == 1 and inputs == outputs
        self.conv = nn.Sequential(
            *([unit(inputs, hidden, 1)] if expansion > 1 else []),
            unit(hidden, hidden, 3, stride, groups=hidden),
            nn.Conv2d(hidden, outputs, 1, bias=False),
            nn.BatchNorm2d(outputs),
        )

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = x + self.conv(x) if self.residual else self.conv(x)
        return result


def upsample() -> nn.Upsample:
    return nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True)


def decoder_step(inputs: int, hidden: int, outputs: int) -> nn.Sequential:
    """Return a 1x1 and a 3x3 convolution, followed by upsampling to twice the size."""
    return nn.Sequential(
        nn.Conv2d(inputs, hidden, 1),
        nn.BatchNorm2d(hidden),
        nn.PReLU(hidden),
        nn.Conv2d(hidden, outputs, 3, padding=1),
        nn.BatchNorm2d(outputs),
        nn.PReLU(outputs),
        upsample(),
    )
