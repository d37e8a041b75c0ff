"""The network for training, with a head for body parts and initial weights."""

from __future__ import annotations

from contextlib import nullcontext

import torch
from torch import Tensor, nn

from posedeploy.checkpoints.lightweight_openpose_2d import LightweightOpenPose2d
from posedeploy.synthetic import PARTS

LAST = ("heatmaps.1.0.weight", "pafs.1.0.weight")
"""The layers that compute the maps."""


class TrainedNetwork(LightweightOpenPose2d):
    """The network with an additional head for training, which classifies body parts from the features.

    The head trains in minutes. It trains the features faster than the maps of points and thin limbs do.

    The weights are random (He et al., arXiv:1502.01852), and those of the last layers are near zero. The
    backbone has no shortcuts around its 24 layers of BatchNorm and ReLU, so that its gradients would be
    chaotic with such weights. It therefore starts near a linear map: depthwise kernels near the identity,
    orthogonal pointwise kernels, and mostly positive activations.
    """

    def __init__(self) -> None:
        super().__init__()
        self.exact = self.refined = True
        self.parts = nn.Conv2d(128, len(PARTS) + 1, 1)
        for name, module in self.named_modules():
            if isinstance(module, nn.Conv2d) and name != "parts":
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                if f"{name}.weight".endswith(LAST):
                    nn.init.normal_(module.weight, std=0.005)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        _begin_linear(self.model)
        _quicken(self.model)

    def features(self, data: Tensor) -> Tensor:
        """Return the features; with ``exact``, the backbone is computed in FP32 under autocast too.

        In BF16, the cosine between the gradients of the first layers and the true ones is only 0.87 at the
        start, and 0.99 after some training.
        """
        with torch.autocast(data.device.type, enabled=False) if self.exact else nullcontext():
            deep = self.model(data)
        features: Tensor = self.cpm(deep)
        return features

    def with_parts(self, images: Tensor) -> tuple[Tensor, ...]:
        """Return the outputs of the network, without ``refined`` only those of the initial stage, and then
        the body parts (N, parts + 1, H/8, W/8)."""
        if self.refined:
            features, estimates = self.estimates(images)
        else:
            features = self.features(images)
            estimates = [self.initial_stage(features)]
        return (*(output for estimate in estimates for output in estimate), self.parts(features))


class QuickDepthwise(nn.Conv2d):
    """A depthwise convolution with the same results, whose gradients oneDNN computes faster.

    The BF16 gradients with a stride of 2, and all gradients with a dilation of 2, are 6 to 12 times slower
    than necessary (PyTorch 2.13). The former are computed in FP32, and the latter without dilation, on the
    four images of every second row and column.
    """

    def forward(self, x: Tensor) -> Tensor:
        if self.dilation == (2, 2):
            quarters = _quarters(x)
            return _whole(nn.functional.conv2d(quarters, self.weight, padding=1, groups=self.groups))
        with torch.autocast(x.device.type, enabled=False):
            return super().forward(x.to(self.weight.dtype)).to(x.dtype)


def _quarters(x: Tensor) -> Tensor:
    """Return (N, C, H, W) as (4N, C, H/2, W/2), every second row and column, in channels-last memory."""
    count, channels, height, width = x.shape
    cells = x.permute(0, 2, 3, 1).reshape(count, height // 2, 2, width // 2, 2, channels)
    apart = cells.permute(0, 2, 4, 1, 3, 5).reshape(count * 4, height // 2, width // 2, channels)
    return apart.permute(0, 3, 1, 2)


def _whole(quarters: Tensor) -> Tensor:
    """Invert ``_quarters``."""
    count, channels, height, width = quarters.shape
    apart = quarters.permute(0, 2, 3, 1).reshape(count // 4, 2, 2, height, width, channels)
    cells = apart.permute(0, 3, 1, 4, 2, 5).reshape(count // 4, height * 2, width * 2, channels)
    return cells.permute(0, 3, 1, 2)


def _quicken(backbone: nn.Module) -> None:
    """Replace layers by ``QuickDepthwise`` where it is faster, with the same weights."""
    for block in backbone.children():
        assert isinstance(block, nn.Sequential)
        first = block[0]
        assert isinstance(first, nn.Conv2d)
        if first.groups > 1 and (first.stride, first.dilation) != ((1, 1), (1, 1)):
            step, reach = first.stride[0], first.dilation[0]
            quick = QuickDepthwise(
                first.in_channels, first.out_channels, 3, step, reach, reach, first.groups, bias=False
            )
            quick.weight = first.weight
            block[0] = quick


def _begin_linear(backbone: nn.Module) -> None:
    for module in backbone.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.ones_(module.bias)
        elif isinstance(module, nn.Conv2d) and module.groups > 1:
            nn.init.normal_(module.weight, std=0.03)
            module.weight.data[:, 0, 1, 1] += 1
        elif isinstance(module, nn.Conv2d) and module.kernel_size == (1, 1):
            nn.init.orthogonal_(module.weight)
