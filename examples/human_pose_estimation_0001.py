"""Someone's own network, as posedeploy takes it: Open Model Zoo's human-pose-estimation-0001 (Apache-2.0).

It is lightweight-openpose-2d with two differences, so the published one is built and changed. Its contract is
``human_pose_estimation_0001.toml``, beside it. ::

    posedeploy export human-pose-estimation-0001.pth \\
        --network examples/human_pose_estimation_0001.py:build --to openvino
"""

from __future__ import annotations

from torch import Tensor, nn

from posedeploy.checkpoints import lightweight_openpose_layers as layers
from posedeploy.checkpoints.lightweight_openpose_2d import LightweightOpenPose2d


def build() -> nn.Module:
    """The network, with random weights: the checkpoint's are loaded into it afterwards."""
    network = HumanPoseEstimation0001()
    network.cpm = Cpm(512, 128)
    fold(network)
    return network


class HumanPoseEstimation0001(LightweightOpenPose2d):
    """Gives the maps of the last stage alone: heatmaps (N, 19, H/8, W/8), pafs (N, 38, H/8, W/8)."""

    def forward(self, data: Tensor) -> tuple[Tensor, ...]:
        return super().forward(data)[-2:]


class Cpm(layers.Cpm):
    """ELU where the published one has ReLU, and one more convolution before the trunk."""

    def __init__(self, inputs: int, channels: int) -> None:
        super().__init__(inputs, channels)
        self.align = nn.Sequential(nn.Conv2d(inputs, channels, 1), nn.ELU())
        self.red = nn.Sequential(nn.Conv2d(channels, channels, 1), nn.ELU())
        for block in self.trunk:
            assert isinstance(block, nn.Sequential)
            block[0] = nn.Conv2d(channels, channels, 3, padding=1, groups=channels)
            block[2] = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.align(x)
        result: Tensor = self.conv(x + self.trunk(self.red(x)))
        return result


def fold(network: nn.Module) -> None:
    """Every BatchNorm becomes an identity, and the convolution before it gets a bias."""
    for sequence in network.modules():
        if not isinstance(sequence, nn.Sequential):
            continue
        for index, layer in enumerate(sequence):
            if isinstance(layer, nn.BatchNorm2d):
                sequence[index] = nn.Identity()
                sequence[index - 1].register_parameter("bias", nn.Parameter(layer.bias.detach().clone()))
