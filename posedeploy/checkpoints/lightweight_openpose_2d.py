"""Lightweight OpenPose 2D: many people, 18 keypoints (arXiv:1811.12004)."""

from __future__ import annotations

from torch import Tensor, nn

from posedeploy.checkpoints import lightweight_openpose_layers as layers
from posedeploy.specs import image_spec
from posedeploy.types import ModelSpec

FAMILY = "lightweight-openpose-2d"


class LightweightOpenPose2d(layers.Estimator):
    """Heatmaps and part affinity fields of every stage at stride 8.

    Input (N, 3, H, W), H and W multiples of 8; outputs of each stage (N, heatmaps, H/8, W/8) and
    (N, pafs, H/8, W/8).
    """

    def forward(self, data: Tensor) -> tuple[Tensor, ...]:
        _, estimates = self.estimates(data)
        return tuple(output for estimate in estimates for output in estimate)


def recognizes(shapes: dict[str, tuple[int, ...]]) -> bool:
    """Return whether these are the tensors of this network."""
    return "initial_stage.heatmaps.1.0.weight" in shapes and not any(
        name.startswith("Pose3D.") for name in shapes
    )


def build(shapes: dict[str, tuple[int, ...]]) -> tuple[nn.Module, ModelSpec]:
    """Return the variant with these shapes, its weights still random, and its spec."""
    sizes = layers.sizes_of(shapes)
    return LightweightOpenPose2d(sizes), spec(sizes)


def spec(sizes: layers.Sizes = layers.PUBLISHED) -> ModelSpec:
    """Return the spec with the published output names, a pair for each stage; the last pair has the roles."""
    outputs: dict[str, int] = {}
    for stage in range(sizes.stages + 1):
        last = {"heatmaps": f"stage_{stage}_output_1_heatmaps", "pafs": f"stage_{stage}_output_0_pafs"}
        outputs |= {last["heatmaps"]: sizes.heatmaps, last["pafs"]: sizes.pafs}
    return image_spec(FAMILY, sizes.variant, outputs, roles=last)
