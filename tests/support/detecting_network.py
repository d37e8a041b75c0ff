"""A user's own network whose number of people depends on the image, as that of detection networks does."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

KEYPOINTS = 17
CANDIDATES = 12
"""At most as many people."""
SOURCE = """
from tests.support.detecting_network import BranchingNetwork, DetectingNetwork


def build():
    return DetectingNetwork()


def build_branching():
    return BranchingNetwork()
"""
CONTRACT = """
family = "one-stage"
variant = "detecting"

[input]
shape = [1, 3, 64, 64]
height = 64
width = 64
mean = [0, 0, 0]
std = [255, 255, 255]

[outputs]
detections = "boxes"
scores = "scores"
keypoints = "keypoints"

[decoding]
columns = ["box"]
box = "corners"
nms = false
min_score = 0.5
"""


class DetectingNetwork(nn.Module):
    """Returns the boxes (people, 4), scores (people,) and keypoints (people, 17, 3) of an image (1, 3, H, W).

    The best candidates are kept if their score is above 0.5 and no better one overlaps them.
    """

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(3, 16, 3, 4, 1), nn.ReLU(), nn.Conv2d(16, 5 + 3 * KEYPOINTS, 3, 4, 1)
        )

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        candidates = self.body(image).flatten(2).transpose(1, 2)[0]
        scores, order = candidates[:, 4].sigmoid().topk(CANDIDATES)
        best = candidates[order]
        centers, halves = best[:, :2] * 60 + 32, best[:, 2:4].abs() * 8 + 4
        boxes = torch.cat([centers - halves, centers + halves], 1)
        is_kept = (_overlaps_with_better(boxes) < 0.5) & (scores > 0.5)
        kept = is_kept.nonzero()[:, 0]
        points = best[:, 5:].reshape(-1, KEYPOINTS, 3) * 8
        keypoints = torch.cat([points[..., :2] + centers[:, None], points[..., 2:].sigmoid()], 2)
        return boxes[kept], scores[kept], keypoints[kept]


class BranchingNetwork(DetectingNetwork):
    """A network whose operations depend on the number of people, which no exporter can trace."""

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        boxes, scores, keypoints = super().forward(image)
        return boxes, scores.sqrt() if boxes.shape[0] > 3 else scores, keypoints


def _overlaps_with_better(boxes: Tensor) -> Tensor:
    """Return the largest intersection over union of each box with an earlier one."""
    low = torch.maximum(boxes[:, None, :2], boxes[None, :, :2])
    high = torch.minimum(boxes[:, None, 2:], boxes[None, :, 2:])
    shared = (high - low).clamp(min=0).prod(2)
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(1)
    return (shared / (areas[:, None] + areas[None] - shared)).triu(1).amax(0)


def write_detecting_network(folder: Path) -> Path:
    """Write ``net.py``, ``net.toml`` and the checkpoint ``net.pth``; return the last one."""
    torch.manual_seed(1)
    path = folder / "net.pth"
    torch.save(DetectingNetwork().state_dict(), path)
    (folder / "net.py").write_text(SOURCE, encoding="utf-8")
    (folder / "net.toml").write_text(CONTRACT, encoding="utf-8")
    return path
