"""Counts the parameters and the arithmetic of the published networks, as ``families.py`` states them.

``python tools/count_flops.py``: for one image or person, convolutions and matrix products alone, two for a
multiplication with its addition, by PyTorch's own counter. Pose2Mesh is counted as it is deployed, on a
closed mesh of as many vertices as SMPL's.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from posedeploy.checkpoints import (
    gtrs,
    lightweight_openpose_2d,
    lightweight_openpose_3d,
    mobile_human_pose,
    pose2mesh,
    pose_hg_3d,
)
from posedeploy.joint_sets import JOINT_SETS
from posedeploy.meshes.levels import mesh_levels
from tools.torus import torus

MOBILE: dict[str, dict[str, tuple[int, ...]]] = {
    "LPSKI": {},
    "LPRES": {"backbone.deonv0.0.weight": (256, 2368, 1, 1)},
    "LPWO": {"backbone.deconv0.0.weight": (160, 2048, 1, 1)},
}
"""The shapes that tell each backbone."""

SMPL_BLOCKS = (
    (5, 32, 64, 64), (64, 128, 256), *[(256, 256, 256)] * 4, (256, 128, 128), *[(128, 128, 128)] * 2,
    (128, 64, 3),
)  # fmt: skip
SMPL_LIKE = (65, 106)
"""A torus of 6890 vertices."""


def networks() -> Iterator[tuple[str, nn.Module, tuple[int, ...]]]:
    """Name, network and input shape of each, one after the other: some are large."""
    yield "lightweight-openpose-2d", lightweight_openpose_2d.LightweightOpenPose2d(), (1, 3, 256, 456)
    yield "lightweight-openpose-3d", lightweight_openpose_3d.LightweightOpenPose3d(), (1, 3, 256, 448)
    for name, shapes in MOBILE.items():
        yield f"mobile-human-pose {name}", mobile_human_pose.build(shapes)[0], (1, 3, 256, 256)
    for (kind, blocks), name in pose_hg_3d.DEPTHS.items():
        network = pose_hg_3d.PoseHg3d(pose_hg_3d.KINDS[kind], blocks, 256, {"hm": 16, "depth": 16})
        yield f"pose-hg-3d {name}", network, (1, 3, 256, 256)
    joints = JOINT_SETS["human36"]
    lifter = pose2mesh.Lifter(len(joints), pose2mesh.HIDDEN, pose2mesh.STAGES)
    yield "pose2mesh, the lifter alone", lifter, (1, 17, 2)
    widths = pose2mesh.Widths(SMPL_BLOCKS)
    levels = mesh_levels(torus(*SMPL_LIKE, seed=1), widths.levels)
    yield "pose2mesh", pose2mesh.Pose2Mesh(lifter, widths, joints, levels), (1, 17, 2)
    yield "gtrs", gtrs.build({})[0], (1, 17, 2)


def gflop(network: nn.Module, shape: tuple[int, ...]) -> float:
    """10^9 operations of one run."""
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network.eval()(torch.zeros(shape))
    return float(counter.get_total_flops()) / 1e9


def main() -> None:
    """Print a line for each network."""
    for name, network, shape in networks():
        parameters = sum(parameter.numel() for parameter in network.parameters())
        deployed = network.deployed() if isinstance(network, pose2mesh.Pose2Mesh) else network
        size = "x".join(map(str, shape))
        print(f"{name:30s} {parameters / 1e6:6.1f} M  {gflop(deployed, shape):7.2f} GFLOP at {size}")


if __name__ == "__main__":
    main()
