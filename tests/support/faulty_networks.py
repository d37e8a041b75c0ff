"""A small network, and the faults of its deployed copies in the graph, the weights or the prepared images."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import cv2
import numpy as np
import torch
from torch import nn

from posedeploy.types import Array
from tests.support.layered_network import CODE, Damage

HEIGHT, WIDTH = 32, 40
MEAN, STD = (120.0, 110.0, 100.0), (50.0, 60.0, 70.0)
NAMES = ("left_hip", "right_hip", "left_knee", "right_knee")
"""The keypoints of the network."""

HEAD = """\
        self.head = nn.Conv2d(8, 4, 1)

    def forward(self, x):
        x = self.stem(x)
        for block in self.blocks:
            x = block(x)
        return self.head(torch.tanh(self.resize(x)))
"""
HEADS = f"""\
        self.early = nn.Conv2d(8, 4, 1)
        self.head = nn.Conv2d(8, 4, 1)

    def forward(self, data):
        x = self.stem({{data}})
        for block in self.blocks:
            x = block(x)
        x = self.resize(x)
        early, maps = self.early(x), self.head(torch.tanh(x))
        weights = (8 * maps).flatten(2).softmax(2).reshape(maps.shape)
        columns, rows = torch.arange({WIDTH}.0), torch.arange({HEIGHT}.0)
        points = torch.stack([(weights.sum(2) * columns).sum(2), (weights.sum(3) * rows).sum(2)], 2)
        return {{outputs}}


MEAN, STD = (torch.tensor(each).view(1, 3, 1, 1) for each in ({MEAN}, {STD}))


def normalized(pixels):
    return (pixels - MEAN) / STD
"""
BUILD = f"""\
def build():
    contract = InputContract(height={HEIGHT}, width={WIDTH}, mean={MEAN}, std={STD})
    image = TensorSpec("data", (BATCH, 3, {HEIGHT}, {WIDTH}), layout="NCHW")
    maps = (BATCH, 4, {HEIGHT}, {WIDTH})
    outputs = (TensorSpec("early", maps), TensorSpec("maps", maps), TensorSpec("points", (BATCH, 4, 2)))
    return Network(), ModelSpec("layered", "", (image,), outputs, contract, keypoint_names={NAMES})
"""
OVERFLOW = "an FP16 overflow"
PIXELS = "(data * STD + MEAN)"
ALL = "early, maps, points"


@dataclass(frozen=True)
class Graph:
    """The parts of the network that a fault in the graph replaces, as Python expressions."""

    data: str = "data"
    outputs: str = ALL
    align_corners: bool = True
    batch: int = 1

    def write(self, path: Path) -> str:
        """Write the Python file of the network, and return its ``file.py:function``."""
        code, _, _ = CODE.partition("def build():")
        code = code.replace(HEAD, HEADS).replace("{data}", self.data).replace("{outputs}", self.outputs)
        code = (code + BUILD).replace("BATCH", str(self.batch))
        path.write_text(code.replace("ALIGN", str(self.align_corners)))
        return f"{path}:build"


def _each_output(change: str) -> str:
    return f"[each{change} for each in ({ALL})]"


GRAPHS: Mapping[str, Graph] = {
    "channels swapped": Graph(f"normalized({PIXELS}.flip(1))"),
    "mean missing": Graph("data + MEAN / STD"),
    "std missing": Graph("data * STD"),
    "divided by 255 twice": Graph(f"normalized({PIXELS} / 255)"),
    "not divided by 255": Graph(f"normalized({PIXELS} * 255)"),
    "256 for 255": Graph(f"normalized({PIXELS} * (255 / 256))"),
    "normalized twice": Graph("normalized(data)"),
    "one-pixel shift": Graph("nn.functional.pad(data, (1, -1, 0, 0))"),
    "transposed image": Graph("data.permute(0, 1, 3, 2).reshape(data.shape)"),
    "channels-last image": Graph("data.permute(0, 2, 3, 1).reshape(data.shape)"),
    "mirrored image": Graph("data.flip(3)"),
    "left and right swapped": Graph(outputs=_each_output("[:, [1, 0, 3, 2]]")),
    "a swapped keypoint pair": Graph(outputs=_each_output("[:, [0, 1, 3, 2]]")),
    "a swapped keypoint pair in one output": Graph(outputs="early, maps[:, [0, 1, 3, 2]], points"),
    "outputs in another order": Graph(outputs="maps, early, points"),
    "a transposed output": Graph(outputs="early, maps.permute(0, 1, 3, 2).reshape(maps.shape), points"),
    "a channels-last output": Graph(outputs="early, maps.permute(0, 2, 3, 1).reshape(maps.shape), points"),
    "x and y exchanged": Graph(outputs="early, maps, points.flip(2)"),
    "a decoding that truncates": Graph(outputs="early, maps, points.floor()"),
    "maps shifted by a cell": Graph(outputs="early, maps.roll(1, 3), points"),
    "batch items mixed up": Graph(outputs=_each_output(".flip(0)"), batch=3),
    "align_corners": Graph(align_corners=False),
}
"""Faults in the graph of the exported network."""


@torch.no_grad()
def perturb_layer(network: nn.Module) -> None:
    """Change the weights of one convolution by 10%."""
    weight = network.get_parameter("blocks.1.conv.weight")
    weight.mul_(1 + 0.1 * torch.randn(weight.shape, generator=torch.Generator().manual_seed(5)))


@torch.no_grad()
def leave_stale_statistics(network: nn.Module) -> None:
    """Give a BatchNorm other statistics than those that the network was trained with."""
    network.get_buffer("blocks.1.norm.running_mean").add_(0.3)
    network.get_buffer("blocks.1.norm.running_var").mul_(torch.linspace(0.5, 2, 8))


@torch.no_grad()
def overflow(network: nn.Module) -> None:
    """Enlarge activations beyond the range of FP16."""
    network.get_parameter("blocks.0.norm.weight").mul_(1e6)


WEIGHTS: Mapping[str, Damage] = {
    "a layer with perturbed weights": perturb_layer,
    "a stale BatchNorm": leave_stale_statistics,
    OVERFLOW: overflow,
}
"""Faults in the weights of the exported network; an overflow is one in FP16 only."""

Preparation: TypeAlias = Callable[[Array], Array]
"""Prepares a (H, W, 3) uint8 BGR image as the network's input, (1, 3, height, width)."""


def _normalize(canvas: Array) -> Array:
    array: Array = ((canvas - np.array(MEAN)) / np.array(STD)).astype(np.float32)
    return np.ascontiguousarray(array.transpose(2, 0, 1)[None])


def prepare(
    image: Array,
    interpolation: int = cv2.INTER_LINEAR,
    padding: float | tuple[float, ...] = MEAN,
    *,
    is_centered: bool = True,
) -> Array:
    """Return the input that an application prepares: scaled to fit inside, and padded."""
    scale = min(HEIGHT / image.shape[0], WIDTH / image.shape[1])
    scaled = cv2.resize(image, None, fx=scale, fy=scale, interpolation=interpolation)
    canvas = np.empty((HEIGHT, WIDTH, 3), np.uint8)
    canvas[...] = padding
    top = (HEIGHT - scaled.shape[0]) // 2 if is_centered else 0
    left = (WIDTH - scaled.shape[1]) // 2 if is_centered else 0
    canvas[top : top + scaled.shape[0], left : left + scaled.shape[1]] = scaled
    return _normalize(canvas)


PREPARATIONS: Mapping[str, Preparation] = {
    "other resize: nearest": lambda image: prepare(image, cv2.INTER_NEAREST),
    "other resize: area": lambda image: prepare(image, cv2.INTER_AREA),
    "other resize: cubic": lambda image: prepare(image, cv2.INTER_CUBIC),
    "other resize: stretched": lambda image: _normalize(cv2.resize(image, (WIDTH, HEIGHT))),
    "other padding: black": lambda image: prepare(image, padding=0),
    "other padding: at the end": lambda image: prepare(image, is_centered=False),
}
"""Faults of an application that prepares images for the exported network with code of its own."""
