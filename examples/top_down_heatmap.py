"""An example of a user's own network: one person in a box, with a heatmap for each keypoint of COCO.

The contract is ``top_down_heatmap.toml`` in the same folder. ``posedeploy contract new heatmap`` writes the
start of such a file. ::

    posedeploy export weights.pth --network examples/top_down_heatmap.py:build --to onnx
    posedeploy predict artifacts/weights.onnx photo.jpg --boxes boxes.json -o poses/
"""

from __future__ import annotations

from torch import Tensor, nn

KEYPOINTS = 17


def build() -> nn.Module:
    """Return the network with random weights; posedeploy then loads those of the checkpoint."""
    return TopDownHeatmap()


class TopDownHeatmap(nn.Module):
    """Returns heatmaps (N, 17, H/4, W/4) of an image (N, 3, H, W)."""

    def __init__(self, channels: tuple[int, ...] = (16, 32, 64)) -> None:
        super().__init__()
        self.body = nn.Sequential(_step(3, 16), *map(_step, (16, *channels[:-1]), channels))
        self.upsample = nn.Sequential(
            nn.ConvTranspose2d(channels[-1], 32, 4, 2, 1),
            nn.ReLU(),
            nn.ConvTranspose2d(32, 32, 4, 2, 1),
            nn.ReLU(),
        )
        self.head = nn.Conv2d(32, KEYPOINTS, 1)

    def forward(self, image: Tensor) -> Tensor:
        heatmaps: Tensor = self.head(self.upsample(self.body(image)))
        return heatmaps


def _step(inputs: int, outputs: int) -> nn.Module:
    """Return a convolution that halves height and width."""
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, 2, 1), nn.BatchNorm2d(outputs), nn.ReLU())
