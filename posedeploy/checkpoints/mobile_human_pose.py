"""MobileHumanPose: one person in a box, 3D, by a softmax expectation over a volume for each joint.

Source: Choi, Choi and Kim, "MobileHumanPose: Toward Real-Time 3D Human Pose Estimation in Mobile Devices"
(CVPR Workshops 2021), and, for the expectation, Sun et al., "Integral Human Pose Regression"
(arXiv:1711.08229). The nesting of the modules, with the published misspelling, defines the tensor names,
which are those of the checkpoints.
"""

from __future__ import annotations

from itertools import accumulate, pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn

from posedeploy.checkpoints.lightweight_openpose_layers import outputs_of
from posedeploy.checkpoints.mobile_human_pose_layers import InvertedResidual, decoder_step, unit, upsample
from posedeploy.errors import CheckpointError
from posedeploy.specs import family_spec
from posedeploy.types import ModelSpec, TensorSpec

FAMILY = "mobile-human-pose"
SIDE = 256
"""Height and width of the input in px."""

EXPANSION = 6
GROUPS = (1, 2, 3, 4, 3, 3, 1)
"""Inverted residuals in each group; only the first group does not expand."""
CHANNELS = (64, 48, 48, 64, 96, 160, 320)
ENDS = tuple(accumulate(GROUPS))
"""The number of blocks up to the end of each group."""
DECODER_STEPS = 3


class BackboneWidths(NamedTuple):
    """The channels of a backbone, which differ between checkpoints; ``final`` is joints * depth bins."""

    stem: int
    groups: tuple[int, ...]
    embedding: int
    hidden: tuple[int, ...]
    decoder: tuple[int, ...]
    final: int


class Backbone(nn.Module):
    """From the image to the volumes of all joints, (N, joints * bins, bins, bins).

    A subclass connects the groups and the decoder steps.
    """

    name: str
    step_name = "deconv{}"
    stem_stride = 1
    strides: tuple[int, ...] = (1, 2, 2, 2, 2, 2, 1)
    bins = 64
    hidden: tuple[int, ...]
    """Hidden channels of each decoder step, as published."""

    def __init__(self, widths: BackboneWidths) -> None:
        super().__init__()
        self.first_conv = unit(3, widths.stem, 3, self.stem_stride)
        groups = (widths.stem, *widths.groups)
        self.inv_residual = nn.Sequential(*self._blocks(groups))
        self.last_conv = unit(self.input_channels(groups, len(GROUPS)), widths.embedding, 1)
        ends = zip(self.step_inputs(widths), widths.hidden, widths.decoder, strict=True)
        for step, (inputs, hidden, outputs) in enumerate(ends):
            self.add_module(self.step_name.format(step), decoder_step(inputs, hidden, outputs))
        self.final_layer = nn.Conv2d(widths.decoder[-1], widths.final, 1)

    def _blocks(self, groups: tuple[int, ...]) -> list[nn.Module]:
        blocks: list[nn.Module] = []
        for group, count in enumerate(GROUPS):
            inputs, stride = self.input_channels(groups, group), self.strides[group]
            for _ in range(count):
                expansion = EXPANSION if group else 1
                blocks.append(InvertedResidual(inputs, groups[group + 1], stride, expansion))
                inputs, stride = groups[group + 1], 1
        return blocks

    def group(self, number: int, x: Tensor) -> Tensor:
        """Run one group of blocks."""
        for index in range(ENDS[number] - GROUPS[number], ENDS[number]):
            x = self.inv_residual[index](x)
        return x

    def step(self, number: int, *parts: Tensor) -> Tensor:
        """Run one decoder step on concatenated maps."""
        x = torch.cat(parts, dim=1) if len(parts) > 1 else parts[0]
        result: Tensor = self.get_submodule(self.step_name.format(number))(x)
        return result

    @staticmethod
    def input_channels(groups: tuple[int, ...], number: int) -> int:
        """Return the input channels of a group, or of ``last_conv`` after the last group.

        Args:
            groups: output channels of the stem and of each group.
        """
        return groups[number]

    @staticmethod
    def step_inputs(widths: BackboneWidths) -> tuple[int, ...]:
        """Return the input channels of each decoder step."""
        return (widths.embedding, *widths.decoder[:-1])


class Lpwo(Backbone):
    """A backbone without skip connections."""

    name = "LPWO"
    hidden = (160, 96, 64)

    def forward(self, data: Tensor) -> Tensor:
        x = self.last_conv(self.inv_residual(self.first_conv(data)))
        for number in range(DECODER_STEPS):
            x = self.step(number, x)
        result: Tensor = self.final_layer(x)
        return result


class Lpski(Backbone):
    """A backbone with skip connections from the encoder, and half the resolution."""

    name = "LPSKI"
    stem_stride = 2
    strides = (2, 2, 2, 2, 2, 1, 1)
    bins = 32
    hidden = (96, 64, 48)
    skips = (4, 3, 2)
    """For each decoder step, the group whose output is concatenated to its input."""

    def forward(self, data: Tensor) -> Tensor:
        x = self.first_conv(data)
        stages = []
        for number in range(len(GROUPS)):
            x = self.group(number, x)
            stages.append(x)
        x = self.last_conv(x)
        for number, skip in enumerate(self.skips):
            x = self.step(number, stages[skip], x)
        result: Tensor = self.final_layer(x)
        return result

    @staticmethod
    def step_inputs(widths: BackboneWidths) -> tuple[int, ...]:
        below = (widths.embedding, *widths.decoder[:-1])
        return tuple(widths.groups[skip] + inputs for skip, inputs in zip(Lpski.skips, below, strict=True))


class Lpres(Backbone):
    """A backbone whose groups and decoder steps get the outputs of the two before them."""

    name = "LPRES"
    step_name = "deonv{}"
    hidden = (256, 256, 256)

    def __init__(self, widths: BackboneWidths) -> None:
        super().__init__(widths)
        self.upsample = upsample()
        self.halve = nn.AvgPool2d(3, 2, 1, count_include_pad=False)

    def forward(self, data: Tensor) -> Tensor:
        before = self.first_conv(data)
        last = self.group(0, before)
        for number in range(1, len(GROUPS)):
            skipped = self.halve(before) if self.strides[number - 1] == 2 else before
            before, last = last, self.group(number, torch.cat([skipped, last], dim=1))
        x = self.last_conv(torch.cat([before, last], dim=1))
        before, last = x, self.step(0, last, x)
        for number in range(1, DECODER_STEPS):
            before, last = last, self.step(number, self.upsample(before), last)
        result: Tensor = self.final_layer(last)
        return result

    @staticmethod
    def input_channels(groups: tuple[int, ...], number: int) -> int:
        return groups[number] + (groups[number - 1] if number else 0)

    @staticmethod
    def step_inputs(widths: BackboneWidths) -> tuple[int, ...]:
        chain = (widths.groups[-1], widths.embedding, *widths.decoder[:-1])
        return tuple(a + b for a, b in pairwise(chain))


class MobileHumanPose(nn.Module):
    """The expected position of each joint in its volume.

    Input (N, 3, 256, 256); output (N, joints, 3): x, y and z in cells of the volume.
    """

    def __init__(self, backbone: Backbone, joints: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.joints = joints
        # Weights of each cell of a map: 1, x and y. Not part of the published checkpoints.
        side = torch.arange(backbone.bins, dtype=torch.float32)
        x, y = side.repeat(backbone.bins), side.repeat_interleave(backbone.bins)
        self.register_buffer("cells", torch.stack([torch.ones_like(x), x, y], dim=1), persistent=False)
        self.register_buffer("depths", side[:, None], persistent=False)

    cells: Tensor
    depths: Tensor

    def forward(self, data: Tensor) -> Tensor:
        bins = self.backbone.bins
        volumes = self.backbone(data).reshape(-1, self.joints, bins, bins * bins)
        # The softmax is normalized after the moments, which saves one pass over the volumes.
        weights = torch.exp(volumes - volumes.amax(dim=(2, 3), keepdim=True))
        by_depth = weights @ self.cells
        sums = by_depth.sum(dim=2)
        z = by_depth[..., 0] @ self.depths
        return torch.cat([sums[..., 1:], z], dim=2) / sums[..., :1]


def recognizes(shapes: dict[str, tuple[int, ...]]) -> bool:
    """Return whether these are the tensors of this network."""
    return {"backbone.first_conv.0.weight", "backbone.final_layer.weight"} <= shapes.keys()


def build(shapes: dict[str, tuple[int, ...]]) -> tuple[nn.Module, ModelSpec]:
    """Return the variant with these shapes, its weights still random, and its spec.

    Raises:
        CheckpointError: the final layer's channels are not a multiple of the depth bins.
    """
    kind = _kind(shapes)
    widths = _widths(kind, shapes)
    joints, rest = divmod(widths.final, kind.bins)
    if rest or not joints:
        raise CheckpointError(
            f"the final layer of this {kind.name} has {widths.final} channels, not a multiple of its "
            f"{kind.bins} depth bins; pass your own variant as `network=FILE.py:FUNCTION`"
        )
    spec = family_spec(
        FAMILY,
        f"{kind.name}, {joints} joints",
        (TensorSpec("data", ("batch", 3, SIDE, SIDE), layout="NCHW"),),
        (TensorSpec("coord", ("batch", joints, 3)),),
        {"coord": "coord"},
        joints,
        cells=kind.bins,
    )
    return MobileHumanPose(kind(widths), joints), spec


def _kind(shapes: dict[str, tuple[int, ...]]) -> type[Backbone]:
    if "backbone.deonv0.0.weight" in shapes:
        return Lpres
    step = shapes.get("backbone.deconv0.0.weight", ())
    embedding = outputs_of(shapes, "backbone.last_conv.0.weight", 2048)
    return Lpwo if step[1:2] == (embedding,) else Lpski


def _widths(kind: type[Backbone], shapes: dict[str, tuple[int, ...]]) -> BackboneWidths:
    def outputs(name: str, published: int) -> int:
        return outputs_of(shapes, f"backbone.{name}.weight", published)

    steps = [kind.step_name.format(step) for step in range(DECODER_STEPS)]
    return BackboneWidths(
        stem=outputs("first_conv.0", 48),
        groups=tuple(
            outputs(f"inv_residual.{end - 1}.conv.{2 if group else 1}", channels)
            for group, (end, channels) in enumerate(zip(ENDS, CHANNELS, strict=True))
        ),
        embedding=outputs("last_conv.0", 2048),
        hidden=tuple(
            outputs(f"{step}.0", published) for step, published in zip(steps, kind.hidden, strict=True)
        ),
        decoder=tuple(outputs(f"{step}.3", 256) for step in steps),
        final=outputs("final_layer", 18 * kind.bins),
    )
