"""Small networks that export in a second and have all features of pose networks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from posedeploy.checkpoints import mobile_human_pose, pose_hg_3d
from posedeploy.flatten import flat
from posedeploy.types import InputContract, Model, ModelSpec, Tensors, TensorSpec

OUTPUTS = {"early_heatmaps": 2, "early_pafs": 4, "heatmaps": 2, "pafs": 4}
CONTRACT = InputContract(
    height=32, width=40, mean=(120.0, 110.0, 100.0), std=(50.0, 60.0, 70.0), color_order="RGB"
)


class TinyPose(nn.Module):
    """Two stages of different heatmaps and part affinity fields at stride 8, as nested outputs."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 24, 3, 2, 1), nn.BatchNorm2d(24), nn.ReLU())
        self.body = nn.Sequential(nn.Conv2d(24, 24, 3, 4, 1), nn.ELU())
        self.heatmaps = nn.Conv2d(24, 2, 1)
        self.pafs = nn.Conv2d(24, 4, 1)

    def forward(self, data: Tensor) -> dict[str, object]:
        x = self.body(self.stem(data))
        early = [self.heatmaps(x), self.pafs(x)]
        x = torch.tanh(x)
        return {"early": early, "late": (self.heatmaps(x), self.pafs(x))}


CROPS = ("mobile", "hg", "hg2d")
"""mobile-human-pose, and pose-hg-3d with and without a depth head."""
MOBILE = mobile_human_pose.BackboneWidths(8, (8, 8, 8, 8, 8, 8, 8), 16, (8, 8, 8), (8, 8, 8), 21 * 32)


def write_crop_network(name: str, path: Path) -> Path:
    """Write the checkpoint of a small single-person network, with weights that keep values in range."""
    torch.manual_seed(3)
    if name == "mobile":
        network: nn.Module = mobile_human_pose.MobileHumanPose(mobile_human_pose.Lpski(MOBILE), 21)
        nn.init.normal_(network.get_parameter("backbone.final_layer.weight"), 0, 0.01)
    else:
        heads = {"hm": 16, "depth": 16} if name == "hg" else {"hm": 16}
        network = pose_hg_3d.PoseHg3d(pose_hg_3d.BasicBlock, (1, 1, 1, 1), 8, heads)
    torch.save({"state_dict": network.state_dict(), "epoch": 1}, path)
    return path


def tiny_model() -> Model:
    """Return TinyPose with fixed weights, dynamic axes and RGB input."""
    torch.manual_seed(7)
    spec = ModelSpec(
        family="tiny",
        variant="for tests",
        inputs=(TensorSpec("data", ("batch", 3, "height", "width"), layout="NCHW"),),
        outputs=tuple(
            TensorSpec(name, ("batch", channels, "height/8", "width/8"), layout="NCHW")
            for name, channels in OUTPUTS.items()
        ),
        contract=CONTRACT,
        roles={"heatmaps": "heatmaps", "pafs": "pafs"},
    )
    return Model(TinyPose().eval().requires_grad_(False), spec, None, "0" * 64)


def tiny_image(seed: int = 0) -> Tensors:
    """Return an input of TinyPose at its default size, 1x3x32x40."""
    return {"data": np.random.RandomState(seed).standard_normal((1, 3, 32, 40)).astype(np.float32)}


def outputs_of(model: Model, tensors: Tensors) -> Tensors:
    """Return the outputs of a model with one input in PyTorch, by the names of its spec."""
    with torch.inference_mode():
        outputs = flat(model.module(torch.from_numpy(tensors["data"].copy())))
    return {spec.name: output.numpy() for spec, output in zip(model.spec.outputs, outputs, strict=True)}


class TwoInputs(nn.Module):
    """Turns joints and a scale into a mesh, without an image, and also returns the joints."""

    def __init__(self) -> None:
        super().__init__()
        self.lift = nn.Linear(2, 3)

    def forward(self, joints: Tensor, scale: Tensor) -> tuple[Tensor, Tensor]:
        return self.lift(joints) * scale, joints + 0


def two_input_model(frames: int | str = 1) -> Model:
    """Return TwoInputs. frames: the first axis, a number or the name of a dynamic one."""
    torch.manual_seed(7)
    spec = ModelSpec(
        "lifter",
        "",
        inputs=(TensorSpec("joints", (frames, 5, 2)), TensorSpec("scale", (1,))),
        outputs=(TensorSpec("mesh", (frames, 5, 3)), TensorSpec("joints_again", (frames, 5, 2))),
    )
    return Model(TwoInputs().eval().requires_grad_(False), spec, None, "0" * 64)
