"""The network as it is trained: with a head that tells parts of bodies, and weights to begin with."""

from __future__ import annotations

from contextlib import nullcontext

import torch
from torch import Tensor, nn

from posedeploy.checkpoints.lightweight_openpose_2d import LightweightOpenPose2d
from posedeploy.samples import PARTS

LAST = ("heatmaps.1.0.weight", "pafs.1.0.weight")
"""The layers that give the maps."""


class TrainedNetwork(LightweightOpenPose2d):
    """The network, and a head that is for training alone: from its features it tells the parts of bodies.

    That is learnt in minutes, and teaches the features what maps of points and thin limbs teach them slowly.

    The weights are random (He et al., arXiv:1502.01852), those of the last layers near zero. The backbone has
    no shortcuts around its 24 layers of BatchNorm and ReLU, so with such weights its gradients are chaotic:
    it begins near a linear map instead, with depthwise kernels that pass on what they get, orthogonal
    pointwise ones, and activations that are mostly positive.
    """

    def __init__(self) -> None:
        super().__init__()
        self.exact = True
        self.parts = nn.Conv2d(128, len(PARTS) + 1, 1)
        for name, module in self.named_modules():
            if isinstance(module, nn.Conv2d) and name != "parts":
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                if f"{name}.weight".endswith(LAST):
                    nn.init.normal_(module.weight, std=0.005)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        _begin_linear(self.model)

    def features(self, data: Tensor) -> Tensor:
        """As the network's, with the backbone in float32 under autocast too where ``exact`` is set.

        In bfloat16 the gradients of its first layers have a cosine of only 0.87 to the true ones at the
        beginning, and of 0.99 once it has learnt a little.
        """
        with torch.autocast(data.device.type, enabled=False) if self.exact else nullcontext():
            deep = self.model(data)
        features: Tensor = self.cpm(deep)
        return features

    def with_parts(self, images: Tensor) -> tuple[Tensor, ...]:
        """The network's outputs, and last (N, parts + 1, H/8, W/8)."""
        features, estimates = self.estimates(images)
        return (*(output for estimate in estimates for output in estimate), self.parts(features))


def _begin_linear(backbone: nn.Module) -> None:
    for module in backbone.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.ones_(module.bias)
        elif isinstance(module, nn.Conv2d) and module.groups > 1:
            nn.init.normal_(module.weight, std=0.03)
            module.weight.data[:, 0, 1, 1] += 1
        elif isinstance(module, nn.Conv2d) and module.kernel_size == (1, 1):
            nn.init.orthogonal_(module.weight)
