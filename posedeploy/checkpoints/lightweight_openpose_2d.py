"""Lightweight OpenPose 2D: many people, 18 keypoints (arXiv:1811.12004)."""

from __future__ import annotations

from torch import Tensor, nn

from posedeploy.checkpoints import layers
from posedeploy.families import image_spec
from posedeploy.types import ModelSpec

FAMILY = "lightweight-openpose-2d"


class LightweightOpenPose2d(nn.Module):
    """Heatmaps and part affinity fields at stride 8, of every stage.

    Input (N, 3, H, W), H and W multiples of 8; outputs, for each stage,
    (N, heatmaps, H/8, W/8) and (N, pafs, H/8, W/8).
    """

    def __init__(self, stages: int = 1, channels: int = 128, heatmaps: int = 19, pafs: int = 38) -> None:
        super().__init__()
        self.model = layers.backbone()
        self.cpm = layers.Cpm(512, channels)
        self.initial_stage = layers.InitialStage(channels, heatmaps, pafs)
        self.refinement_stages = nn.ModuleList(
            layers.RefinementStage(channels, heatmaps, pafs) for _ in range(stages)
        )

    def forward(self, data: Tensor) -> tuple[Tensor, ...]:
        features = self.cpm(self.model(data))
        estimates = layers.refine(self.refinement_stages, features, self.initial_stage(features))
        return tuple(output for estimate in estimates for output in estimate)


def recognises(shapes: dict[str, tuple[int, ...]]) -> bool:
    """Whether these are the tensors of this network."""
    return "initial_stage.heatmaps.1.0.weight" in shapes and not any(
        name.startswith("Pose3D.") for name in shapes
    )


def build(shapes: dict[str, tuple[int, ...]]) -> tuple[nn.Module, ModelSpec]:
    """The network of the variant that the shapes tell, with random weights still, and its spec."""
    stages = layers.count(shapes, "refinement_stages.{}.heatmaps.1.0.weight")
    channels = layers.outputs_of(shapes, "cpm.align.0.weight", 128)
    heatmaps = layers.outputs_of(shapes, "initial_stage.heatmaps.1.0.weight", 19)
    pafs = layers.outputs_of(shapes, "initial_stage.pafs.1.0.weight", 38)
    return LightweightOpenPose2d(stages, channels, heatmaps, pafs), spec(stages, channels, heatmaps, pafs)


def spec(stages: int = 1, channels: int = 128, heatmaps: int = 19, pafs: int = 38) -> ModelSpec:
    """The published output names, a pair for each stage; poses are in the last pair."""
    outputs = {}
    for stage in range(stages + 1):
        outputs[f"stage_{stage}_output_1_heatmaps"] = heatmaps
        outputs[f"stage_{stage}_output_0_pafs"] = pafs
    last = {"heatmaps": f"stage_{stages}_output_1_heatmaps", "pafs": f"stage_{stages}_output_0_pafs"}
    return image_spec(FAMILY, f"{stages} refinement stages, {channels} channels", outputs, roles=last)
