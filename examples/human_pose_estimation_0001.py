"""An example of a user's own network: Open Model Zoo's human-pose-estimation-0001 (Apache-2.0).

It differs from lightweight-openpose-2d in two ways, so this file builds that network and changes it. The
contract is ``human_pose_estimation_0001.toml`` in the same folder, which ``--network`` also reads. ::

    posedeploy export human-pose-estimation-0001.pth \\
        --network examples/human_pose_estimation_0001.py:build --to openvino
"""

from __future__ import annotations

from torch import Tensor, nn

from posedeploy.checkpoints import lightweight_openpose_layers as layers
from posedeploy.checkpoints.lightweight_openpose_2d import LightweightOpenPose2d


def build() -> nn.Module:
    """Return the network with random weights; posedeploy then loads those of the checkpoint."""
    network = HumanPoseEstimation0001()
    network.cpm = Cpm(512, 128)
    fold(network)
    return network


class HumanPoseEstimation0001(LightweightOpenPose2d):
    """Returns the maps of the last stage only: heatmaps (N, 19, H/8, W/8), pafs (N, 38, H/8, W/8)."""

    def forward(self, data: Tensor) -> tuple[Tensor, ...]:
        return super().forward(data)[-2:]


class Cpm(layers.Cpm):
    """A reduction with ELU instead of ReLU, and with another convolution before the trunk."""

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
    """Replace each BatchNorm by an identity, and give the convolution before it a bias."""
    for sequence in network.modules():
        if not isinstance(sequence, nn.Sequential):
            continue
        for index, layer in enumerate(sequence):
            if isinstance(layer, nn.BatchNorm2d):
                sequence[index] = nn.Identity()
                sequence[index - 1].register_parameter("bias", nn.Parameter(layer.bias.detach().clone()))
