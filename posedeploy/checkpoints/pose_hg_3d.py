"""pose-hg-3d: one centered person, 2D or 3D, by a ResNet and three transposed convolutions.

Sources: Zhou et al., "Towards 3D Human Pose Estimation in the Wild: a Weakly-supervised Approach"
(arXiv:1704.02447), for the depth head; Xiao, Wu and Wei, "Simple Baselines for Human Pose Estimation and
Tracking" (arXiv:1804.06208), for the network; He et al. (arXiv:1512.03385) for the ResNet, whose tensors have
torchvision's names. Written from these and from the tensors of a checkpoint: no upstream code.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from posedeploy.checkpoints.lightweight_openpose_layers import outputs_of
from posedeploy.errors import CheckpointError
from posedeploy.specs import family_spec
from posedeploy.types import ModelSpec, TensorSpec

FAMILY = "pose-hg-3d"
WIDTHS = (64, 128, 256, 512)
STRIDE = 4
"""Input pixels per output cell."""

PUBLISHED_BLOCKS = (3, 4, 6, 3)
DEPTHS: dict[tuple[str, tuple[int, ...]], str] = {
    ("basic", (2, 2, 2, 2)): "ResNet-18",
    ("basic", (3, 4, 6, 3)): "ResNet-34",
    ("bottleneck", (3, 4, 6, 3)): "ResNet-50",
    ("bottleneck", (3, 4, 23, 3)): "ResNet-101",
    ("bottleneck", (3, 8, 36, 3)): "ResNet-152",
}
HEADS = ("hm", "depth")


class BasicBlock(nn.Module):
    """A residual block of two 3x3 convolutions."""

    expansion = 1

    def __init__(self, inputs: int, width: int, stride: int, downsample: nn.Module | None) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, width, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU()
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.downsample = downsample

    def forward(self, x: Tensor) -> Tensor:
        skipped = x if self.downsample is None else self.downsample(x)
        y = self.relu(self.bn1(self.conv1(x)))
        result: Tensor = self.relu(self.bn2(self.conv2(y)) + skipped)
        return result


class Bottleneck(nn.Module):
    """A residual block of a 1x1, a 3x3 with the stride, and a 1x1 convolution."""

    expansion = 4

    def __init__(self, inputs: int, width: int, stride: int, downsample: nn.Module | None) -> None:
        super().__init__()
        outputs = width * self.expansion
        self.conv1 = nn.Conv2d(inputs, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU()
        self.downsample = downsample

    def forward(self, x: Tensor) -> Tensor:
        skipped = x if self.downsample is None else self.downsample(x)
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.relu(self.bn2(self.conv2(y)))
        result: Tensor = self.relu(self.bn3(self.conv3(y)) + skipped)
        return result


Block = type[BasicBlock] | type[Bottleneck]
KINDS: dict[str, Block] = {"basic": BasicBlock, "bottleneck": Bottleneck}


class PoseHg3d(nn.Module):
    """A heatmap and a depth map for each joint, at stride 4.

    Input (N, 3, H, W), H and W multiples of 32; outputs (N, joints, H/4, W/4) of each head: ``hm``, and
    ``depth`` if the checkpoint has it.
    """

    def __init__(self, block: Block, blocks: tuple[int, ...], deconv: int, heads: Mapping[str, int]) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, WIDTHS[0], 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(WIDTHS[0])
        self.relu = nn.ReLU()
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        channels = WIDTHS[0]
        for number, (width, count) in enumerate(zip(WIDTHS, blocks, strict=True), start=1):
            layer, channels = _build_layer(block, channels, width, count, stride=1 if number == 1 else 2)
            self.add_module(f"layer{number}", layer)
        self.deconv_layers = nn.Sequential(
            *_build_upsampling(channels, deconv),
            *_build_upsampling(deconv, deconv),
            *_build_upsampling(deconv, deconv),
        )
        self.heads = tuple(heads)
        for head, outputs in heads.items():
            self.add_module(head, nn.Conv2d(deconv, outputs, 1))

    def forward(self, data: Tensor) -> tuple[Tensor, ...]:
        x = self.maxpool(self.relu(self.bn1(self.conv1(data))))
        for number in range(1, len(WIDTHS) + 1):
            x = self.get_submodule(f"layer{number}")(x)
        x = self.deconv_layers(x)
        return tuple(self.get_submodule(head)(x) for head in self.heads)


def _build_layer(block: Block, inputs: int, width: int, count: int, stride: int) -> tuple[nn.Sequential, int]:
    """Return one of the ResNet's four layers, and its output channels."""
    outputs = width * block.expansion
    downsample = None
    if stride != 1 or inputs != outputs:
        downsample = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))
    rest = (block(outputs, width, 1, None) for _ in range(count - 1))
    return nn.Sequential(block(inputs, width, stride, downsample), *rest), outputs


def _build_upsampling(inputs: int, outputs: int) -> tuple[nn.Module, ...]:
    """Return a transposed convolution to twice the size, BatchNorm and ReLU."""
    return (
        nn.ConvTranspose2d(inputs, outputs, 4, 2, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(),
    )  # fmt: skip


def recognizes(shapes: dict[str, tuple[int, ...]]) -> bool:
    """Return whether these are the tensors of this network."""
    return {"layer1.0.conv1.weight", "deconv_layers.0.weight", "hm.weight"} <= shapes.keys()


def build(shapes: dict[str, tuple[int, ...]]) -> tuple[nn.Module, ModelSpec]:
    """Return the variant with these shapes, its weights still random, and its spec.

    Raises:
        CheckpointError: the numbers of depth maps and heatmaps differ.
    """
    blocks = tuple(_count(shapes, number) or PUBLISHED_BLOCKS[number - 1] for number in (1, 2, 3, 4))
    basic = "layer1.0.conv2.weight" in shapes and "layer1.0.conv3.weight" not in shapes
    kind = "basic" if basic else "bottleneck"
    heads = {
        head: outputs_of(shapes, f"{head}.weight", 16)
        for head in HEADS
        if head == "hm" or f"{head}.weight" in shapes or not shapes
    }
    joints = heads["hm"]
    deconv = shapes.get("deconv_layers.0.weight", (0, 256))[1]
    resnet = DEPTHS.get((kind, blocks)) or f"ResNet of {'-'.join(map(str, blocks))} {kind} blocks"
    depth = "" if "depth" in heads else ", 2D: no depth head"
    spec = family_spec(
        FAMILY,
        f"{resnet}, {joints} joints{depth}",
        (TensorSpec("data", ("batch", 3, "height", "width"), layout="NCHW"),),
        tuple(
            TensorSpec(head, ("batch", count, f"height/{STRIDE}", f"width/{STRIDE}"), layout="NCHW")
            for head, count in heads.items()
        ),
        {head: head for head in heads},
        joints,
    )
    if heads.get("depth", joints) != joints:
        raise CheckpointError(
            f"this checkpoint of {FAMILY} has {joints} heatmaps and {heads['depth']} depth maps, expected as "
            "many of both; pass your own variant as `network=FILE.py:FUNCTION`"
        )
    return PoseHg3d(KINDS[kind], blocks, deconv, heads), spec


def _count(shapes: dict[str, tuple[int, ...]], layer: int) -> int:
    """Return the number of blocks in a layer."""
    count = 0
    while f"layer{layer}.{count}.conv1.weight" in shapes:
        count += 1
    return count
