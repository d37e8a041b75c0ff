"""The published networks with random weights, in the variants whose figures ``families.py`` lists."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from torch import nn

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from posedeploy.checkpoints import (
    gtrs,
    lightweight_openpose_2d,
    lightweight_openpose_3d,
    mobile_human_pose,
    pose2mesh,
    pose_hg_3d,
)
from posedeploy.errors import InputError
from posedeploy.joint_sets import JOINT_SETS
from posedeploy.meshes.levels import build_levels
from posedeploy.types import Array
from tests.support.torus import torus

MOBILE: dict[str, dict[str, tuple[int, ...]]] = {
    "LPSKI": {},
    "LPRES": {"backbone.deonv0.0.weight": (256, 2368, 1, 1)},
    "LPWO": {"backbone.deconv0.0.weight": (160, 2048, 1, 1)},
}
"""The tensor shapes that identify each backbone."""

SMPL_BLOCKS = (
    (5, 32, 64, 64), (64, 128, 256), *[(256, 256, 256)] * 4, (256, 128, 128), *[(128, 128, 128)] * 2,
    (128, 64, 3),
)  # fmt: skip
SMPL_LIKE = (65, 106)
"""A torus of 6890 vertices."""


def smpl_like_mesh() -> Array:
    """Return the (13780, 3) triangles of a closed mesh of 6890 vertices."""
    return torus(*SMPL_LIKE, seed=1)


def smpl_pose2mesh() -> pose2mesh.Pose2Mesh:
    """Return Pose2Mesh with the joints of human36 and a mesh of the size of SMPL."""
    joints, widths = JOINT_SETS["human36"], pose2mesh.MeshNetWidths(SMPL_BLOCKS)
    lifter = pose2mesh.LifterNetwork(len(joints), pose2mesh.HIDDEN, pose2mesh.STAGES)
    return pose2mesh.Pose2Mesh(lifter, widths, joints, build_levels(smpl_like_mesh(), widths.levels))


def _builders() -> Iterator[tuple[str, Callable[[], nn.Module], tuple[int, ...]]]:
    yield "lightweight-openpose-2d", lightweight_openpose_2d.LightweightOpenPose2d, (1, 3, 256, 456)
    yield "lightweight-openpose-3d", lightweight_openpose_3d.LightweightOpenPose3d, (1, 3, 256, 448)
    for name, shapes in MOBILE.items():
        yield f"mobile-human-pose {name}", partial(_first, mobile_human_pose.build, shapes), (1, 3, 256, 256)
    for (kind, blocks), name in pose_hg_3d.DEPTHS.items():
        heads = {"hm": 16, "depth": 16}
        build = partial(pose_hg_3d.PoseHg3d, pose_hg_3d.KINDS[kind], blocks, 256, heads)
        yield f"pose-hg-3d {name}", build, (1, 3, 256, 256)
    yield "pose2mesh, the lifter alone", lambda: smpl_pose2mesh().pose_lifter, (1, 17, 2)
    yield "pose2mesh", smpl_pose2mesh, (1, 17, 2)
    yield "gtrs", partial(_first, gtrs.build, {}), (1, 17, 2)


def _first(build: Callable[..., tuple[nn.Module, object]], shapes: object) -> nn.Module:
    return build(shapes)[0]


def networks(beginnings: Sequence[str] = ()) -> Iterator[tuple[str, nn.Module, tuple[int, ...]]]:
    """Yield the name, network and input shape of each; one at a time, because some are large.

    Args:
        beginnings: of the names of the networks; all networks if there are none.

    Raises:
        InputError: no network has a name with one of the beginnings.
    """
    builders = list(_builders())
    for beginning in beginnings:
        if not any(name.startswith(beginning) for name, _, _ in builders):
            known = ", ".join(name for name, _, _ in builders)
            raise InputError(f"{beginning}: no network name begins with this; the networks are {known}")
    for name, build, shape in builders:
        if not beginnings or name.startswith(tuple(beginnings)):
            yield name, build(), shape
