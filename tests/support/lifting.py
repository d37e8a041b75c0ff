"""Pose2Mesh and GTRS with few channels and vertices, which export in a second."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import nn

from posedeploy.checkpoints.gtrs import Gtrs
from posedeploy.checkpoints.pose2mesh import LifterNetwork, MeshNetWidths, Pose2Mesh
from posedeploy.joint_sets import JOINT_SETS
from posedeploy.meshes.levels import build_levels
from tests.support.torus import torus

WIDTHS = MeshNetWidths(((5, 4, 6, 8), (8, 8, 12), (12, 10, 6), (6, 6, 6), (6, 4, 3)))
FACES = torus(9, 12, seed=3)
"""A mesh of 108 vertices, which is coarsened 4 times."""


def randomize_statistics(module: nn.Module) -> nn.Module:
    """Set the statistics of each batch norm at random, as if trained."""
    stream = torch.Generator().manual_seed(5)
    for part in module.modules():
        if isinstance(part, nn.BatchNorm1d):
            assert part.running_mean is not None and part.running_var is not None
            part.running_mean.normal_(0, 0.3, generator=stream)
            part.running_var.uniform_(0.3, 2, generator=stream)
    return module.eval().requires_grad_(False)


def small_pose2mesh(joint_set: str = "human36") -> Pose2Mesh:
    torch.manual_seed(7)
    joints = JOINT_SETS[joint_set]
    network = Pose2Mesh(LifterNetwork(len(joints), 24), WIDTHS, joints, build_levels(FACES, WIDTHS.levels))
    randomize_statistics(network)
    return network


def small_gtrs(joints: int = 17) -> Gtrs:
    torch.manual_seed(7)
    network = Gtrs(joints, width=16, vertices=20, depth=1)
    for parameter in network.parameters():
        nn.init.normal_(parameter, 0, 0.2)
    nn.init.normal_(network.pose_PAM.graph_adj, 0, 0.3)
    nn.init.normal_(network.pose_MRM.init_vertices, 0, 1)
    return network.eval().requires_grad_(False)


def write(network: nn.Module, path: Path) -> Path:
    """Write a checkpoint in the format of the published training code, and ``faces.npy`` next to it."""
    torch.save({"epoch": 3, "model_state_dict": network.state_dict()}, path)
    np.save(path.with_name("faces.npy"), FACES)
    return path
